"""An event loop whose clock jumps: when everybody only waits, it is at once as late as the first wants it.

Tests of retries, timeouts and expiries take no time this way and are the same on every machine. It is for
code of one thread that does no I/O: what comes from outside the loop comes late by its clock.
"""

import asyncio
import selectors


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


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop that begins at second 0 and never sleeps."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.jumped_s
