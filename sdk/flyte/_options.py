"""What is said of a task beside its function: checked when it is declared, and read by whoever runs it."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, runtime_checkable

from flyte._cache import Cache
from flyte._limits import MAX_INLINE_IO_BYTES
from flyte._pod import PodTemplate
from flyte._policies import RetryStrategy, Timeout
from flyte._resources import Resources
from flyte._reuse import ReusePolicy
from flyte._secret import Secret
from flyte._triggers import Trigger

V = TypeVar("V")


@runtime_checkable
class Link(Protocol):
    """Gives an address that is shown beside an action of the task."""

    name: str

    def get_link(
        self,
        run_name: str,
        project: str,
        domain: str,
        context: dict[str, str],
        parent_action_name: str,
        action_name: str,
        pod_name: str,
        **kwargs: Any,
    ) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOptions:
    """What holds for one task: what `@env.task(…)` says, else what its environment says."""

    short_name: str | None = None
    docs: str = ""
    retry: RetryStrategy = field(default_factory=lambda: RetryStrategy(0))
    timeout: Timeout = field(default_factory=Timeout)
    cache: Cache = field(default_factory=lambda: Cache("disable"))
    interruptible: bool = False
    resources: Resources = field(default_factory=Resources)
    env_vars: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[Secret, ...] = ()
    pod_template: PodTemplate | str | None = None
    reusable: ReusePolicy | None = None
    queue: str | None = None
    plugin_config: Any = None
    report: bool = False
    max_inline_io_bytes: int = MAX_INLINE_IO_BYTES
    triggers: tuple[Trigger, ...] = ()
    links: tuple[Link, ...] = ()
    task_resolver: Any = None
    entrypoint: bool = False
    produces_artifacts: bool = False

    @property
    def retries(self) -> int:
        """Further attempts after the first."""
        return self.retry.count

    @property
    def timeout_s(self) -> float | None:
        """The longest that one attempt may run, in seconds; None: no limit."""
        return self.timeout.seconds("max_runtime")

    def check(self, func: Callable[..., Any]) -> None:
        """Raises ValueError when the function is not fit for what is said of it."""
        names = list(inspect.signature(func).parameters)
        unknown = [name for name in self.cache.ignored_inputs if name not in names]
        if unknown:
            raise ValueError(
                f"the cache of task {func.__name__!r} ignores {unknown[0]!r}, which is no input of it"
            )


class Optioned:
    """Something with `options`, whose parts are also its attributes."""

    options: TaskOptions

    @property
    def docs(self) -> str:
        return self.options.docs

    @property
    def retries(self) -> RetryStrategy:
        return self.options.retry

    @property
    def timeout(self) -> Timeout:
        return self.options.timeout

    @property
    def cache(self) -> Cache:
        return self.options.cache

    @property
    def interruptible(self) -> bool:
        return self.options.interruptible

    @property
    def resources(self) -> Resources:
        return self.options.resources

    @property
    def env_vars(self) -> dict[str, str]:
        """The variables of the environment, or those that `override` gave."""
        return dict(self.options.env_vars)

    @property
    def secrets(self) -> tuple[Secret, ...]:
        return self.options.secrets

    @property
    def pod_template(self) -> PodTemplate | str | None:
        return self.options.pod_template

    @property
    def reusable(self) -> ReusePolicy | None:
        return self.options.reusable

    @property
    def queue(self) -> str | None:
        return self.options.queue

    @property
    def report(self) -> bool:
        return self.options.report

    @property
    def triggers(self) -> tuple[Trigger, ...]:
        return self.options.triggers

    @property
    def links(self) -> tuple[Link, ...]:
        return self.options.links

    @property
    def max_inline_io_bytes(self) -> int:
        return self.options.max_inline_io_bytes

    @property
    def entrypoint(self) -> bool:
        return self.options.entrypoint

    @property
    def produces_artifacts(self) -> bool:
        return self.options.produces_artifacts

    @property
    def plugin_config(self) -> Any:
        return self.options.plugin_config

    @property
    def task_resolver(self) -> Any:
        return self.options.task_resolver


def checked(option: str, value: object, kind: type[V]) -> V:
    """`value`, which must be a `kind`. Raises TypeError."""
    if not isinstance(value, kind):
        raise TypeError(f"{option} must be {kind.__name__}, not {value!r}")
    return value


def checked_env_vars(env_vars: object) -> dict[str, str]:
    """Environment variables as a dict. Raises TypeError."""
    if not isinstance(env_vars, Mapping):
        raise TypeError(f"env_vars must be a dict of strings, not {env_vars!r}")
    for key, value in env_vars.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError(f"env_vars must map strings to strings, not {key!r} to {value!r}")
    return dict(env_vars)


def checked_queue(queue: object) -> str | None:
    """The name of a queue. Raises TypeError."""
    return None if queue is None else checked("queue", queue, str)


def checked_bytes(max_inline_io_bytes: object) -> int:
    """A positive number of bytes. Raises TypeError and ValueError."""
    if isinstance(max_inline_io_bytes, bool) or not isinstance(max_inline_io_bytes, int):
        raise TypeError(f"max_inline_io_bytes must be a whole number, not {max_inline_io_bytes!r}")
    if max_inline_io_bytes < 1:
        raise ValueError(f"max_inline_io_bytes must be above 0, got {max_inline_io_bytes}")
    return max_inline_io_bytes


def links_of(links: object) -> tuple[Link, ...]:
    """What `links=` takes: one or several. Raises TypeError."""
    several: Iterable[Any] = links if isinstance(links, list | tuple) else (links,)
    for link in several:
        if not callable(getattr(link, "get_link", None)):
            raise TypeError(f"a link has get_link(…), {link!r} has not")
    return tuple(several)
