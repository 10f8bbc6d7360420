"""A reader that never ends: what is said live, and what is missing of that from the stream."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable

from flyte_bus.errors import NotAllowed
from flyte_bus.jetstream.client import number
from flyte_bus.jetstream.connection import Connection
from flyte_bus.jetstream.contents import Expected, content_of
from flyte_bus.jetstream.in_order import LOOK_AGAIN_S, Read
from flyte_bus.ports import Entry
from flyte_schemas.streams import StreamSpec
from flyte_schemas.subjects import live

LIVE_BACKLOG = 50_000
LIVE_BACKLOG_BYTES = 64 * 1024**2
"""How much a follower holds for a slow reader; beyond either, it reads the stream again instead."""
FILL_TRIES = 20
FILL_AGAIN_S = 0.1
"""How often a gap is read, and with which pause, before what is missing counts as deleted for its age."""


class Follower:
    """Everything on `subject` beyond a sequence, for ever.

    `read` is `EventLog.read`; `heard` is called with what the reader is told that was not read.
    """

    def __init__(
        self,
        connection: Connection,
        read: Read,
        heard: Callable[[StreamSpec, Entry], None],
        stream: StreamSpec,
        subject: str,
        after: int,
    ) -> None:
        self._connection = connection
        self._read = read
        self._heard = heard
        self._expected = Expected(stream.name, subject)
        self._refusal: NotAllowed | None = None
        self._stream = stream
        self._subject = subject
        self._position = after
        self._sure = after
        """Up to here nothing is missing: it was read, not heard live."""
        self._floor = after
        self._whole = subject in stream.subjects
        self._last: dict[str, int] = {}
        self._backlog: deque[tuple[int, int, Entry]] = deque()
        self._backlog_bytes = 0
        self._wake = asyncio.Event()
        self._must_catch_up = True

    async def run(self) -> AsyncGenerator[Entry]:
        forget = self._connection.on_return(self._on_return)
        forgive = self._connection.standing.on_denied(live(self._subject), self._on_refusal)
        subscription = await self._connection.subscribe_straight(live(self._subject), self._on_live)
        try:
            while not self._connection.is_closed:
                if self._refusal is not None:
                    raise self._refusal
                if self._must_catch_up:
                    self._must_catch_up = False
                    async for entry in self._catch_up():
                        yield entry
                elif self._backlog:
                    sequence, before, entry = self._backlog.popleft()
                    self._backlog_bytes -= len(entry.raw)
                    async for missed in self._fill(sequence, before, entry.subject):
                        yield missed
                    if self._is_new(entry):
                        self._heard(self._stream, entry)
                        yield entry
                else:
                    await self._rest()
            self._connection.standing.check()
        finally:
            forget()
            forgive()
            await self._connection.unsubscribe(subscription)

    async def _catch_up(self) -> AsyncGenerator[Entry]:
        """What we have not had. Of a part, what was heard live says nothing of what was missed before it on
        other subjects, so it is read again.
        """
        after = self._position if self._whole else self._sure
        async for entry in self._read(self._stream, self._subject, after=after):
            self._sure = entry.sequence
            if self._is_new(entry):
                yield entry

    async def _missing(self, subject: str, after: int) -> AsyncGenerator[Entry]:
        async for entry in self._read(self._stream, subject, after=after):
            if self._is_new(entry):
                yield entry

    async def _fill(self, sequence: int, before: int, subject: str) -> AsyncGenerator[Entry]:
        """What stands between the last message we had and this one.

        Any member of a cluster answers a read, also one that is a little behind: it is asked again.
        """
        wanted = self._subject if self._whole else subject
        for _ in range(FILL_TRIES):
            if not self._has_gap(sequence, before, subject):
                return
            async for missed in self._missing(wanted, self._known(subject)):
                yield missed
            if not self._has_gap(sequence, before, subject):
                return
            await asyncio.sleep(FILL_AGAIN_S)

    async def _rest(self) -> None:
        """Wait for a live message; after a long silence, look whether one was lost.

        A live message is lost with the member of a cluster that had it, and no reconnect tells us so.
        """
        self._wake.clear()
        try:
            async with asyncio.timeout(LOOK_AGAIN_S):
                await self._wake.wait()
        except TimeoutError:
            self._must_catch_up = True

    def _known(self, subject: str) -> int:
        return self._position if self._whole else max(self._last.get(subject, 0), self._floor)

    def _has_gap(self, sequence: int, before: int, subject: str) -> bool:
        known = self._known(subject)
        return (sequence > known + 1) if self._whole else (before > known)

    def _is_new(self, entry: Entry) -> bool:
        if entry.sequence <= self._known(entry.subject):
            return False
        self._position = max(self._position, entry.sequence)
        if not self._whole:
            self._last[entry.subject] = entry.sequence
        return True

    def _on_live(self, headers: bytes, raw: bytes) -> None:
        place, before = self._expected.place(headers), number(headers, b"Nats-Last-Sequence")
        if place is None or before is None or not self._expected.wants(place[0]):
            return  # somebody had an answer of his sent here: nothing of it is said to be in the log
        if len(self._backlog) >= LIVE_BACKLOG or self._backlog_bytes >= LIVE_BACKLOG_BYTES:
            self._must_catch_up = True  # from the position reached by then; what we drop here is read there
            self._backlog.clear()
            self._backlog_bytes = 0
        self._backlog_bytes += len(raw)
        entry = Entry(self._stream.name, place[0].decode(), place[1], content_of(raw), raw)
        self._backlog.append((place[1], before, entry))
        self._wake.set()

    def _on_refusal(self, refusal: NotAllowed) -> None:
        self._refusal = refusal
        self._wake.set()

    def _on_return(self) -> None:
        self._must_catch_up = True
        self._wake.set()
