"""A task: a function that can run elsewhere, and what calling it means.

Outside a run a task is its function. Inside a run a call becomes a child action; `flyte._calling` says how.
"""

import functools
import inspect
import sys
from collections.abc import Callable, Coroutine, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast, overload

from flyte import _calling
from flyte._cache import CacheRequest
from flyte._image import Image
from flyte._options import Link, Optioned, TaskOptions
from flyte._override import Reusable, overridden
from flyte._pod import PodTemplate
from flyte._policies import RetryStrategy, TimeoutType
from flyte._resources import Resources
from flyte._runtime.interface import NativeInterface, check_signature, native_interface, wire_interface
from flyte._secret import SecretRequest

if TYPE_CHECKING:
    from flyte._environment import TaskEnvironment
    from flyte_schemas.task import Interface, TaskOverrides

P = ParamSpec("P")
R = TypeVar("R", covariant=True)
T = TypeVar("T")


class Task(Optioned, Generic[P, R]):
    """What `@env.task` makes of a function. `R` is what calling it gives: a coroutine, when it is async.

    `changed` names the options that `override` gave it; `environment` declared it.
    """

    task_type = "python"
    __name__: str

    def __init__(
        self,
        func: Callable[P, R],
        environment: "TaskEnvironment",
        options: TaskOptions,
        changed: frozenset[str] = frozenset(),
    ) -> None:
        self.func = func
        self.environment = environment
        self.options = options
        self.changed = changed
        self.name = f"{environment.name}.{func.__name__}"
        self.short_name = options.short_name or func.__name__
        self.is_async = inspect.iscoroutinefunction(func)
        functools.update_wrapper(self, func)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function; inside a running task, as a child action."""
        return cast(R, _calling.call(self, args, kwargs, sys._getframe(1)))

    @overload
    def aio(
        self: "Task[P, Coroutine[Any, Any, T]]", *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, T]: ...

    @overload
    def aio(self: "Task[P, T]", *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]: ...

    def aio(self, *args: Any, **kwargs: Any) -> Coroutine[Any, Any, Any]:
        """The same as calling, always to be awaited, whether the function is sync or async."""
        return _calling.call_aio(self, args, kwargs)

    def forward(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function itself, here and now, never as an action."""
        return self.func(*args, **kwargs)

    def body(self, inputs: Mapping[str, Any]) -> Any:
        """Call the function with all of its inputs; those that it takes only by position go by position."""
        func: Callable[..., Any] = self.func
        first = self._positional_only
        named = {name: value for name, value in inputs.items() if name not in first}
        return func(*(inputs[name] for name in first), **named)

    @functools.cached_property
    def _positional_only(self) -> tuple[str, ...]:
        parameters = inspect.signature(self.func).parameters.values()
        return tuple(item.name for item in parameters if item.kind is item.POSITIONAL_ONLY)

    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        """Run the function itself, here and now, whether it is sync or async."""
        returned: Any = self.func(*args, **kwargs)
        return await returned if self.is_async else returned

    def override(
        self,
        *,
        short_name: str | None = None,
        resources: Resources | None = None,
        cache: CacheRequest | None = None,
        retries: int | RetryStrategy = 0,
        timeout: TimeoutType | float | None = None,
        reusable: Reusable | None = None,
        env_vars: Mapping[str, str] | None = None,
        secrets: SecretRequest | None = None,
        max_inline_io_bytes: int | None = None,
        pod_template: PodTemplate | str | None = None,
        queue: str | None = None,
        interruptible: bool | None = None,
        entrypoint: bool | None = None,
        produces_artifacts: bool | None = None,
        links: Iterable[Link] = (),
        plugin_config: Any = None,
        **unknown: Any,
    ) -> "Task[P, R]":
        """The same task, to be called with other options; this one stays as it is.

        What is given replaces; None and 0 mean: as it is. Raises ValueError for what cannot be overridden
        (its name, image, docs, interface; what a reused process is made of, without `reusable="off"`).
        """
        given = {
            "short_name": short_name,
            "resources": resources,
            "cache": cache,
            "retries": retries,
            "timeout": timeout,
            "reusable": reusable,
            "env_vars": env_vars,
            "secrets": secrets,
            "max_inline_io_bytes": max_inline_io_bytes,
            "pod_template": pod_template,
            "queue": queue,
            "interruptible": interruptible,
            "entrypoint": entrypoint,
            "produces_artifacts": produces_artifacts,
            "links": tuple(links) if isinstance(links, list | tuple) else links,
            "plugin_config": plugin_config,
            **unknown,
        }
        options, changed = overridden(self.name, self.options, given)
        options.check(self.func)
        return Task(self.func, self.environment, options, self.changed | changed)

    @functools.cached_property
    def overrides(self) -> "TaskOverrides | None":
        """What `override` changed, as a word on the wire; None when nothing."""
        from flyte._template import overrides_of

        return overrides_of(self)

    @property
    def image(self) -> Image | str:
        return self.environment.image

    @property
    def parent_env(self) -> "TaskEnvironment":
        """The environment that it is a task of."""
        return self.environment

    @property
    def parent_env_name(self) -> str:
        return self.environment.name

    @property
    def json_schema(self) -> dict[str, Any]:
        """The inputs as one JSON Schema: an object with a property for each."""
        return self.native_interface.json_schema

    @functools.cached_property
    def native_interface(self) -> NativeInterface:
        """Inputs and outputs with their Python types. Raises TypeError for a type that cannot travel."""
        return native_interface(self.func, self.name, max_inline_io_bytes=self.options.max_inline_io_bytes)

    @functools.cached_property
    def interface(self) -> "Interface":
        """Inputs and outputs as words on the wire. Raises TypeError."""
        return wire_interface(self.native_interface)

    @property
    def source_file(self) -> Path:
        """The file that the function stands in."""
        return Path(inspect.unwrap(self.func).__code__.co_filename).resolve()

    @property
    def source_line(self) -> int:
        """The line of the `def` (or of its first decorator), counted from 1."""
        return int(inspect.unwrap(self.func).__code__.co_firstlineno)

    def __repr__(self) -> str:
        return f"<task {self.name}>"


def check_function(func: Any) -> None:
    """Raises TypeError and ValueError for what cannot be a task."""
    if isinstance(func, Task):
        raise TypeError(f"{func.name} is a task already")
    if not inspect.isfunction(func):
        raise TypeError(f"@env.task decorates functions, not {type(func).__name__} {func!r}")
    if inspect.isgeneratorfunction(func) or inspect.isasyncgenfunction(func):
        raise TypeError(f"task {func.__name__!r} is a generator: return a list instead of yielding")
    check_signature(func)
