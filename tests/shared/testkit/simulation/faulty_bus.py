"""A participant's connection to the bus, on which messages are slow, and acknowledgements are lost.

What is lost is asked for again, as the real client does; by then the server may have forgotten the first.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_bus.memory.keyvalue import MemoryKeyValue
from flyte_bus.memory.link import Link
from flyte_bus.memory.log import MemoryLog
from flyte_bus.ports import Delivery, Entry, EventLog, Inbox, KeyValue
from flyte_schemas.envelope import AnyEvent, encode
from flyte_schemas.events import AttemptPlaced, AttemptReclaimed
from flyte_schemas.streams import BucketSpec, StreamSpec
from testkit.simulation.chance import Chance

LATE_S = (0.5, 300.0, 300.0)
"""How late a second try may be: within the server's window for copies, or beyond it."""


RETURN_S = 5.0
"""How long a client takes to notice that an outage is over."""
SOON_S = 4.0
"""When the real client asks again."""
COPY_S = (125.0, 400.0)
"""How much later a copy that the network held back arrives."""
DEADLY_ACKS = 0.3
"""What part of the crashes' rate holds for each acknowledgement: the process ends right after it."""
MAX_EVENTS = 3_000
"""Of one world; the longest honest story that was told so far has some 1,020."""


class Reach:
    """Whether one participant reaches the server, and when he did not, or not in time."""

    def __init__(self) -> None:
        self._absences: list[list[float]] = []
        self._open = asyncio.Event()
        self._open.set()

    async def passed(self) -> None:
        """Return once the way to the server is open."""
        await self._open.wait()

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Nothing gets through within the block."""
        self._open.clear()
        with self.absent():
            yield
        self._open.set()

    @contextmanager
    def absent(self) -> Iterator[None]:
        """Something gets through within the block, but nobody can count on it."""
        absence = [asyncio.get_running_loop().time(), math.inf]
        self._absences.append(absence)
        yield
        absence[1] = asyncio.get_running_loop().time()

    def was_absent(self, since: float, until: float) -> bool:
        """Whether there was any time between these in which he could not be counted on."""
        return any(begin <= until and end >= since for begin, end in self._absences)


class FaultyLog(MemoryLog):
    """A log whose acknowledgements may be lost; `acknowledged` are those that arrived."""

    def __init__(self, link: Link, chance: Chance, acknowledged: dict[int, str], reach: Reach) -> None:
        super().__init__(link)
        self._chance = chance
        self._acknowledged = acknowledged
        self._reach = reach

    async def append(self, event: AnyEvent, *, expected: int | None = None) -> int:
        if not isinstance(event.data, AttemptPlaced | AttemptReclaimed):
            return await self._append(event, expected=expected)
        with self._reach.absent():  # who does not hear of his claim in time cannot keep it
            return await self._append(event, expected=expected)

    async def _append(self, event: AnyEvent, *, expected: int | None) -> int:
        await self._chance.delay()
        await self._reach.passed()
        sequence = await super().append(event, expected=expected)
        if event.subject.startswith("flyte.run."):
            self._chance.written_at.setdefault(sequence, asyncio.get_running_loop().time())
        if sequence > MAX_EVENTS:
            self._chance.circling.set()
            raise RuntimeError("somebody runs in circles: the log is full of it")
        if expected is None and self._chance.happens(self._chance.rates.late_copy):
            self._copy_later(event)
        while self._chance.happens(self._chance.rates.lost_ack):
            if isinstance(event.data, AttemptReclaimed):  # its user's code runs: the client asks again soon
                await self._chance.pause(SOON_S)
                break
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
    """A delivery whose acknowledgement may be lost, so that it comes again, or be its sender's last word."""

    def __init__(self, delivery: Delivery, chance: Chance, die: Callable[[], None]) -> None:
        self._delivery = delivery
        self._chance = chance
        self._die = die

    @property
    def entry(self) -> Entry:
        return self._delivery.entry

    @property
    def subject(self) -> str:
        return self._delivery.subject

    @property
    def deliveries(self) -> int:
        return self._delivery.deliveries

    @property
    def size_bytes(self) -> int:
        return self._delivery.size_bytes

    @property
    def is_settled(self) -> bool:
        return self._delivery.is_settled

    async def working(self) -> None:
        await self._delivery.working()

    async def ack(self) -> None:
        if not self._chance.happens(self._chance.rates.lost_delivery):
            await self._delivery.ack()
            if self._chance.happens(self._chance.rates.crash * DEADLY_ACKS):
                self._die()

    async def nak(self, delay_s: float = 0.0) -> None:
        await self._delivery.nak(delay_s)

    async def term(self, reason: str) -> None:
        await self._delivery.term(reason)


class FaultyBus(MemoryBus):
    """A `MemoryBus` with faults; `kill` cuts it off in the middle of whatever it does."""

    def __init__(self, server: MemoryServer, chance: Chance, acknowledged: dict[int, str]) -> None:
        super().__init__(server, patience_s=24 * 3600.0)
        self._chance = chance
        self.reach = Reach()
        self.died = asyncio.Event()
        self._faulty_log = FaultyLog(self._link, chance, acknowledged, self.reach)

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
        sizes_only: bool = False,
    ) -> AsyncIterator[Inbox]:
        inner = super().inbox(
            stream,
            durable,
            subjects,
            max_in_flight=max_in_flight,
            ack_wait_s=ack_wait_s,
            sizes_only=sizes_only,
        )
        async with inner as inbox:
            yield _FaultyInbox(inbox, self._chance, self.die)

    def bucket(self, spec: BucketSpec) -> KeyValue:
        return _FaultyKeyValue(self._link, spec, self.reach, self._chance)

    def die(self) -> None:
        """The process of this participant ends by itself, and whoever looks after it hears of it."""
        self.kill()
        self.died.set()

    def kill(self) -> None:
        """From now on nothing that this participant does reaches the server."""
        self._link.close()


class _FaultyKeyValue(MemoryKeyValue):
    """A bucket that cannot be written to while its user is away."""

    def __init__(self, link: Link, spec: BucketSpec, reach: Reach, chance: Chance) -> None:
        super().__init__(link, spec)
        self._passed = reach.passed
        self._chance = chance

    async def put(self, key: str, value: bytes, *, ttl_s: int | None = None) -> int:
        await self._passed()
        if not self._link.server.is_up:  # each finds out at another time that it is back
            await self._link.outlast()
            await self._chance.pause(RETURN_S)
        return await super().put(key, value, ttl_s=ttl_s)

    async def delete(self, key: str) -> None:
        await self._passed()
        await super().delete(key)


class _FaultyInbox:
    def __init__(self, inbox: Inbox, chance: Chance, die: Callable[[], None]) -> None:
        self._inbox = inbox
        self._chance = chance
        self._die = die

    async def __aiter__(self) -> AsyncIterator[Delivery]:
        async for delivery in self._inbox:
            await self._chance.delay()
            yield _FaultyDelivery(delivery, self._chance, self._die)
