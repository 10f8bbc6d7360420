"""The streams on JetStream: append with a version, read in batches, follow without a consumer.

A reader subscribes to what the stream republishes, catches up from the stream by batched direct gets, and
stitches the two by sequence. A whole stream has consecutive sequences; a part of it is checked by the
`Nats-Last-Sequence` that each republished message carries. Either way a gap is seen and filled.
"""

import asyncio
import base64
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from time import perf_counter
from typing import Any
from uuid import uuid4

from flyte_bus.bus_measures import LogMeasures
from flyte_bus.errors import BusError, BusUnavailable, Conflict, NotAllowed, TooLarge
from flyte_bus.jetstream.batch import Batch
from flyte_bus.jetstream.codes import TOO_LARGE, WRONG_LAST_SEQUENCE
from flyte_bus.jetstream.connection import Connection
from flyte_bus.jetstream.contents import content_of, id_of
from flyte_bus.jetstream.ends import NO_GUARD, last_sequence, sequence_at
from flyte_bus.jetstream.follower import FILL_AGAIN_S, FILL_TRIES, Follower
from flyte_bus.jetstream.in_order import in_order
from flyte_bus.jetstream.parts import Part, parts_of
from flyte_bus.jetstream.patience import Patience
from flyte_bus.merging import by_sequence
from flyte_bus.ports import Entry
from flyte_schemas.envelope import MAX_EVENT_BYTES, AnyEvent, encode
from flyte_schemas.streams import STREAMS, StreamSpec
from flyte_schemas.subjects import timer_setting

BATCH_MESSAGES = 2_000
"""How many messages one direct get asks for."""
DENSE = 0.7
"""When so much of what stands in the stream is wanted, all of it is asked for: of a pattern that thousands
of subjects match, the server finds each message at three times the price.
"""
KNOWN_SUBJECTS = 1_000
"""For how many subjects a connection remembers the highest sequence that it has heard of."""

TIMER_KEPT_S = 3600
"""How long a timer that went off waits to be taken; who was away for longer looks at everything anyway."""
SPECS = {stream.name: stream for stream in STREAMS}


class JetStreamLog:
    """The port `EventLog` on JetStream."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._measures = LogMeasures(connection.meter)
        self._heard: OrderedDict[str, int] = OrderedDict()

    async def append(self, event: AnyEvent, *, expected: int | None = None) -> int:
        headers = {"Nats-Msg-Id": event.id}
        if expected is not None:
            headers["Nats-Expected-Last-Subject-Sequence"] = str(expected)
        began, raw = perf_counter(), encode(event)
        answer = await self._publish(event.subject, raw, headers)
        if answer.get("duplicate") and not await self._is_there(event, answer):
            answer = await self._publish(event.subject, raw, headers | {"Nats-Msg-Id": uuid4().hex})
        self._measures.took.since(began)
        return await self._place_of(event.subject, answer, expected or 0, lambda raw: id_of(raw) == event.id)

    async def _is_there(self, event: AnyEvent, answer: dict[str, Any]) -> bool:
        """Whether the first copy that the server speaks of is this event.

        The server knows an id whatever subject it came on, and ids can be guessed: else whoever may write
        anything to a stream could have another's event taken for a copy of his own. Who may not read it says
        it once more: what agents say and cannot read (output, by its offset; requests) may come twice.
        """
        sequence = int(answer["seq"])
        try:
            there = await self._next_on(answer["stream"], event.subject, sequence - 1)
        except NotAllowed:
            return False
        return there is not None and there[0] == sequence and id_of(there[1]) == event.id

    async def copy(self, subject: str, raw: bytes, *, expected: int) -> int:
        headers = {"Nats-Expected-Last-Subject-Sequence": str(expected)}
        answer = await self._publish(subject, raw, headers)
        return await self._place_of(subject, answer, expected, lambda there: there == raw)

    async def _place_of(
        self, subject: str, answer: dict[str, Any], expected: int, is_own: Callable[[bytes], bool]
    ) -> int:
        """Where a message stands that this answer is about. Raises Conflict."""
        if "error" in answer:
            said = str(answer["error"].get("description", "")).rpartition(":")[2].strip()
            self._hear(subject, int(said) if said.isdecimal() else 0)
            return await self._own_copy(answer["stream"], subject, expected, is_own)
        self._measures.appended(answer["stream"])
        self._hear(subject, int(answer["seq"]))
        return int(answer["seq"])

    async def append_at(self, event: AnyEvent, *, at: datetime) -> None:
        moment = at.astimezone(UTC).isoformat().replace("+00:00", "Z")
        headers = {
            "Nats-Schedule": f"@at {moment}",
            "Nats-Schedule-Target": event.subject,
            "Nats-Schedule-TTL": f"{TIMER_KEPT_S}s",
        }
        await self._publish(timer_setting(event.subject), encode(event), headers)

    async def _publish(self, subject: str, payload: bytes, headers: dict[str, str]) -> dict[str, Any]:
        """The server's acknowledgement; or its refusal, when another sequence was expected."""
        if len(payload) > MAX_EVENT_BYTES:
            raise TooLarge(f"{subject}: {len(payload)} bytes; an event has at most {MAX_EVENT_BYTES}")
        answer = await self._connection.write(subject, payload, headers)
        error = answer.get("error", {})
        code = error.get("err_code", 0)
        if not error or code == WRONG_LAST_SEQUENCE:
            return answer
        if code in TOO_LARGE:
            raise TooLarge(f"{subject}: {len(payload)} bytes are more than the stream takes")
        raise BusError(f"{subject}: {error.get('description', error)}")

    async def _own_copy(
        self, stream: str, subject: str, expected: int, is_own: Callable[[bytes], bool]
    ) -> int:
        """The sequence of what stands in the place of a message, if it is that. Raises Conflict otherwise.

        The server looks at the expected sequence before the message id, so an append that is sent again
        because its acknowledgement was lost conflicts with its own first copy.
        """
        there = await self._next_on(stream, subject, expected)
        if there is not None and is_own(there[1]):
            return there[0]
        self._measures.conflicts.value += 1
        raise Conflict(subject, expected)

    async def _next_on(self, stream: str, subject: str, after: int) -> tuple[int, bytes] | None:
        """The first message on a subject beyond `after`: its sequence and its bytes."""
        if self._connection.is_guarded:
            async with aclosing(self.read(SPECS[stream], subject, after=after)) as entries:
                async for entry in entries:
                    return entry.sequence, entry.raw
            return None
        found = await self._connection.api(
            f"STREAM.MSG.GET.{stream}", {"seq": after + 1, "next_by_subj": subject}
        )
        message = found.get("message")
        return message and (int(message["seq"]), base64.b64decode(message.get("data", "")))

    def read(self, stream: StreamSpec, subject: str, *, after: int = 0) -> AsyncGenerator[Entry]:
        parts = self._parts(stream, subject)
        if len(parts) == 1:
            return self._read_part(stream, parts[0], after)
        return self._read_parts(stream, parts, after)

    async def _read_parts(
        self, stream: StreamSpec, parts: Sequence[Part], after: int
    ) -> AsyncGenerator[Entry]:
        """All parts up to one end: else what one of them has could come before what was read of another."""
        upto = await self.last_sequence(stream)
        reads = [self._read_part(stream, part, after, upto) for part in parts]
        async with aclosing(by_sequence(reads)) as entries:
            async for entry in entries:
                yield entry

    async def _read_part(
        self, stream: StreamSpec, part: Part, after: int, upto: int | None = None
    ) -> AsyncGenerator[Entry]:
        position, tries, asked = after, FILL_TRIES, part.wanted
        while True:
            batch = await self._batch(stream, part, asked, position)
            for entry in batch.entries:
                if upto is not None and entry.sequence > upto:
                    return
                self.heard(stream, entry)
                yield entry
            if batch.last > position:
                is_dense = len(batch.entries) >= DENSE * (batch.last - position)
                asked = part.around if is_dense else part.wanted
                position = batch.last
                if batch.pending:
                    continue
            if position >= self._heard.get(part.wanted, 0) or not tries:
                return
            tries -= 1  # a member of the cluster answered that is behind what we know of
            await asyncio.sleep(FILL_AGAIN_S)

    def heard(self, stream: StreamSpec, entry: Entry) -> None:
        """Remember that somebody was told of this: from then on he can read it, whoever answers him."""
        if stream.append_only:  # what another stream has may be gone by then
            self._hear(entry.subject, entry.sequence)

    def _hear(self, subject: str, sequence: int) -> None:
        """Remember that there is such a message: who wrote it, or was refused for it, can read it."""
        self._heard[subject] = max(sequence, self._heard.get(subject, 0))
        self._heard.move_to_end(subject)
        if len(self._heard) > KNOWN_SUBJECTS:
            self._heard.popitem(last=False)

    def follow(self, stream: StreamSpec, subject: str, *, after: int = 0) -> AsyncGenerator[Entry]:
        parts = self._parts(stream, subject)
        if len(parts) > 1:
            return self.follow_in_order(stream, subject, after=after)
        return Follower(self._connection, self.read, self.heard, stream, parts[0].wanted, after).run()

    def follow_in_order(self, stream: StreamSpec, subject: str, *, after: int = 0) -> AsyncGenerator[Entry]:
        heard = [part.wanted for part in self._parts(stream, subject)]
        return in_order(self._connection, self.read, stream, subject, heard, after)

    async def last(self, stream: StreamSpec, subject: str) -> Entry | None:
        for _ in range(FILL_TRIES):
            answer = await self._connection.last_message(stream.name, subject)
            entry = None
            if answer is not None:
                told, content = answer.headers, content_of(answer.data)
                entry = Entry(
                    stream.name, told["Nats-Subject"], int(told["Nats-Sequence"]), content, answer.data
                )
            if (entry.sequence if entry else 0) >= self._heard.get(subject, 0):
                break
            await asyncio.sleep(FILL_AGAIN_S)
        return entry

    async def last_sequence(self, stream: StreamSpec) -> int:
        return await last_sequence(self._connection, stream)

    async def sequence_at(self, stream: StreamSpec, at: datetime) -> int:
        return await sequence_at(self._connection, stream, at)

    def _parts(self, stream: StreamSpec, subject: str) -> tuple[Part, ...]:
        """What to ask for. Raises NotAllowed."""
        return parts_of(self._connection.standing.access, stream, subject)

    async def _batch(self, stream: StreamSpec, part: Part, asked: str, after: int) -> Batch:
        """Up to a batch of messages beyond `after`. Outlasts an outage."""
        question = {"seq": after + 1, "batch": BATCH_MESSAGES, "next_by_subj": asked}
        patience = Patience(self._connection.settings.patience_s)
        while True:
            batch = Batch(self._connection, stream, part.at, question, part.wanted, after)
            if await batch.get():
                return batch
            self._connection.standing.check()
            if not patience.left_s or self._connection.is_closed:
                who = "" if part.is_direct else f": {NO_GUARD}"
                raise BusUnavailable(f"{stream.name} could not be read{who}")
            await patience.pause()
