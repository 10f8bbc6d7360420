"""Which action this code runs in: what `flyte.ctx()` answers.

Outside a task the answer is a falsy object whose attributes are all None, so that a function can be used
in both places without asking twice.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal

from flyte._runtime import group

Mode = Literal["local", "remote"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionID:
    """One action of one run."""

    name: str
    run_name: str | None = None
    project: str | None = None
    domain: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskContext:
    """The running attempt. `attempt_number` counts from 0."""

    action: ActionID
    version: str = ""
    mode: Mode = "local"
    attempt_number: int = 0
    custom_context: Mapping[str, str] = field(default_factory=dict)

    @property
    def group(self) -> str | None:
        """The group that is open now: the label of children called from here."""
        return group.current()

    def is_in_cluster(self) -> bool:
        """Whether the task runs on a stack, not in the user's own process."""
        return self.mode == "remote"


class NullContext:
    """No task is running: false, and every attribute is None."""

    def __bool__(self) -> bool:
        return False

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)

    def __repr__(self) -> str:
        return "<no task is running>"


NULL_CONTEXT = NullContext()

_context: ContextVar[TaskContext | None] = ContextVar("flyte_context", default=None)


def ctx() -> TaskContext | NullContext:
    """The context of the running task; a falsy object outside of one."""
    return _context.get() or NULL_CONTEXT


@contextmanager
def use(context: TaskContext) -> Iterator[None]:
    """Make `context` the current one within the block, with no group open."""
    token = _context.set(context)
    try:
        with group.use(None):
            yield
    finally:
        _context.reset(token)
