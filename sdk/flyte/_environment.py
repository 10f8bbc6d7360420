"""Task environments: what a group of tasks runs in, and the list of all that a program declared."""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ParamSpec, Self, TypeVar, overload

from flyte._cache import CacheRequest, cache_of
from flyte._image import Image
from flyte._limits import MAX_DESCRIPTION_CHARACTERS, MAX_INLINE_IO_BYTES
from flyte._options import (
    Link,
    TaskOptions,
    checked,
    checked_bytes,
    checked_queue,
    links_of,
)
from flyte._options import checked_env_vars as checked_env_vars
from flyte._pod import PodTemplate, pod_template_of
from flyte._policies import RetryStrategy, TimeoutType, retry_strategy, timeout_of
from flyte._resources import Resources
from flyte._reuse import ReusePolicy
from flyte._secret import SecretRequest, secrets_of
from flyte._task import Task, check_function
from flyte._triggers import Trigger, triggers_of
from flyte_schemas.names import ENVIRONMENT_PATTERN

P = ParamSpec("P")
R = TypeVar("R")

_declared: list["TaskEnvironment"] = []


def declared() -> list["TaskEnvironment"]:
    """Every environment of this process, in the order of their creation."""
    return list(_declared)


def forget(environment: "TaskEnvironment") -> None:
    """An environment that was made in passing counts no more."""
    _declared.remove(environment)


class Environment:
    """What code runs in: image, resources, variables, secrets.

    `depends_on` names the environments that this one calls: they are deployed together. `include` are
    further files of the bundle, as paths and globs from the folder of the declaring file. Raises ValueError
    for a bad name, TypeError for values of a wrong type.
    """

    def __init__(
        self,
        name: str,
        depends_on: Iterable["Environment"] = (),
        pod_template: PodTemplate | str | None = None,
        description: str | None = None,
        secrets: SecretRequest | None = None,
        env_vars: Mapping[str, str] | None = None,
        resources: Resources | None = None,
        interruptible: bool = False,
        image: Image | str | None = "auto",
        include: Iterable[str | Path] = (),
    ) -> None:
        self.name = _checked_name(name)
        self.description = checked("description", description or "", str)[:MAX_DESCRIPTION_CHARACTERS]
        self.pod_template = pod_template_of(pod_template)
        self.secrets = secrets_of(secrets)
        self.env_vars = checked_env_vars({} if env_vars is None else env_vars)
        self.resources = Resources() if resources is None else checked("resources", resources, Resources)
        self.interruptible = checked("interruptible", interruptible, bool)
        self.image = _checked_image(image)
        self.include = (include,) if isinstance(include, str) else tuple(str(path) for path in include)
        self.declared_in = _declaring_file()
        self.depends_on: list[Environment] = []
        self.add_dependency(*depends_on)

    @property
    def tasks(self) -> dict[str, Task[..., Any]]:
        """The tasks by their full names, in the order of their declaration."""
        return {}

    def add_dependency(self, *environments: "Environment") -> None:
        """This environment calls those. Raises TypeError, and ValueError for itself."""
        for environment in environments:
            checked("depends_on", environment, Environment)
            if environment is self:
                raise ValueError(f"environment {self.name!r} cannot depend on itself")
            if environment not in self.depends_on:
                self.depends_on.append(environment)

    def clone_with(
        self,
        name: str,
        image: Image | str | None = None,
        resources: Resources | None = None,
        env_vars: Mapping[str, str] | None = None,
        secrets: SecretRequest | None = None,
        depends_on: Iterable["Environment"] | None = None,
        description: str | None = None,
        interruptible: bool | None = None,
        include: Iterable[str | Path] | None = None,
        **options: Any,
    ) -> Self:
        """An environment of another name, like this one but for what is given, and without its tasks.

        Raises TypeError for an unknown option.
        """
        said = {
            "image": image,
            "resources": resources,
            "env_vars": env_vars,
            "secrets": secrets,
            "depends_on": depends_on,
            "description": description,
            "interruptible": interruptible,
            "include": include,
        }
        known = self._options()
        for option in options:
            if option not in known:
                raise TypeError(f"clone_with() takes no option {option!r}")
        given = {option: value for option, value in said.items() if value is not None}
        clone = type(self)(name, **{**known, **given, **options})
        if include is None:
            clone.declared_in = self.declared_in  # the patterns are from there
        return clone

    def _options(self) -> dict[str, Any]:
        """What the constructor would have to be told to make this again, but for the name."""
        names = (
            "depends_on",
            "pod_template",
            "description",
            "secrets",
            "env_vars",
            "resources",
            "interruptible",
            "image",
            "include",
        )
        return {name: getattr(self, name) for name in names}


class TaskEnvironment(Environment):
    """A named group of tasks that share image, resources, environment variables and more.

    `cache`, `reusable`, `queue` and `plugin_config` hold for all its tasks. For the rest, see `Environment`.
    Raises ValueError also for `plugin_config` together with `reusable`.
    """

    def __init__(
        self,
        name: str,
        depends_on: Iterable[Environment] = (),
        pod_template: PodTemplate | str | None = None,
        description: str | None = None,
        secrets: SecretRequest | None = None,
        env_vars: Mapping[str, str] | None = None,
        resources: Resources | None = None,
        interruptible: bool = False,
        image: Image | str | None = "auto",
        include: Iterable[str | Path] = (),
        cache: CacheRequest = "disable",
        reusable: ReusePolicy | None = None,
        plugin_config: Any = None,
        queue: str | None = None,
    ) -> None:
        super().__init__(
            name,
            depends_on=depends_on,
            pod_template=pod_template,
            description=description,
            secrets=secrets,
            env_vars=env_vars,
            resources=resources,
            interruptible=interruptible,
            image=image,
            include=include,
        )
        self.cache = cache_of(cache)
        self.reusable = None if reusable is None else checked("reusable", reusable, ReusePolicy)
        self.plugin_config = plugin_config
        self.queue = checked_queue(queue)
        if plugin_config is not None and reusable is not None:
            raise ValueError(f"environment {name!r} has both plugin_config and reusable: choose one")
        self._tasks: dict[str, Task[..., Any]] = {}
        _declared.append(self)

    @classmethod
    def from_task(
        cls, name: str, *tasks: Task[..., Any], depends_on: Iterable[Environment] | None = None
    ) -> "TaskEnvironment":
        """An environment of tasks that have none. Raises TypeError, and ValueError for one that has."""
        for task in tasks:
            checked("a task", task, Task)
            raise ValueError(f"task {task.name} already belongs to environment {task.environment.name!r}")
        return cls(name, depends_on=depends_on or ())

    @property
    def tasks(self) -> dict[str, Task[..., Any]]:
        """The tasks by their full names, in the order of their declaration."""
        return dict(self._tasks)

    @overload
    def task(self, _func: Callable[P, R], /) -> Task[P, R]: ...

    @overload
    def task(
        self,
        *,
        short_name: str | None = None,
        cache: CacheRequest | None = None,
        retries: int | RetryStrategy = 0,
        timeout: TimeoutType | float | None = 0,
        docs: str | None = None,
        pod_template: PodTemplate | str | None = None,
        report: bool = False,
        interruptible: bool | None = None,
        max_inline_io_bytes: int = MAX_INLINE_IO_BYTES,
        queue: str | None = None,
        triggers: Trigger | Iterable[Trigger] = (),
        links: Link | Iterable[Link] = (),
        task_resolver: Any = None,
        entrypoint: bool = False,
        produces_artifacts: bool = False,
    ) -> Callable[[Callable[P, R]], Task[P, R]]: ...

    def task(
        self,
        _func: Callable[..., Any] | None = None,
        *,
        short_name: str | None = None,
        cache: CacheRequest | None = None,
        retries: int | RetryStrategy = 0,
        timeout: TimeoutType | float | None = 0,
        docs: str | None = None,
        pod_template: PodTemplate | str | None = None,
        report: bool = False,
        interruptible: bool | None = None,
        max_inline_io_bytes: int = MAX_INLINE_IO_BYTES,
        queue: str | None = None,
        triggers: Trigger | Iterable[Trigger] = (),
        links: Link | Iterable[Link] = (),
        task_resolver: Any = None,
        entrypoint: bool = False,
        produces_artifacts: bool = False,
    ) -> Any:
        """Make a function a task of this environment; bare, or with options for this one task.

        `retries` is the number of further attempts, `timeout` the longest one attempt may run (seconds,
        timedelta or Timeout; 0: no limit). What is not given is the environment's. Raises TypeError and
        ValueError.
        """
        options = TaskOptions(
            short_name=None if short_name is None else checked("short_name", short_name, str),
            docs=checked("docs", docs or "", str),
            retry=retry_strategy(retries),
            timeout=timeout_of(timeout),
            cache=self.cache if cache is None else cache_of(cache),
            interruptible=(
                self.interruptible if interruptible is None else checked("interruptible", interruptible, bool)
            ),
            pod_template=self._pod_template(pod_template),
            queue=self.queue if queue is None else checked_queue(queue),
            report=checked("report", report, bool),
            max_inline_io_bytes=checked_bytes(max_inline_io_bytes),
            links=links_of(links),
            task_resolver=task_resolver,
            entrypoint=checked("entrypoint", entrypoint, bool),
            produces_artifacts=checked("produces_artifacts", produces_artifacts, bool),
            **self._shared(),
        )
        return self._declare(options, triggers) if _func is None else self._declare(options, triggers)(_func)

    def __repr__(self) -> str:
        return f"<environment {self.name}: {', '.join(self._tasks) or 'no tasks'}>"

    def _shared(self) -> dict[str, Any]:
        """The options that a task cannot have otherwise than its environment."""
        names = ("resources", "env_vars", "secrets", "reusable", "plugin_config")
        return {name: getattr(self, name) for name in names}

    def _declare(
        self, options: TaskOptions, triggers: object
    ) -> Callable[[Callable[..., Any]], Task[..., Any]]:
        def declare(func: Callable[..., Any]) -> Task[..., Any]:
            check_function(func)
            options.check(func)
            names = list(inspect.signature(func).parameters)
            found = triggers_of(triggers, f"{self.name}.{func.__name__}", names)
            task: Task[..., Any] = Task(func, self, replace(options, triggers=found))
            self._tasks[task.name] = task
            return task

        return declare

    def _pod_template(self, given: object) -> PodTemplate | str | None:
        if given is not None and self.reusable is not None:
            raise ValueError(
                f"environment {self.name!r} is reusable: give it the pod_template, not one of its tasks"
            )
        return self.pod_template if given is None else pod_template_of(given)

    def _options(self) -> dict[str, Any]:
        further = ("cache", "reusable", "plugin_config", "queue")
        return {**super()._options(), **{name: getattr(self, name) for name in further}}


def _declaring_file() -> Path | None:
    """The file of the user's that makes the environment; None in an interactive session."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "flyte":
        frame = frame.f_back
    file = Path(frame.f_code.co_filename) if frame is not None else None
    return file.absolute() if file is not None and file.is_file() else None


def _checked_name(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"an environment's name is a string, not {name!r}")
    if not re.fullmatch(ENVIRONMENT_PATTERN.strip("^$"), name) or len(name) > 128:
        raise ValueError(
            f"environment name {name!r} is not allowed: use lower-case letters and digits, "
            "separated by single '-' or '_'"
        )
    return name


def _checked_image(image: object) -> Image | str:
    if image is None:
        return "auto"
    if isinstance(image, Image | str):
        return image
    raise TypeError(f"image must be an Image or the URI of one, not {image!r}")
