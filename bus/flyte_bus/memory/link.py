"""One connection to the memory server: whether it is open, how long it waits, what ends with it."""

import asyncio
from collections.abc import Callable

from flyte_bus.errors import BusUnavailable
from flyte_bus.memory.server import MemoryServer
from flyte_bus.memory.signal import Signal
from flyte_bus.memory.stream import MemoryStream
from flyte_bus.meter import Meter


class Link:
    """What all ports of one `MemoryBus` share. Patience in seconds."""

    def __init__(self, server: MemoryServer, patience_s: float) -> None:
        self.server = server
        self.patience_s = patience_s
        self.meter = Meter("memory")
        self.is_open = True
        self._closed = Signal()

    @property
    def is_there(self) -> bool:
        """Whether the server can be reached just now."""
        return self.is_open and self.server.is_up

    async def reach(self) -> None:
        """Return when the server is up, after at least one turn of the event loop.

        Raises BusUnavailable when patience ends first, or the connection was closed.
        """
        await asyncio.sleep(0)
        if not self.is_there:
            await self._until(lambda: self.server.is_up, "the bus stayed away")

    async def stream(self, find: Callable[[], MemoryStream | None]) -> MemoryStream:
        """What `find` finds, once the server is up and has it. Raises BusUnavailable as `reach` does."""
        await self.reach()
        found = find()
        if found is None:
            await self._until(lambda: self.server.is_up and find() is not None, "nobody made the stream")
            found = find()
        assert found is not None  # nothing can happen in between
        return found

    async def _until(self, condition: Callable[[], bool], trouble: str) -> None:
        deadline = self.server.clock() + self.patience_s
        while self.is_open and not condition():
            left_s = deadline - self.server.clock()
            if left_s <= 0:
                raise BusUnavailable(f"{trouble} for {self.patience_s:g} s")
            await self.wait(self.server.changed, left_s)
        if not self.is_open:
            raise BusUnavailable("this connection to the bus is closed")

    async def outlast(self) -> bool:
        """Wait for as long as an outage lasts; False when the connection was closed."""
        await asyncio.sleep(0)
        while self.is_open and not self.server.is_up:
            await self.wait(self.server.changed)
        return self.is_open

    async def wait(
        self, signal: Signal, timeout_s: float | None = None, *, pattern: str | None = None
    ) -> None:
        """As `Signal.wait`; the end of this connection ends it too."""
        await signal.wait(timeout_s, pattern=pattern, also=self._closed)

    def close(self) -> None:
        """Wake everything that waits on this connection, so that it can end."""
        self.is_open = False
        self._closed.ring()
