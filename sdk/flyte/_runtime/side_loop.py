"""An event loop of a parent's own for async children that it starts without awaiting them (`flyte.map`).

It is the parent's alone, so whoever holds it up can only be one of the parent's own children.
"""

import asyncio
import contextvars
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any


class SideLoop:
    """An event loop in a daemon thread, begun with the first coroutine."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def submit(self, work: Coroutine[Any, Any, Any]) -> "Future[Any]":
        """Run `work` there, in a copy of this context."""
        loop = self._started()
        here = contextvars.copy_context()
        future: Future[Any] = Future()

        async def carry() -> None:
            if not future.set_running_or_notify_cancel():
                work.close()
                return
            try:
                result = await work
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        loop.call_soon_threadsafe(lambda: _keep(loop.create_task(carry(), context=here)))
        return future

    def close(self) -> None:
        """Stop; what still runs is cancelled."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None:
            loop.call_soon_threadsafe(loop.stop)

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(
                    target=_serve, args=(self._loop,), name="flyte-children", daemon=True
                ).start()
            return self._loop


_kept: set["asyncio.Task[None]"] = set()


def _keep(task: "asyncio.Task[None]") -> None:
    """A loop holds its tasks weakly."""
    _kept.add(task)
    task.add_done_callback(_kept.discard)


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()
