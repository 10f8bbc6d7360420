"""A participant's connection to the bus, on which messages are slow, and acknowledgements are lost.

What is lost is asked for again, as the real client does; by then the server may have forgotten the first.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_bus.memory.link import Link
from flyte_bus.memory.log import MemoryLog
from flyte_bus.ports import Delivery, Entry, EventLog, Inbox
from flyte_schemas.envelope import AnyEvent, encode
from flyte_schemas.streams import StreamSpec
from testkit.simulation.chance import Chance

LATE_S = (0.5, 300.0, 900.0)
"""How late a second try may be: within the server's window for copies, or beyond it."""


COPY_S = (125.0, 400.0)
"""How much later a copy that the network held back arrives."""
MAX_EVENTS = 1_000
"""Of one world; the longest honest story has some hundreds."""


class FaultyLog(MemoryLog):
    """A log whose acknowledgements may be lost; `acknowledged` are those that arrived."""

    def __init__(self, link: Link, chance: Chance, acknowledged: dict[int, str]) -> None:
        super().__init__(link)
        self._chance = chance
        self._acknowledged = acknowledged

    async def append(self, event: AnyEvent, *, expected: int | None = None) -> int:
        await self._chance.delay()
        sequence = await super().append(event, expected=expected)
        if sequence > MAX_EVENTS:
            self._chance.circling.set()
            raise RuntimeError("somebody runs in circles: the log is full of it")
        if expected is None and self._chance.happens(self._chance.rates.late_copy):
            self._copy_later(event)
        while self._chance.happens(self._chance.rates.lost_ack):
            await self._chance.pause(self._chance.dice.choice(LATE_S))
            sequence = await super().append(event, expected=expected)
        await self._chance.delay()
        if event.subject.startswith("flyte.run."):
            self._acknowledged[sequence] = event.id
        return sequence

    def _copy_later(self, event: AnyEvent) -> None:
        """The network holds a second copy back for longer than the server remembers the first."""
        delay_s = self._chance.dice.uniform(*COPY_S)
        server, raw = self._link.server, encode(event)
        asyncio.get_running_loop().call_later(delay_s, server.publish_raw, event.subject, raw)

    async def last(self, stream: StreamSpec, subject: str) -> Entry | None:
        await self._chance.delay()
        return await super().last(stream, subject)


class _FaultyDelivery:
    """A delivery whose acknowledgement may be lost, so that it comes again."""

    def __init__(self, delivery: Delivery, chance: Chance) -> None:
        self._delivery = delivery
        self._chance = chance

    @property
    def entry(self) -> Entry:
        return self._delivery.entry

    @property
    def deliveries(self) -> int:
        return self._delivery.deliveries

    async def ack(self) -> None:
        if not self._chance.happens(self._chance.rates.lost_delivery):
            await self._delivery.ack()

    async def nak(self, delay_s: float = 0.0) -> None:
        await self._delivery.nak(delay_s)

    async def term(self, reason: str) -> None:
        await self._delivery.term(reason)


class FaultyBus(MemoryBus):
    """A `MemoryBus` with faults; `kill` cuts it off in the middle of whatever it does."""

    def __init__(self, server: MemoryServer, chance: Chance, acknowledged: dict[int, str]) -> None:
        super().__init__(server, patience_s=24 * 3600.0)
        self._chance = chance
        self._faulty_log = FaultyLog(self._link, chance, acknowledged)

    @property
    def log(self) -> EventLog:
        return self._faulty_log

    @asynccontextmanager
    async def inbox(
        self,
        stream: StreamSpec,
        durable: str,
        subjects: Sequence[str],
        *,
        max_in_flight: int = 256,
        ack_wait_s: float = 30.0,
    ) -> AsyncIterator[Inbox]:
        inner = super().inbox(stream, durable, subjects, max_in_flight=max_in_flight, ack_wait_s=ack_wait_s)
        async with inner as inbox:
            yield _FaultyInbox(inbox, self._chance)

    def kill(self) -> None:
        """From now on nothing that this participant does reaches the server."""
        self._link.close()


class _FaultyInbox:
    def __init__(self, inbox: Inbox, chance: Chance) -> None:
        self._inbox = inbox
        self._chance = chance

    async def __aiter__(self) -> AsyncIterator[Delivery]:
        async for delivery in self._inbox:
            await self._chance.delay()
            yield _FaultyDelivery(delivery, self._chance)
