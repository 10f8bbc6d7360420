"""Task environments: what a group of tasks runs in, and the list of all that a program declared."""

import datetime
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ParamSpec, TypeVar, overload

from flyte._limits import MAX_DESCRIPTION_CHARACTERS
from flyte._resources import Resources
from flyte._task import Task, TaskOptions
from flyte_schemas.words import ENVIRONMENT_PATTERN

P = ParamSpec("P")
R = TypeVar("R")

_NO_CACHE = ("disable", "disabled", "off", "false", "no", "none")

_declared: list["TaskEnvironment"] = []


def declared() -> list["TaskEnvironment"]:
    """Every environment of this process, in the order of their creation."""
    return list(_declared)


class TaskEnvironment:
    """A named group of tasks that share image, resources and environment variables.

    `depends_on` names the environments whose tasks these tasks call: they are deployed together. Raises
    ValueError for a bad name, TypeError for values of a wrong type, NotImplementedError for an option that
    this version cannot honour.
    """

    def __init__(
        self,
        name: str,
        depends_on: Iterable["TaskEnvironment"] = (),
        pod_template: None = None,
        description: str | None = None,
        secrets: None = None,
        env_vars: Mapping[str, str] | None = None,
        resources: Resources | None = None,
        interruptible: bool = False,
        image: str | None = "auto",
        include: tuple[str, ...] = (),
        cache: str = "disable",
        reusable: None = None,
        plugin_config: None = None,
        queue: None = None,
    ) -> None:
        _refuse_unsupported(
            "TaskEnvironment",
            pod_template=pod_template,
            secrets=secrets,
            include=include or None,
            reusable=reusable,
            plugin_config=plugin_config,
            queue=queue,
        )
        self.name = _checked_name(name)
        self.description = (description or "")[:MAX_DESCRIPTION_CHARACTERS]
        self.env_vars = checked_env_vars(env_vars or {})
        self.resources = _checked("resources", resources or Resources(), Resources)
        self.interruptible = _checked("interruptible", interruptible, bool)
        self.image = _checked("image", "auto" if image is None else image, str)
        self.cache = _checked_cache(cache)
        self.depends_on: list[TaskEnvironment] = []
        self._tasks: dict[str, Task[..., Any]] = {}
        self.add_dependency(*depends_on)
        _declared.append(self)

    @property
    def tasks(self) -> dict[str, Task[..., Any]]:
        """The tasks by their full names, in the order of their declaration."""
        return dict(self._tasks)

    def add_dependency(self, *environments: "TaskEnvironment") -> None:
        """Tasks of this environment call tasks of those. Raises TypeError, and ValueError for itself."""
        for environment in environments:
            _checked("depends_on", environment, TaskEnvironment)
            if environment is self:
                raise ValueError(f"environment {self.name!r} cannot depend on itself")
            if environment not in self.depends_on:
                self.depends_on.append(environment)

    @overload
    def task(self, _func: Callable[P, R], /) -> Task[P, R]: ...

    @overload
    def task(
        self,
        *,
        short_name: str | None = None,
        cache: str | None = None,
        retries: int = 0,
        timeout: float | datetime.timedelta | None = 0,
        docs: str | None = None,
        interruptible: bool | None = None,
    ) -> Callable[[Callable[P, R]], Task[P, R]]: ...

    def task(
        self,
        _func: Callable[..., Any] | None = None,
        *,
        short_name: str | None = None,
        cache: str | None = None,
        retries: int = 0,
        timeout: float | datetime.timedelta | None = 0,
        docs: str | None = None,
        interruptible: bool | None = None,
        **unsupported: Any,
    ) -> Any:
        """Make a function a task of this environment; bare, or with options for this one task.

        `retries` is the number of further attempts, `timeout` the longest one attempt may run, in seconds
        or as timedelta (0: no limit). What is not given is the environment's.
        """
        _refuse_unsupported("@env.task", **unsupported)
        _checked_cache("disable" if cache is None else cache)
        options = TaskOptions(
            short_name=short_name,
            retries=_checked_retries(retries),
            timeout_s=_seconds(timeout),
            docs=docs or "",
            interruptible=self.interruptible if interruptible is None else interruptible,
        )

        def declare(func: Callable[..., Any]) -> Task[..., Any]:
            task = Task(func, self, options)
            self._tasks[task.name] = task
            return task

        return declare if _func is None else declare(_func)

    def __repr__(self) -> str:
        return f"<environment {self.name}: {', '.join(self._tasks) or 'no tasks'}>"


def _checked_name(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"an environment's name is a string, not {name!r}")
    if not re.fullmatch(ENVIRONMENT_PATTERN.strip("^$"), name) or len(name) > 128:
        raise ValueError(
            f"environment name {name!r} is not allowed: use lower-case letters and digits, "
            "separated by single '-' or '_'"
        )
    return name


V = TypeVar("V")


def _checked(option: str, value: V, kind: type[V]) -> V:
    if not isinstance(value, kind):
        raise TypeError(f"{option} must be {kind.__name__}, not {value!r}")
    return value


def checked_env_vars(env_vars: object) -> dict[str, str]:
    if not isinstance(env_vars, Mapping):
        raise TypeError(f"env_vars must be a dict of strings, not {env_vars!r}")
    for key, value in env_vars.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError(f"env_vars must map strings to strings, not {key!r} to {value!r}")
    return dict(env_vars)


def _checked_cache(cache: object) -> str:
    if not isinstance(cache, str):
        raise NotImplementedError(f"cache={cache!r} is not supported yet: only cache='disable' is")
    if cache.lower() not in _NO_CACHE:
        raise NotImplementedError(f"cache={cache!r} is not supported yet: leave it out, or say 'disable'")
    return "disable"


def _checked_retries(retries: object) -> int:
    if isinstance(retries, bool) or not isinstance(retries, int):
        raise TypeError(f"retries must be a whole number, not {retries!r}")
    if retries < 0:
        raise ValueError(f"retries must not be negative, got {retries}")
    return retries


def _seconds(timeout: object) -> float | None:
    match timeout:
        case None | 0:
            return None
        case datetime.timedelta():
            seconds = timeout.total_seconds()
        case bool():
            raise TypeError(f"timeout must be seconds or a timedelta, not {timeout!r}")
        case int() | float():
            seconds = float(timeout)
        case _:
            raise TypeError(f"timeout must be seconds or a timedelta, not {timeout!r}")
    if seconds < 0:
        raise ValueError(f"timeout must not be negative, got {timeout!r}")
    return seconds or None


def _refuse_unsupported(where: str, **options: Any) -> None:
    for name, value in options.items():
        if value is not None:
            raise NotImplementedError(f"{where}({name}=…) is not supported yet: leave it out")
