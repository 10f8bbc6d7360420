"""What SIGTERM means to a running task: it is asked to end, and may clean up in the grace that it has.

An async task is cancelled as asyncio cancels; a sync one meets `Stopped` where it stands. Both pass by
`except Exception`, and whoever stays in spite of them is killed when the grace is over.
"""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")


class Stopped(BaseException):
    """This attempt is to end: it was aborted, pre-empted, or has run too long."""


async def cancelled_by_signal(body: Coroutine[Any, Any, T]) -> T:
    """Await `body`; SIGTERM cancels it."""
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        return await body
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


def stopped_by_signal(body: Callable[[], T]) -> T:
    """Call `body` on the main thread; SIGTERM raises Stopped in it."""
    with _raising():
        return body()


@contextmanager
def _raising() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: what follows is SIGKILL
        raise Stopped

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
