"""The streams on JetStream: append with a version, read in batches, follow without a consumer.

A reader subscribes to what the stream republishes, catches up from the stream by batched direct gets, and
stitches the two by sequence. A whole stream has consecutive sequences; a part of it is checked by the
`Nats-Last-Sequence` that each republished message carries. Either way a gap is seen and filled.
"""

import asyncio
import base64
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

import orjson

from flyte_bus.bus_measures import LogMeasures
from flyte_bus.errors import BusError, BusUnavailable, Conflict, TooLarge
from flyte_bus.jetstream.client import header, status
from flyte_bus.jetstream.codes import STREAM_NOT_FOUND, TOO_LARGE, WRONG_LAST_SEQUENCE
from flyte_bus.jetstream.connection import Connection
from flyte_bus.jetstream.in_order import in_order, sequence_at
from flyte_bus.jetstream.patience import Patience
from flyte_bus.matching import matches
from flyte_bus.ports import Entry
from flyte_schemas.envelope import MAX_EVENT_BYTES, AnyEvent, Malformed, decode, encode
from flyte_schemas.streams import StreamSpec
from flyte_schemas.subjects import live, timer_setting

BATCH_MESSAGES = 2_000
"""How many messages one direct get asks for."""
DENSE = 0.7
"""When so much of what stands in the stream is wanted, all of it is asked for: of a pattern that thousands
of subjects match, the server finds each message at three times the price.
"""
BATCH_SILENCE_S = 4.0
"""A batch that stays silent for so long is asked for again."""
LIVE_BACKLOG = 50_000
LIVE_BACKLOG_BYTES = 64 * 1024**2
"""How much a follower holds for a slow reader; beyond either, it reads the stream again instead."""

KNOWN_SUBJECTS = 1_000
"""For how many subjects a connection remembers the highest sequence that it has heard of."""

TIMER_KEPT_S = 3600
"""How long a timer that went off waits to be taken; who was away for longer looks at everything anyway."""
LOOK_AGAIN_S = 5.0
"""A follower that has heard nothing for so long looks into the stream: a word may have been lost."""
FILL_TRIES = 20
FILL_AGAIN_S = 0.1
"""How often a gap is read, and with which pause, before what is missing counts as deleted for its age."""


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
        began = perf_counter()
        answer = await self._publish(event.subject, encode(event), headers)
        self._measures.took.since(began)
        return await self._place_of(event.subject, answer, expected or 0, lambda raw: _id_of(raw) == event.id)

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
        found = await self._connection.api(
            f"STREAM.MSG.GET.{stream}", {"seq": expected + 1, "next_by_subj": subject}
        )
        if "message" in found and is_own(base64.b64decode(found["message"].get("data", ""))):
            return int(found["message"]["seq"])
        self._measures.conflicts.value += 1
        raise Conflict(subject, expected)

    async def read(self, stream: StreamSpec, subject: str, *, after: int = 0) -> AsyncGenerator[Entry]:
        position, tries = after, FILL_TRIES
        only = stream.subjects[0] if len(stream.subjects) == 1 else subject
        asked = subject
        while True:
            batch = await self._batch(stream, asked, subject, position)
            for entry in batch.entries:
                self.heard(stream, entry)
                yield entry
            if batch.last > position:
                is_dense = len(batch.entries) >= DENSE * (batch.last - position)
                asked = only if is_dense else subject
                position = batch.last
                if batch.pending:
                    continue
            if position >= self._heard.get(subject, 0) or not tries:
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
        return _Follower(self._connection, self, stream, subject, after).run()

    def follow_in_order(self, stream: StreamSpec, subject: str, *, after: int = 0) -> AsyncGenerator[Entry]:
        return in_order(self._connection, self.read, stream, subject, after)

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
        patience = Patience(self._connection.settings.patience_s)
        while True:
            info = await self._connection.api(f"STREAM.INFO.{stream.name}", {})
            error = info.get("error")
            if error is None:
                return int(info["state"]["last_seq"])
            if error.get("err_code") != STREAM_NOT_FOUND:
                raise BusError(f"{stream.name}: {error.get('description')}")
            if not patience.left_s:
                raise BusUnavailable(f"the NATS server has no stream {stream.name}: no service has made it")
            await patience.pause()

    async def sequence_at(self, stream: StreamSpec, at: datetime) -> int:
        return await sequence_at(self._connection, stream.name, at)

    async def _batch(self, stream: StreamSpec, asked: str, wanted: str, after: int) -> "_Batch":
        """Up to a batch of messages beyond `after`. Outlasts an outage."""
        patience = Patience(self._connection.settings.patience_s)
        while True:
            batch = _Batch(self._connection, stream, asked, wanted, after)
            if await batch.get():
                return batch
            if not patience.left_s or self._connection.is_closed:
                raise BusUnavailable(f"{stream.name} could not be read")
            await patience.pause()


class _Batch:
    """One direct get of many messages on `asked`, over an inbox of its own; `entries` are those on `wanted`.

    `last` is the sequence of the last message of all, `pending` how many more there were.
    """

    def __init__(
        self, connection: Connection, stream: StreamSpec, asked: str, wanted: str, after: int
    ) -> None:
        self._connection = connection
        self._stream = stream.name
        self._wanted = wanted if asked != wanted else None
        self._request = {"seq": after + 1, "batch": BATCH_MESSAGES, "next_by_subj": asked}
        self.entries: list[Entry] = []
        self.last = after
        self.pending = 0
        self._ended: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._progress = 0

    async def get(self) -> bool:
        """Read it; False when the server did not answer properly."""
        inbox = self._connection.client.new_inbox()
        forget = self._connection.on_return(lambda: self._end(is_whole=False))  # the answer may be lost
        subscription = await self._connection.client.subscribe_straight(inbox, self._on_message)
        silence_s = min(BATCH_SILENCE_S, self._connection.settings.patience_s)
        try:
            await self._connection.publish(
                f"$JS.API.DIRECT.GET.{self._stream}", orjson.dumps(self._request), reply=inbox
            )
            while True:
                seen = self._progress
                done, _ = await asyncio.wait([self._ended], timeout=silence_s)
                if done:
                    return self._ended.result()
                if self._progress == seen:
                    return False
        finally:
            forget()
            await self._connection.unsubscribe(subscription)

    def _on_message(self, headers: bytes, raw: bytes) -> None:
        self._progress += 1
        match status(headers):
            case "":
                self._take(headers, raw)
            case "204":
                self.pending = int(header(headers, b"Nats-Num-Pending"))
                self._end(is_whole=True)
            case "404":
                self._end(is_whole=True)
            case _:  # 503: nobody serves the stream now; 408, 413: try again
                self._end(is_whole=False)

    def _take(self, headers: bytes, raw: bytes) -> None:
        subject, self.last = header(headers, b"Nats-Subject").decode(), int(header(headers, b"Nats-Sequence"))
        if self._wanted is None or matches(self._wanted, subject):
            self.entries.append(Entry(self._stream, subject, self.last, content_of(raw), raw))

    def _end(self, *, is_whole: bool) -> None:
        if not self._ended.done():
            self._ended.set_result(is_whole)


class _Follower:
    """One reader that never ends; see the module's docstring."""

    def __init__(
        self, connection: Connection, log: JetStreamLog, stream: StreamSpec, subject: str, after: int
    ) -> None:
        self._connection = connection
        self._log = log
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
        subscription = await self._connection.subscribe_straight(live(self._subject), self._on_live)
        try:
            while not self._connection.is_closed:
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
                        self._log.heard(self._stream, entry)
                        yield entry
                else:
                    await self._rest()
        finally:
            forget()
            await self._connection.unsubscribe(subscription)

    async def _catch_up(self) -> AsyncGenerator[Entry]:
        """What we have not had. Of a part, what was heard live says nothing of what was missed before it on
        other subjects, so it is read again.
        """
        after = self._position if self._whole else self._sure
        async for entry in self._log.read(self._stream, self._subject, after=after):
            self._sure = entry.sequence
            if self._is_new(entry):
                yield entry

    async def _missing(self, subject: str, after: int) -> AsyncGenerator[Entry]:
        async for entry in self._log.read(self._stream, subject, after=after):
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
        if len(self._backlog) >= LIVE_BACKLOG or self._backlog_bytes >= LIVE_BACKLOG_BYTES:
            self._must_catch_up = True  # from the position reached by then; what we drop here is read there
            self._backlog.clear()
            self._backlog_bytes = 0
        self._backlog_bytes += len(raw)
        subject, sequence = header(headers, b"Nats-Subject").decode(), int(header(headers, b"Nats-Sequence"))
        entry = Entry(self._stream.name, subject, sequence, content_of(raw), raw)
        self._backlog.append((sequence, int(header(headers, b"Nats-Last-Sequence")), entry))
        self._wake.set()

    def _on_return(self) -> None:
        self._must_catch_up = True
        self._wake.set()


def content_of(raw: bytes) -> AnyEvent | Malformed:
    """What the bytes say, or why nobody can read them."""
    try:
        return decode(raw)
    except Malformed as error:
        return error


def _id_of(raw: bytes) -> str | None:
    content = content_of(raw)
    return None if isinstance(content, Malformed) else content.id
