"""A child action under way, as its parent holds it; and what a parent owes those it never looked at.

A future of the standard library's carries the answer, because it can be awaited on any event loop and
waited for in any thread. What it carries is read (converted to the value, or raised) by whoever wants it, in
their own thread.
"""

from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import CoroutineType
from typing import Any


@dataclass(frozen=True, slots=True, eq=False)
class Child:
    """`read` makes the child's value of what `future` carries, or raises the child's failure."""

    future: "Future[Any]"
    read: Callable[[Any], Any]
    reads_elsewhere: bool = False
    """Whether reading may wait for the artifact store: then no event loop shall do it."""

    def result(self) -> Any:
        """The value; blocks until it is there. Raises the child's failure."""
        return self.read(self.future.result())

    async def wait(self) -> Any:
        """The same, to be awaited. Cancelled, it cancels the child: on the stack it is aborted."""
        import asyncio

        answer = await asyncio.wrap_future(self.future)
        return await asyncio.to_thread(self.read, answer) if self.reads_elsewhere else self.read(answer)


_unsettled: ContextVar[dict[Child, None] | None] = ContextVar("flyte_unsettled", default=None)


def children_to_settle() -> dict[Child, None]:
    """The children whose results the running body holds and has not used, in the order of their calls."""
    found = _unsettled.get()
    return {} if found is None else found


@contextmanager
def _settling() -> Iterator[dict[Child, None]]:
    unsettled: dict[Child, None] = {}
    token = _unsettled.set(unsettled)
    try:
        yield unsettled
    finally:
        _unsettled.reset(token)


async def run_body(body: Coroutine[Any, Any, Any]) -> Any:
    """Await a task's body, then the sync children whose results it never used: their failure is its own."""
    from flyte._runtime.pending import resolved_aio

    with _settling() as unsettled:
        returned = await resolved_aio(await body)
        for child in list(unsettled):
            await child.wait()
    return returned


def run_body_blocking(body: Callable[[], Any]) -> Any:
    """The same for the body of a sync task; a coroutine that it gives is run to its end."""
    from flyte._runtime.pending import resolved

    with _settling() as unsettled:
        returned = body()
        if type(returned) is CoroutineType:  # of an async function, in a decorator's plain one
            from flyte._runtime.lasting_loop import run_whole

            returned = run_whole(returned)
        returned = resolved(returned)
        for child in list(unsettled):
            child.result()
    return returned
