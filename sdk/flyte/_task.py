"""A task: a function that can run elsewhere, and what calling it means.

Outside a run a task is its function. Inside a run a call becomes a child action: an async task gives a
coroutine, a sync task blocks the thread it is called from. One case is left, a sync task called on an event
loop: it starts at once and gives a `Pending`, which has to be awaited like everything else there.
"""

import asyncio
import functools
import inspect
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast, overload

from flyte._binding import bind
from flyte._runtime import controller, group
from flyte._runtime.interface import NativeInterface, check_signature, native_interface, wire_interface
from flyte._runtime.pending import Pending
from flyte._syncify import running_loop
from flyte_schemas.task import Interface, Policies

if TYPE_CHECKING:
    from flyte._environment import TaskEnvironment

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOptions:
    """What `@env.task(...)` says beside the function. Times in seconds."""

    short_name: str | None = None
    retries: int = 0
    timeout_s: float | None = None
    docs: str = ""
    interruptible: bool = False

    def policies(self) -> Policies:
        return Policies(retries=self.retries, max_runtime_s=self.timeout_s, interruptible=self.interruptible)


class Task(Generic[P, R]):
    """What `@env.task` makes of a function. `R` is what calling it gives: a coroutine, when it is async."""

    def __init__(self, func: Callable[P, R], environment: "TaskEnvironment", options: TaskOptions) -> None:
        _check_function(func)
        check_signature(func)
        self.func = func
        self.environment = environment
        self.options = options
        self.name = f"{environment.name}.{func.__name__}"
        self.short_name = options.short_name or func.__name__
        self.is_async = inspect.iscoroutinefunction(func)
        functools.update_wrapper(self, func)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function; inside a running task, as a child action."""
        current = controller.current()
        if current is None:
            return self.func(*args, **kwargs)
        inputs = bind(self.native_interface, args, kwargs)
        if self.is_async:
            return cast(R, _child(current, self, inputs, group.current()))
        if running_loop() is not None:
            return cast(R, Pending(self.name, _child(current, self, inputs, group.current())))
        return cast(R, current.call_blocking(self, inputs))

    @overload
    def aio(
        self: "Task[P, Coroutine[Any, Any, T]]", *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, T]: ...

    @overload
    def aio(self: "Task[P, T]", *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]: ...

    def aio(self, *args: Any, **kwargs: Any) -> Coroutine[Any, Any, Any]:
        """The same as calling, always to be awaited, whether the function is sync or async."""
        current = controller.current()
        if current is not None:
            inputs = bind(self.native_interface, args, kwargs)
            return _child(current, self, inputs, group.current())
        if self.is_async:
            return cast(Coroutine[Any, Any, Any], self.func(*args, **kwargs))
        return asyncio.to_thread(self.func, *args, **kwargs)

    def forward(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function itself, here and now, never as an action."""
        return self.func(*args, **kwargs)

    @functools.cached_property
    def native_interface(self) -> NativeInterface:
        """Inputs and outputs with their Python types. Raises TypeError for a type that cannot travel."""
        return native_interface(self.func, self.name)

    @functools.cached_property
    def interface(self) -> Interface:
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


def _check_function(func: Any) -> None:
    if isinstance(func, Task):
        raise TypeError(f"{func.name} is a task already")
    if not inspect.isfunction(func):
        raise TypeError(f"@env.task decorates functions, not {type(func).__name__} {func!r}")
    if inspect.isgeneratorfunction(func) or inspect.isasyncgenfunction(func):
        raise TypeError(f"task {func.__name__!r} is a generator: return a list instead of yielding")


async def _child(
    current: controller.Controller, task: Task[..., Any], inputs: dict[str, Any], label: str | None
) -> Any:
    """Run a child action in the group that was open when it was called, wherever it is awaited."""
    with group.use(label):
        return await current.call(task, inputs)
