"""Follow a stream, or a part of it, strictly in its order: what is said live only wakes, all is read.

A part of a stream has no sequences of its own that could show a gap, so what is heard live of it proves
nothing about what was not. Whoever keeps a place to go on from needs that proof, and reads. Such a reader
holds no message for somebody slow: there is the next batch, and whether there is more.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Protocol

import orjson

from flyte_bus.errors import BusError, BusUnavailable
from flyte_bus.jetstream.client import header
from flyte_bus.jetstream.connection import Connection
from flyte_bus.jetstream.patience import Patience
from flyte_bus.ports import Entry
from flyte_schemas.streams import StreamSpec
from flyte_schemas.subjects import live

LOOK_AGAIN_S = 5.0
"""After so long a silence the stream is looked into: a live message may have been lost."""
BEHIND_TRIES = 20
BEHIND_S = 0.1
"""How often, and with which pause, a read is repeated that did not have what was said live: a member of a
cluster answered that was behind."""


class Read(Protocol):
    """`EventLog.read`."""

    def __call__(self, stream: StreamSpec, subject: str, *, after: int = 0) -> AsyncGenerator[Entry]: ...


async def in_order(
    connection: Connection, read: Read, stream: StreamSpec, subject: str, after: int
) -> AsyncGenerator[Entry]:
    """The messages on `subject` after `after`, then what comes, for ever."""
    position, behind, began = after, 0, False
    told = _Told()
    forget = connection.on_return(told.look)
    subscription = await connection.subscribe_straight(live(subject), told.take)
    try:
        while not connection.is_closed:
            told.must_look, before = False, position
            try:
                async with aclosing(read(stream, subject, after=position)) as entries:
                    async for entry in entries:
                        position = entry.sequence
                        yield entry
                began = True
            except BusUnavailable:
                if not began or connection.is_closed:
                    raise
                told.must_look = True  # an outage that outlasts the patience of one read
            behind = behind + 1 if told.last > position == before else 0
            if behind > BEHIND_TRIES:
                told.last = position
            if behind:
                await asyncio.sleep(BEHIND_S)
            else:
                await told.beyond(position)
    finally:
        forget()
        await connection.unsubscribe(subscription)


class _Told:
    """What was said live: that there is more, and how far it goes."""

    def __init__(self) -> None:
        self.last = 0
        self.must_look = False
        self._heard = asyncio.Event()

    def take(self, headers: bytes, raw: bytes) -> None:
        self.last = max(self.last, int(header(headers, b"Nats-Sequence")))
        self._heard.set()

    def look(self) -> None:
        """The connection came back, or closes: look, whatever was heard."""
        self.must_look = True
        self._heard.set()

    async def beyond(self, position: int) -> None:
        """Return when there is something beyond `position`, or may be."""
        self._heard.clear()
        if self.last > position or self.must_look:
            return
        try:
            async with asyncio.timeout(LOOK_AGAIN_S):
                await self._heard.wait()
        except TimeoutError:
            pass


async def sequence_at(connection: Connection, stream: str, at: datetime) -> int:
    """See `EventLog.sequence_at`: one question for the first message from that time on."""
    moment = at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    question = orjson.dumps({"start_time": moment, "batch": 1})
    patience = Patience(connection.settings.patience_s)
    while True:
        answer = await connection.request(f"$JS.API.DIRECT.GET.{stream}", question)
        if b"Nats-Sequence:" in answer.head:
            return int(header(answer.head, b"Nats-Sequence")) - 1
        info = await connection.api(f"STREAM.INFO.{stream}", {})
        if "error" in info:
            raise BusError(f"{stream}: {info['error'].get('description')}")
        if _time_of(info["state"]["last_ts"]) < at:
            return int(info["state"]["last_seq"])
        if not patience.left_s:
            raise BusUnavailable(f"{stream} could not be read")
        await patience.pause()  # a member of the cluster answered that is behind


def _time_of(text: str) -> datetime:
    """A time as the server writes it, with up to nine digits of a second, of which six are read."""
    whole, _, rest = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{whole}.{rest[:6]:0<6}+00:00")
