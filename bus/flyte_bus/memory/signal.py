"""A bell: whoever waits is woken when something may have changed, and looks again for himself.

There is one event loop and no thread, so nothing can happen between looking and waiting; a bell that rings
too often costs a look, never a mistake.
"""

import asyncio

from flyte_bus.matching import matches


class Signal:
    """Wakes everybody who waits, or those who wait for what has changed."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[None], str | None] = {}

    async def wait(
        self, timeout_s: float | None = None, *, pattern: str | None = None, also: "Signal | None" = None
    ) -> None:
        """Return after the next ring (of `also` too), or after `timeout_s`, whichever is first.

        With a `pattern`, rings that are about other subjects do not count.
        """
        loop = asyncio.get_running_loop()
        ring = loop.create_future()
        self._waiting[ring] = pattern
        if also is not None:
            also._waiting[ring] = None
        timer = None if timeout_s is None else loop.call_later(max(timeout_s, 0.0), _wake, ring)
        try:
            await ring
        finally:
            self._waiting.pop(ring, None)
            if also is not None:
                also._waiting.pop(ring, None)
            if timer is not None:
                timer.cancel()

    def ring(self, subject: str | None = None) -> None:
        """Wake those who wait now (for this subject, if it is given), in the order in which they came."""
        if subject is None:
            woken, self._waiting = [*self._waiting], {}
        else:
            woken = [
                ring for ring, wanted in self._waiting.items() if wanted is None or matches(wanted, subject)
            ]
            for ring in woken:
                del self._waiting[ring]
        for ring in woken:
            _wake(ring)


def _wake(ring: "asyncio.Future[None]") -> None:
    if not ring.done():
        ring.set_result(None)
