"""One connection to the control plane for a process, made when it is first needed."""

import asyncio
import atexit
import contextlib

from flyte._client.bus_settings import bus_settings
from flyte._config import ClientConfig
from flyte._syncify import background_loop
from flyte_bus.ports import Bus

CLOSE_TIMEOUT_S = 2.0


class Client:
    """Connects on the background loop; `bus` is the connection, the same for all who ask."""

    def __init__(self, config: ClientConfig) -> None:
        self.config = config
        self._bus: Bus | None = None
        self._lock: asyncio.Lock | None = None

    @property
    def console_url(self) -> str:
        """Where the stack's web page is; empty without one."""
        return self.config.console_url

    async def bus(self) -> Bus:
        """The connection. Raises BusUnavailable when the server cannot be reached."""
        if self._lock is None:
            self._lock = asyncio.Lock()
        async with self._lock:
            if self._bus is None:
                self._bus = await self._connect()
                atexit.register(self.close_soon)
        return self._bus

    async def _connect(self) -> Bus:
        from flyte_bus import quick_start

        quick_start.load()
        from flyte_bus.jetstream import connect

        return await connect(bus_settings(self.config))

    def close_soon(self) -> None:
        """Close the connection from any thread; waits a moment, then lets it go."""
        bus, self._bus = self._bus, None
        if bus is None:
            return
        atexit.unregister(self.close_soon)
        closing = asyncio.run_coroutine_threadsafe(bus.close(), background_loop())
        with contextlib.suppress(Exception):
            closing.result(CLOSE_TIMEOUT_S)
