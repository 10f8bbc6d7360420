"""Threads for tasks that block: never those of the event loop's own executor.

A sync task waits in its thread for the children it calls. With a shared, bounded set of threads a deep
enough chain of such tasks would fill it and wait for ever; here each parent has places of its own, and nobody
in them waits for a sibling.
"""

import contextvars
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

Job = Callable[[], None]


class Threads:
    """Runs work in daemon threads, at most `size` at a time; more waits for its turn."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._busy = 0
        self._waiting: deque[Job] = deque()
        self._lock = threading.Lock()

    def submit(self, work: Callable[[], T]) -> "Future[T]":
        """Run `work` in a copy of this context. Cancelled before its turn, it never begins."""
        future: Future[T] = Future()
        job = _job(work, future)
        with self._lock:
            if self._busy >= self._size:
                self._waiting.append(job)
                return future
            self._busy += 1
        threading.Thread(target=self._work, args=(job,), name="flyte-task", daemon=True).start()
        return future

    def _work(self, job: Job | None) -> None:
        while job is not None:
            job()
            with self._lock:
                job = self._waiting.popleft() if self._waiting else None
                self._busy -= job is None


def start_thread(work: Callable[[], T]) -> "Future[T]":
    """Run `work` in a daemon thread of its own, in a copy of this context."""
    return Threads(1).submit(work)


async def in_thread(work: Callable[[], T]) -> T:
    """The same, to be awaited."""
    import asyncio

    return await asyncio.wrap_future(start_thread(work))


def _job(work: Callable[[], T], future: "Future[Any]") -> Job:
    here = contextvars.copy_context()

    def job() -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = here.run(work)
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)

    return job
