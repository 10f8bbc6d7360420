"""Whether code runs inside a `@flyte.trace` function, where no task may be called.

A traced function is a step that is recorded as a whole, so an action of its own inside would have no place.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from flyte.errors import TraceDoesNotAllowNestedTasksError

_traced: ContextVar[str | None] = ContextVar("flyte_traced", default=None)


@contextmanager
def use(name: str | None) -> Iterator[None]:
    """The block is part of the traced function `name` (None: of none)."""
    token = _traced.set(name)
    try:
        yield
    finally:
        _traced.reset(token)


def refuse_task(task: str) -> None:
    """Raises TraceDoesNotAllowNestedTasksError inside a traced function."""
    name = _traced.get()
    if name is not None:
        short = task.rpartition(".")[2]
        raise TraceDoesNotAllowNestedTasksError(
            f"the traced function {name!r} calls the task {task}: call {short}.forward(…) to run it as a "
            "plain function, or call the task outside of the trace"
        )
