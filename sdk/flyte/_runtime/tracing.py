"""Whether code runs inside a `@flyte.trace` function: there no task may be called, and steps have own names.

A traced function is a step that is recorded as a whole, so an action of its own inside would have no place.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from flyte.errors import TraceDoesNotAllowNestedTasksError

if TYPE_CHECKING:
    from flyte._runtime.steps import Steps

_traced: ContextVar[tuple[str, "Steps | None"] | None] = ContextVar("flyte_traced", default=None)


@contextmanager
def use(name: str | None, steps: "Steps | None" = None) -> Iterator[None]:
    """The block is part of the traced function `name` (None: of none), whose own steps are `steps`."""
    token = _traced.set(None if name is None else (name, steps))
    try:
        yield
    finally:
        _traced.reset(token)


def steps_inside() -> "Steps | None":
    """The steps of the traced function that runs here; None outside of one."""
    traced = _traced.get()
    return traced[1] if traced else None


def refuse_task(task: str) -> None:
    """Raises TraceDoesNotAllowNestedTasksError inside a traced function."""
    traced = _traced.get()
    if traced is not None:
        name, short = traced[0], task.rpartition(".")[2]
        raise TraceDoesNotAllowNestedTasksError(
            f"the traced function {name!r} calls the task {task}: call {short}.forward(…) to run it as a "
            "plain function, or call the task outside of the trace"
        )


def refuse(what: str) -> None:
    """Raises TraceDoesNotAllowNestedTasksError inside a traced function, of which `what` is wrong."""
    name = _traced.get()
    if name is not None:
        raise TraceDoesNotAllowNestedTasksError(f"the traced function {name!r} {what}")
