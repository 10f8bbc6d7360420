"""What goes on for a while after its last reader has left."""

import asyncio
from collections.abc import Callable


class Lingering:
    """Calls back once when nobody has come back for a while.

    No clock is asked whether that while is over: a timer of uvloop's may go off a millisecond before its
    time, and what compared the two then went on for ever.
    """

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None

    def stay(self) -> None:
        """Somebody is there."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def leave(self, after_s: float, over: Callable[[], None]) -> None:
        """The last one has left: `over` is called unless somebody comes."""
        self.stay()
        self._timer = asyncio.get_running_loop().call_later(after_s, over)
