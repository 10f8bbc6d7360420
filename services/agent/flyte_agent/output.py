"""The user's output: read from the pipes as it comes, shipped in order, never dropped.

When the bus is slow or away, or the task prints more than its pace allows, reading pauses, the pipe fills,
and the user's `print` waits: nothing is lost and memory stays bounded.
"""

import asyncio
import codecs
import contextlib
import fcntl
import os
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from flyte_agent.pace import Pace
from flyte_schemas.events import LogSegment, LogWritten

if TYPE_CHECKING:
    from flyte._runtime.redaction import RedactedStream, Redactor

Stream = Literal["stdout", "stderr"]

CHUNK_BYTES = 48 * 1024
"""A chunk is shipped when it has grown to this size …"""
LINGER_S = 0.05
"""… or is this old."""
READ_BYTES = 32 * 1024
BUFFER_BYTES = 8 * 1024**2
"""How much unshipped output is held before reading pauses, …"""
BUFFER_PIECES = 16 * 1024
"""… in how many turns of the two streams."""
CHUNK_PIECES = 2_000
"""How many turns one chunk tells of: each costs some bytes of its own."""
BURST_BYTES = 16 * 1024**2
"""How much goes at once before the pace counts."""
PIPE_BYTES = 1024**2
"""What a pipe holds at most, where the system does not say how much."""

Ship = Callable[[LogWritten], Awaitable[None]]


@dataclass(slots=True)
class _Piece:
    """What came from one stream before the other had its turn."""

    stream: Stream
    texts: list[str]
    size_bytes: int


class OutputPump:
    """Reads both pipes of one attempt and ships what comes. Offsets and sizes are in the user's own bytes.

    With `keeps_pipes` they are there for the next attempt when this one is over.
    """

    def __init__(
        self, attempt: int, pipes: dict[Stream, int], ship: Ship, *, keeps_pipes: bool = False
    ) -> None:
        self._attempt = attempt
        self._pipes = pipes
        self._ship = ship
        self._keeps_pipes = keeps_pipes
        self._decoders = {
            name: codecs.getincrementaldecoder("utf-8")(errors="backslashreplace") for name in pipes
        }
        self._pending: deque[_Piece] = deque()
        self._pending_bytes = 0
        self._redactor: Redactor | None = None
        self._redacted: dict[tuple[str, Stream], RedactedStream] = {}
        self._paused: set[Stream] = set()
        self._open = set(pipes)
        self._changed = asyncio.Event()
        self._all_read = asyncio.Event()
        self._pace: Pace | None = None
        self._hurried = asyncio.Event()
        self.shipped = 0
        """Bytes shipped so far: the offset of the next chunk."""
        self.progress = 0
        """Bytes read so far."""

    @property
    def is_idle(self) -> bool:
        """Whether all that was read is on its way."""
        return not self._pending

    @property
    def pending_bytes(self) -> int:
        """What was read and is not on its way yet."""
        return self._pending_bytes

    def hide(self, redactor: "Redactor") -> None:
        """From here on ship no value that it hides."""
        self._redactor = redactor if redactor.is_needed else None

    def slow_down(self, bytes_per_s: float) -> None:
        """From here on ship no more than this in the long run; 0: as fast as it goes."""
        now = asyncio.get_running_loop().time()
        self._pace = Pace(bytes_per_s, BURST_BYTES, now) if bytes_per_s else None

    def hurry(self) -> None:
        """The task is about to end: what is left, which is no more than is ever held, goes at once."""
        self._hurried.set()

    def start(self) -> None:
        """Begin to read."""
        for name in self._pipes:
            os.set_blocking(self._pipes[name], False)
            self._resume(name)

    async def run(self) -> None:
        """Ship until both pipes have ended and all is shipped."""
        while self._is_open or self._pending:
            if not self._pending:
                self._changed.clear()
                await self._changed.wait()
                continue
            if self._pending_bytes < CHUNK_BYTES and self._is_open:
                await self._linger()
            await self._rest(await self._ship_chunk())
            if not self._is_full:
                self._go_on()

    @property
    def _is_open(self) -> bool:
        """Whether more may come."""
        return bool(self._open)

    def _go_on(self) -> None:
        """There is room again."""
        for name in tuple(self._paused):
            self._resume(name)

    async def _linger(self) -> None:
        """Wait for more output, unless there will be none."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._all_read.wait(), LINGER_S)

    async def _rest(self, size_bytes: int) -> None:
        """Wait as long as the pace wants after so many bytes, unless there is a hurry."""
        now = asyncio.get_running_loop().time()
        pause_s = self._pace.spend(size_bytes, now) if self._pace is not None else 0.0
        if pause_s > 0 and self._is_open:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hurried.wait(), pause_s)

    def close(self) -> None:
        """Take what is in the pipes now and read no more, whoever still holds the other ends."""
        for name in tuple(self._open):
            left = _capacity(self._pipes[name])
            while left > 0 and name in self._open:
                size = self._read_some(name)
                left -= size
                if not size:
                    break
            if name in self._open:
                self._end(name)

    @property
    def _is_full(self) -> bool:
        return self._pending_bytes >= BUFFER_BYTES or len(self._pending) >= BUFFER_PIECES

    def _resume(self, name: Stream) -> None:
        self._paused.discard(name)
        asyncio.get_running_loop().add_reader(self._pipes[name], self._read, name)

    def _read(self, name: Stream) -> None:
        self._read_some(name)
        if self._is_full and name in self._open:
            asyncio.get_running_loop().remove_reader(self._pipes[name])
            self._paused.add(name)

    def _read_some(self, name: Stream) -> int:
        """Read once; how many bytes there were."""
        try:
            data = os.read(self._pipes[name], READ_BYTES)
        except BlockingIOError:
            return 0
        if not data:
            self._end(name)
            return 0
        self.progress += len(data)
        self._decode(name, data)
        return len(data)

    def _end(self, name: Stream) -> None:
        self._decode(name, b"", final=True)
        asyncio.get_running_loop().remove_reader(self._pipes[name])
        if not self._keeps_pipes:
            os.close(self._pipes[name])
        self._paused.discard(name)
        self._open.discard(name)
        self._changed.set()
        if not self._is_open:
            self._all_read.set()
            self._hurried.set()

    def _decode(self, name: Stream, data: bytes, *, final: bool = False) -> None:
        """Take the text of `data`; the bytes of half a character count when the character is whole."""
        decoder = self._decoders[name]
        held = len(decoder.getstate()[0])
        text = decoder.decode(data, final)
        size = held + len(data) - len(decoder.getstate()[0])
        self._pass("pipe", name, text, size, final=final)

    def _pass(self, source: str, name: Stream, text: str, size: int, *, final: bool = False) -> None:
        """Take text of one source, without what is to be hidden in it."""
        if self._redactor is not None:
            stream = self._redacted.setdefault((source, name), self._redactor.stream())
            text, size = stream.end(text, size) if final else stream.feed(text, size)
        if size:
            self._take(name, text, size)

    def _take(self, name: Stream, text: str, size: int) -> None:
        last = self._pending[-1] if self._pending else None
        if last is not None and last.stream == name and last.size_bytes + size <= CHUNK_BYTES:
            last.texts.append(text)
            last.size_bytes += size
        else:
            self._pending.append(_Piece(name, [text], size))
        self._pending_bytes += size
        self._changed.set()

    async def _ship_chunk(self) -> int:
        pieces = [self._pending.popleft()]
        size = pieces[0].size_bytes
        while self._pending and len(pieces) < CHUNK_PIECES:
            if size + self._pending[0].size_bytes > CHUNK_BYTES:
                break
            pieces.append(self._pending.popleft())
            size += pieces[-1].size_bytes
        self._pending_bytes -= size
        segments = tuple(LogSegment(stream=piece.stream, text="".join(piece.texts)) for piece in pieces)
        await self._ship(
            LogWritten(attempt=self._attempt, offset=self.shipped, size_bytes=size, segments=segments)
        )
        self.shipped += size
        return size


def _capacity(pipe: int) -> int:
    """How many bytes a pipe can hold: what was in it at one moment is read with so many."""
    try:
        return fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ)
    except (AttributeError, OSError):
        return PIPE_BYTES
