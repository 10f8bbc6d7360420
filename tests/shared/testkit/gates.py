"""Small TCP proxies that can be shut: a partition between processes on one machine, without any privilege.

A gate that is shut keeps its connections and accepts new ones, but lets no byte through, as a network that
drops packets does. Opened again, it passes on what was held back.
"""

import asyncio
import contextlib
import socket
import threading
from types import TracebackType
from typing import Self

READ_BYTES = 64 * 1024


class Gate:
    """One proxy on 127.0.0.1: from `port` to `target`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, target: int) -> None:
        self._loop = loop
        self._target = target
        self._opened = asyncio.Event()
        self._opened.set()
        self._pumps: set[asyncio.Task[None]] = set()
        self.port = 0

    def shut(self) -> None:
        """Let nothing through any more."""
        self._loop.call_soon_threadsafe(self._opened.clear)

    def open(self) -> None:
        """Let everything through, also what was held back."""
        self._loop.call_soon_threadsafe(self._opened.set)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        self._server.close()
        for pump in tuple(self._pumps):
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pumps.add(task)
        writers = [writer]
        try:
            await self._opened.wait()
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
            writers.append(back)
            pumps = [
                asyncio.create_task(self._pump(reader, back)),
                asyncio.create_task(self._pump(there, writer)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass  # nobody listens there now; or the gate is taken down
        finally:
            self._pumps.discard(task)
            for end in writers:
                end.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(READ_BYTES):
                await self._opened.wait()
                writer.write(data)
                await writer.drain()


class Gates:
    """Gates with a thread that serves them; a context manager."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gates")
        self._gates: list[Gate] = []

    def make(self, target: int) -> Gate:
        """A gate before a port, open."""
        gate = Gate(self._loop, target)
        asyncio.run_coroutine_threadsafe(gate.start(), self._loop).result()
        self._gates.append(gate)
        return gate

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for gate in self._gates:
            asyncio.run_coroutine_threadsafe(gate.close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
