"""Who answers when a task calls a task: the current controller, kept in a context variable.

Outside a run there is none, and a task is a plain function. A thread started by `asyncio.to_thread`
inherits the context, so the body of a sync task finds its controller too.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

from flyte._runtime.child import Child
from flyte._runtime.reports import Report

if TYPE_CHECKING:
    from flyte._runtime.questions import Asked, Question
    from flyte._runtime.steps import Steps
    from flyte._task import Task


class Controller(Protocol):
    """Runs child actions. All of it may be called from any thread and any event loop.

    `inputs` are bound Python values, defaults included; `group.current()` is the child's group, and
    `context.get_custom_context()` what it inherits.
    """

    @property
    def steps(self) -> "Steps":
        """Where the attempt's own calls of traced functions get their names, and are recorded."""
        ...

    async def call(self, task: "Task[..., Any]", inputs: dict[str, Any]) -> Any:
        """Run `task` as a child action and return its value.

        Raises what `failure.error_of` makes of the child's failure.
        """
        ...

    def start(self, task: "Task[..., Any]", inputs: dict[str, Any]) -> Child:
        """The same without waiting: the child is under way, and needs no event loop of its parent's.

        Raises TypeError for inputs of a wrong type.
        """
        ...

    def pause(self, question: "Question") -> "Asked":
        """Ask a person. What comes back says when the question stands, and what the answer was."""
        ...

    async def publish(self, report: Report) -> None:
        """Store the attempt's HTML report as it is now, when it has changed.

        Raises RuntimeSystemError when the store cannot be reached.
        """
        ...


_controller: ContextVar[Controller | None] = ContextVar("flyte_controller", default=None)


def current() -> Controller | None:
    """The controller of the running task; None outside of one."""
    return _controller.get()


@contextmanager
def use(controller: Controller | None) -> Iterator[None]:
    """Make `controller` the current one within the block."""
    token = _controller.set(controller)
    try:
        yield
    finally:
        _controller.reset(token)
