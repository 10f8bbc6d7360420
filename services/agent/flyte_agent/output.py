"""The user's output: read from the pipes as it comes, shipped in order, never dropped.

When the bus is slow or away, reading pauses, the pipe fills, and the user's `print` waits: nothing is lost
and memory stays bounded.
"""

import asyncio
import codecs
import os
from collections.abc import Awaitable, Callable
from typing import Literal

from flyte_schemas.events import LogSegment, LogWritten

Stream = Literal["stdout", "stderr"]

CHUNK_BYTES = 48 * 1024
"""A chunk is shipped when it has grown to this size …"""
LINGER_S = 0.05
"""… or is this old."""
READ_BYTES = 32 * 1024
BUFFER_BYTES = 8 * 1024**2
"""How much unshipped output is held before reading pauses."""

Ship = Callable[[LogWritten], Awaitable[None]]


class OutputPump:
    """Reads both pipes of one attempt and ships what comes. `offset` counts the bytes read."""

    def __init__(self, attempt: int, pipes: dict[Stream, int], ship: Ship) -> None:
        self._attempt = attempt
        self._pipes = pipes
        self._ship = ship
        self._decoders = {
            name: codecs.getincrementaldecoder("utf-8")(errors="backslashreplace") for name in pipes
        }
        self._pending: list[tuple[Stream, str, int]] = []
        self._pending_bytes = 0
        self._paused: set[Stream] = set()
        self._open = set(pipes)
        self._changed = asyncio.Event()
        self.shipped = 0
        self.progress = 0
        """Bytes read so far."""

    @property
    def is_idle(self) -> bool:
        """Whether all that was read is shipped."""
        return not self._pending

    def start(self) -> None:
        """Begin to read."""
        for name in self._pipes:
            os.set_blocking(self._pipes[name], False)
            self._resume(name)

    async def run(self) -> None:
        """Ship until both pipes have ended and all is shipped."""
        while self._open or self._pending:
            if not self._pending:
                self._changed.clear()
                await self._changed.wait()
                continue
            if self._pending_bytes < CHUNK_BYTES and self._open:
                await asyncio.sleep(LINGER_S)
            await self._ship_chunk()
            if self._pending_bytes < BUFFER_BYTES:
                for name in tuple(self._paused):
                    self._resume(name)

    def close(self) -> None:
        """Stop reading, whoever still holds the other ends."""
        for name in tuple(self._open):
            self._end(name)

    def _resume(self, name: Stream) -> None:
        self._paused.discard(name)
        asyncio.get_running_loop().add_reader(self._pipes[name], self._read, name)

    def _read(self, name: Stream) -> None:
        try:
            data = os.read(self._pipes[name], READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            self._end(name)
            return
        self._take(name, self._decoders[name].decode(data), len(data))
        if self._pending_bytes >= BUFFER_BYTES:
            asyncio.get_running_loop().remove_reader(self._pipes[name])
            self._paused.add(name)

    def _end(self, name: Stream) -> None:
        self._take(name, self._decoders[name].decode(b"", True), 0)
        asyncio.get_running_loop().remove_reader(self._pipes[name])
        os.close(self._pipes[name])
        self._paused.discard(name)
        self._open.discard(name)
        self._changed.set()

    def _take(self, name: Stream, text: str, size: int) -> None:
        if text or size:
            self._pending.append((name, text, size))
            self._pending_bytes += size
            self.progress += size
            self._changed.set()

    async def _ship_chunk(self) -> None:
        segments: list[LogSegment] = []
        size = count = 0
        for name, text, length in self._pending:
            if count and size + length > CHUNK_BYTES:
                break
            if segments and segments[-1].stream == name:
                segments[-1] = LogSegment(stream=name, text=segments[-1].text + text)
            else:
                segments.append(LogSegment(stream=name, text=text))
            size += length
            count += 1
        del self._pending[:count]
        self._pending_bytes -= size
        await self._ship(
            LogWritten(attempt=self._attempt, offset=self.shipped, size_bytes=size, segments=tuple(segments))
        )
        self.shipped += size
