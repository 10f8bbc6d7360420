"""A bell: whoever waits is woken when something may have changed, and looks again for himself.

There is one event loop and no thread, so nothing can happen between looking and waiting; a bell that rings
too often costs a look, never a mistake.
"""

import asyncio


class Signal:
    """Wakes everybody who waits."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[None], None] = {}

    async def wait(self, timeout_s: float | None = None) -> None:
        """Return after the next ring, or after `timeout_s`, whichever is first."""
        ring = asyncio.get_running_loop().create_future()
        self._waiting[ring] = None
        try:
            await asyncio.wait((ring,), timeout=timeout_s)
        finally:
            self._waiting.pop(ring, None)
            ring.cancel()

    def ring(self) -> None:
        """Wake those who wait now, in the order in which they came."""
        waiting, self._waiting = self._waiting, {}
        for ring in waiting:
            if not ring.done():
                ring.set_result(None)
