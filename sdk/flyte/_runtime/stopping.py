"""What SIGTERM means to a running task: it is asked to end, and may clean up in the grace that it has.

An async task is cancelled as asyncio cancels; a sync one meets `Stopped` where it stands. Both pass by
`except Exception`, and whoever stays in spite of them is killed when the grace is over.
"""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")


class Stopped(BaseException):
    """This attempt is to end: it was aborted, pre-empted, or has run too long."""


async def cancelled_by_signal(body: Coroutine[Any, Any, T]) -> T:
    """Await `body` on the main thread; SIGTERM cancels it.

    The loop's own way to hear of a signal asks the system each time which signals there are; this costs less.
    """
    task = asyncio.current_task()
    assert task is not None
    loop = asyncio.get_running_loop()
    with _at_sigterm(partial(loop.call_soon_threadsafe, task.cancel)):
        return await body


def stopped_by_signal(body: Callable[[], T]) -> T:
    """Call `body` on the main thread; SIGTERM raises Stopped in it."""
    with _at_sigterm(_stop):
        return body()


def _stop() -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: what follows is SIGKILL
    raise Stopped


@contextmanager
def _at_sigterm(react: Callable[[], object]) -> Iterator[None]:
    def heard(number: int, frame: FrameType | None) -> None:
        react()

    before = signal.signal(signal.SIGTERM, heard)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
