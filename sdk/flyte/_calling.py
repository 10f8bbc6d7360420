"""What calling a task means: its function outside of a run, a child action inside.

An async task gives a coroutine, and begins when that is awaited. A sync task called where no event loop runs
blocks and gives the value. Called on an event loop, where nobody can tell whether an `await` will follow, it
begins at once and gives a `Pending`, which is both awaitable and the value; a call whose result is dropped is
over before the next statement.
"""

from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

from flyte import errors
from flyte._binding import bind
from flyte._runtime import context, controller, group, tracing
from flyte._runtime.child import Child
from flyte._runtime.discarded import is_discarded
from flyte._runtime.failure import error_of, failure_of
from flyte._runtime.pending import Pending, resolved, resolved_aio
from flyte._runtime.threads import in_thread
from flyte._syncify import running_loop

if TYPE_CHECKING:
    from flyte._task import Task


def call(task: "Task[..., Any]", args: tuple[Any, ...], kwargs: Mapping[str, Any], caller: FrameType) -> Any:
    """`task(*args, **kwargs)`, called by the code of the frame `caller`.

    Raises ValueError for arguments that do not fit, TypeError for values of a wrong type, what the child's
    failure is to its parent, and TraceDoesNotAllowNestedTasksError inside a traced function.
    """
    current = controller.current()
    if current is None:
        return _call_function(task, args, kwargs)
    tracing.refuse_task(task.name)
    inputs = bind(task.native_interface, args, kwargs)
    if task.is_async:
        return _child(current, task, inputs)
    child = start(current, task, inputs)
    if running_loop() is None or is_discarded(caller):
        return child.result()
    return Pending(task.name, child)


def call_aio(
    task: "Task[..., Any]", args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Coroutine[Any, Any, Any]:
    """`task.aio(*args, **kwargs)`: a coroutine, whether the task is sync or async. Raises as `call` does."""
    current = controller.current()
    if current is None:
        return _named(task, _await_function(task, args, kwargs))
    tracing.refuse_task(task.name)
    return _child(current, task, bind(task.native_interface, args, kwargs))


def start(current: controller.Controller, task: "Task[..., Any]", inputs: dict[str, Any]) -> Child:
    """Begin a child action. Raises TypeError for inputs of a wrong type."""
    return current.start(task, {name: resolved(value) for name, value in inputs.items()})


def _child(
    current: controller.Controller, task: "Task[..., Any]", inputs: dict[str, Any]
) -> Coroutine[Any, Any, Any]:
    """Run a child action in the group and with the custom context that were open at the call."""
    label, custom = group.current(), context.get_custom_context()

    async def child() -> Any:
        ready = {name: await resolved_aio(value) for name, value in inputs.items()}
        with context.as_called(label, custom):
            return await current.call(task, ready)

    return _named(task, child())


def _named(task: "Task[..., Any]", called: Coroutine[Any, Any, Any]) -> Coroutine[Any, Any, Any]:
    """Where nobody awaits the call, Python says which one it was by this name."""
    called.__qualname__ = task.name  # type: ignore[attr-defined]
    return called


def _call_function(task: "Task[..., Any]", args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Outside of a run."""
    if task.is_async:
        return _named(task, _await_function(task, args, kwargs))
    with _faced():
        return task.func(*args, **kwargs)


async def _await_function(task: "Task[..., Any]", args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    if not task.is_async:
        return await in_thread(lambda: _call_function(task, args, kwargs))
    with _faced():
        return await task.func(*args, **kwargs)


@contextmanager
def _faced() -> Iterator[None]:
    """What a function raises outside of a run has the face that it has inside one."""
    try:
        yield
    except errors.BaseRuntimeError:
        raise
    except Exception as error:
        raise error_of(failure_of(error)) from error
