"""Follow a stream, or a part of it, strictly in its order: what is said live only wakes, all is read.

A part of a stream has no sequences of its own that could show a gap, so what is heard live of it proves
nothing about what was not. Whoever keeps a place to go on from needs that proof, and reads. Such a reader
holds no message for somebody slow: there is the next batch, and whether there is more.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Protocol

from nats.aio.subscription import Subscription

from flyte_bus.errors import BusUnavailable, NotAllowed
from flyte_bus.jetstream.connection import Connection
from flyte_bus.jetstream.contents import Expected
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
    connection: Connection, read: Read, stream: StreamSpec, subject: str, heard: Sequence[str], after: int
) -> AsyncGenerator[Entry]:
    """The messages on `subject` after `after`, then what comes, for ever; its parts are `heard`."""
    position, behind, began = after, 0, False
    told = _Told([Expected(stream.name, part) for part in heard])
    forget = [connection.on_return(told.look)]
    subscriptions: list[Subscription] = []
    try:
        for part in heard:
            forget.append(connection.standing.on_denied(live(part), told.refuse))
            subscriptions.append(await connection.subscribe_straight(live(part), told.take))
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
        connection.standing.check()
    finally:
        for undo in forget:
            undo()
        for subscription in subscriptions:
            await connection.unsubscribe(subscription)


class _Told:
    """What was said live: that there is more, and how far it goes."""

    def __init__(self, expected: Sequence[Expected]) -> None:
        self._expected = expected
        self.last = 0
        self.must_look = False
        self._refusal: NotAllowed | None = None
        self._heard = asyncio.Event()

    def take(self, headers: bytes, raw: bytes) -> None:
        place = self._expected[0].place(headers)
        if place is None or not any(part.wants(place[0]) for part in self._expected):
            return  # somebody had an answer of his sent here: nothing of it is said to be in the log
        self.last = max(self.last, place[1])
        self._heard.set()

    def refuse(self, refusal: NotAllowed) -> None:
        """The server lets us listen no more."""
        self._refusal = refusal
        self._heard.set()

    def look(self) -> None:
        """The connection came back, or closes: look, whatever was heard."""
        self.must_look = True
        self._heard.set()

    async def beyond(self, position: int) -> None:
        """Return when there is something beyond `position`, or may be. Raises NotAllowed."""
        self._heard.clear()
        if self._refusal is not None:
            raise self._refusal
        if self.last > position or self.must_look:
            return
        try:
            async with asyncio.timeout(LOOK_AGAIN_S):
                await self._heard.wait()
        except TimeoutError:
            pass
