"""An event loop whose clock jumps: when everybody only waits, it is at once as late as the first wants it.

Tests of retries, timeouts and expiries take no time this way and are the same on every machine. It is for
code of one thread that does no I/O: what comes from outside the loop comes late by its clock.

The simulation lives on this loop, and much of a world's cost was asyncio's own: it asks the system
in each turn, and makes much ado about each call. So one turn is written anew here.
"""

import asyncio
import heapq
import selectors
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import Any

OUTSIDE_EACH = 200
"""In how many turns the operating system is asked once whether something came from outside."""

CIRCLING_TURNS, CIRCLING_S = 50_000, 10.0
"""So many turns within so few of the loop's seconds: somebody turns in circles, and would for ever."""


class _JumpingSelector(selectors.DefaultSelector):
    """Never waits for a timer; counts instead how long it would have waited."""

    def __init__(self) -> None:
        super().__init__()
        self.jumped_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:  # no timer at all: only the outside can go on
            return super().select(None)
        ready = super().select(0)
        if not ready:
            self.jumped_s += max(timeout, 0.0)
        return ready


class _Soon(asyncio.Handle):
    """A handle that is made with less ado."""

    def __init__(
        self, callback: Callable[..., Any], args: tuple[Any, ...], loop: Any, context: Context | None
    ) -> None:
        self._callback, self._args, self._loop = callback, args, loop
        self._context = copy_context() if context is None else context
        self._cancelled = False
        self._repr = self._source_traceback = None


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop that begins at second 0 and never sleeps."""

    _ready: Any
    _scheduled: list[Any]
    _stopping: bool
    _timer_cancelled_count: int

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        self._turns = 0
        self._looked_at = 0.0
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.jumped_s

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        if self.is_closed():
            raise RuntimeError("the event loop is closed")
        handle = _Soon(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def _run_once(self) -> None:
        """One turn: what is ready now; time jumps when nothing is."""
        ready, scheduled = self._ready, self._scheduled
        self._turns += 1
        if not self._turns % CIRCLING_TURNS:
            self._look_at_the_clock()
        if not self._turns % OUTSIDE_EACH or not (ready or scheduled) or self.get_debug():
            super()._run_once()  # type: ignore[misc]
            return
        while scheduled and scheduled[0]._cancelled:
            self._drop_first()
        if scheduled and not ready and not self._stopping:
            self._jumping.jumped_s = max(self._jumping.jumped_s, scheduled[0]._when)
        while scheduled and scheduled[0]._when <= self._jumping.jumped_s:
            ready.append(self._drop_first())
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:
                try:
                    handle._context.run(handle._callback, *handle._args)
                except (SystemExit, KeyboardInterrupt):
                    raise
                except BaseException as error:
                    context = {"message": f"exception in {handle!r}", "exception": error, "handle": handle}
                    self.call_exception_handler(context)

    def _look_at_the_clock(self) -> None:
        passed_s, self._looked_at = self.time() - self._looked_at, self.time()
        if passed_s < CIRCLING_S:
            raise RuntimeError(f"{CIRCLING_TURNS:,} turns took {passed_s:g} s: somebody turns in circles")

    def _drop_first(self) -> asyncio.TimerHandle:
        handle: asyncio.TimerHandle = heapq.heappop(self._scheduled)
        handle._scheduled = False  # type: ignore[attr-defined]
        self._timer_cancelled_count -= handle.cancelled()
        return handle
