"""The event log in memory."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime
from time import perf_counter

from flyte_bus.bus_measures import LogMeasures
from flyte_bus.errors import Conflict, TooLarge
from flyte_bus.memory.link import Link
from flyte_bus.memory.stream import MemoryStream
from flyte_bus.ports import Entry
from flyte_schemas.envelope import MAX_EVENT_BYTES, AnyEvent, encode
from flyte_schemas.streams import StreamSpec


class MemoryLog:
    """Fills `EventLog`."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._measures = LogMeasures(link.meter)

    async def append(self, event: AnyEvent, *, expected: int | None = None) -> int:
        """See `EventLog.append`."""
        raw = encode(event)
        if len(raw) > MAX_EVENT_BYTES:
            raise TooLarge(f"{event.id} has {len(raw)} bytes, and the limit is {MAX_EVENT_BYTES}")
        stream = await self._link.stream(lambda: self._link.server.stream_of(event.subject))
        began = perf_counter()
        try:
            sequence = stream.publish(event.subject, raw, id=event.id, expected=expected)
        except Conflict:
            self._measures.conflicts.value += 1
            raise
        self._measures.took.since(began)
        self._measures.appended(stream.spec.name)
        await asyncio.sleep(0)  # the acknowledgement takes its time, as on the wire
        return sequence

    async def copy(self, subject: str, raw: bytes, *, expected: int) -> int:
        """See `EventLog.copy`."""
        if len(raw) > MAX_EVENT_BYTES:
            raise TooLarge(f"{subject}: {len(raw)} bytes, and the limit is {MAX_EVENT_BYTES}")
        stream = await self._link.stream(lambda: self._link.server.stream_of(subject))
        sequence = stream.publish(subject, raw, expected=expected)
        await asyncio.sleep(0)
        return sequence

    async def append_at(self, event: AnyEvent, *, at: datetime) -> None:
        """See `EventLog.append_at`."""
        await self._link.stream(lambda: self._link.server.stream_of(event.subject))
        self._link.server.set_timer(event.subject, encode(event), at)

    async def read(self, stream: StreamSpec, subject: str, *, after: int = 0) -> AsyncGenerator[Entry]:
        """See `EventLog.read`."""
        kept = await self._stream(stream)
        for entry in list(kept.between(subject, after, kept.last_sequence)):
            yield entry

    async def follow(self, stream: StreamSpec, subject: str, *, after: int = 0) -> AsyncGenerator[Entry]:
        """See `EventLog.follow`. Raises ValueError for a stream that is not republished."""
        if not stream.republish:
            raise ValueError(f"{stream.name} is not republished, so nobody can follow it")
        while await self._link.outlast():
            kept = self._link.server.find_stream(stream.name) or await self._stream(stream)
            upto = kept.last_sequence
            for entry in list(kept.between(subject, after, upto)):
                yield entry
            after = max(after, upto)
            if self._link.is_open and self._link.server.is_up and kept.last_sequence <= after:
                await self._link.wait(kept.changed, pattern=subject)

    def follow_in_order(self, stream: StreamSpec, subject: str, *, after: int = 0) -> AsyncGenerator[Entry]:
        """See `EventLog.follow_in_order`: here every follower reads in the stream's order."""
        return self.follow(stream, subject, after=after)

    async def last(self, stream: StreamSpec, subject: str) -> Entry | None:
        """See `EventLog.last`."""
        kept = await self._stream(stream)
        return kept.at(kept.last_on(subject))

    async def last_sequence(self, stream: StreamSpec) -> int:
        """See `EventLog.last_sequence`."""
        return (await self._stream(stream)).last_sequence

    async def sequence_at(self, stream: StreamSpec, at: datetime) -> int:
        """See `EventLog.sequence_at`."""
        kept, server = await self._stream(stream), self._link.server
        return kept.sequence_at(server.clock() - (server.now() - at).total_seconds())

    async def _stream(self, spec: StreamSpec) -> MemoryStream:
        return await self._link.stream(lambda: self._link.server.find_stream(spec.name))
