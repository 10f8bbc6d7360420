"""Writers, readers and counters on the bus, all at once; afterwards each must have kept its promise.

Every acknowledged event stands in the log once, where its acknowledgement said; of writers that expect the
same version one wins; who follows sees everything once and in order; a counter that is updated by its
revision has counted every success.
"""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field

from flyte_bus.errors import Conflict
from flyte_bus.jetstream import connect
from flyte_bus.ports import Bus
from flyte_bus.settings import BusSettings
from flyte_schemas.envelope import Event
from flyte_schemas.streams import LEASES_BUCKET, REQUESTS, RUNS
from flyte_schemas.subjects import ABORT_REQUESTS, RunKey, abort_request, action_subject
from testkit.events import numbered

RACERS = 3
FACT_PAUSE_S = 0.01
RACE = RunKey("p", "d", "race").action("a0")
COUNTER = "counted"


@dataclass(slots=True)
class Traffic:
    """What went on: ids with the sequences that were acknowledged, and what readers saw."""

    settings: BusSettings
    acknowledged: dict[str, int] = field(default_factory=dict)
    won: dict[int, list[str]] = field(default_factory=dict)
    followed: list[tuple[str, int]] = field(default_factory=list)
    followed_race: list[int] = field(default_factory=list)
    delivered: Counter[str] = field(default_factory=Counter)
    requested: list[str] = field(default_factory=list)
    counted: int = 0
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _held: AsyncExitStack = field(default_factory=AsyncExitStack)
    _writers: "list[asyncio.Task[None]]" = field(default_factory=list)
    _readers: "list[asyncio.Task[None]]" = field(default_factory=list)

    async def start(self) -> None:
        """Provision, and let everybody begin, each on a connection of its own."""
        async with await connect(self.settings) as bus:
            await bus.provision()
        writers = [self._facts, self._requests, self._count, self._count]
        for work in writers:
            self._writers.append(asyncio.create_task(work(await self._connect())))
        for number in range(RACERS):
            self._writers.append(asyncio.create_task(self._race(await self._connect(), number)))
        for read in (self._follow, self._follow_race, self._take):
            self._readers.append(asyncio.create_task(read(await self._connect())))

    async def progress(self, count: int = 30) -> None:
        """Return once so many more facts were acknowledged."""
        wanted = len(self.acknowledged) + count
        while len(self.acknowledged) < wanted:
            for task in (*self._writers, *self._readers):
                if task.done():
                    task.result()
            await asyncio.sleep(0.02)

    async def finish(self) -> None:
        """Stop writing, let the readers see the end, and check every promise. Raises AssertionError."""
        self._stopping.set()
        await asyncio.gather(*self._writers)
        bus = await self._connect()
        stored = [entry async for entry in bus.log.read(RUNS, RUNS.subjects[0])]
        while len(self.followed) < len(stored) or len(self.delivered) < len(self.requested):
            await asyncio.sleep(0.05)
        for task in self._readers:
            task.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)
        counter = await bus.bucket(LEASES_BUCKET).get(COUNTER)
        await self._held.aclose()
        places = [(_id(entry.content), entry.sequence) for entry in stored]
        assert len(dict(places)) == len(places), "an event stands in the log twice"
        assert self.acknowledged.items() <= dict(places).items(), "an acknowledgement was not true"
        assert self.followed == places, "who followed did not see everything once and in order"
        race = [entry.sequence for entry in stored if entry.subject == action_subject(RACE)]
        assert self.followed_race == race, "who followed a part did not see it once and in order"
        assert all(len(winners) == 1 for winners in self.won.values()), "of some racing writers two won"
        assert len(self.won) == len(race), "a race was won by nobody who knows"
        assert set(self.delivered) >= set(self.requested), "a request was acknowledged and never delivered"
        assert counter is not None
        assert counter.value is not None
        assert int(counter.value) == self.counted, "an update was lost, or counted twice"

    async def _connect(self) -> Bus:
        return await self._held.enter_async_context(await connect(self.settings))

    async def _facts(self, bus: Bus) -> None:
        number = 0
        while not self._stopping.is_set():
            number += 1
            event = numbered(action_subject(RunKey("p", "d", "facts").action(f"c{number % 7}")), number)
            sequence = self.acknowledged[event.id] = await bus.log.append(event)
            found = [entry.sequence async for entry in bus.log.read(RUNS, event.subject, after=sequence - 1)]
            assert found == [sequence], "who wrote could not read it"
            await asyncio.sleep(FACT_PAUSE_S)

    async def _race(self, bus: Bus, racer: int) -> None:
        """Append what expects the last word, as a decision does."""
        number = 0
        while not self._stopping.is_set():
            last = await bus.log.last(RUNS, action_subject(RACE))
            expected = last.sequence if last else 0
            number += 1
            event = numbered(action_subject(RACE), 1_000_000 * (racer + 1) + number)
            try:
                self.acknowledged[event.id] = await bus.log.append(event, expected=expected)
                self.won.setdefault(expected, []).append(event.id)
            except Conflict:
                pass
            await asyncio.sleep(FACT_PAUSE_S)

    async def _requests(self, bus: Bus) -> None:
        number = 0
        while not self._stopping.is_set():
            number += 1
            event = numbered(abort_request(RunKey("p", "d", f"r{number}"), "alice"), 9_000_000 + number)
            await bus.log.append(event)
            self.requested.append(event.id)
            await asyncio.sleep(5 * FACT_PAUSE_S)

    async def _count(self, bus: Bus) -> None:
        bucket = bus.bucket(LEASES_BUCKET)
        while not self._stopping.is_set():
            found = await bucket.get(COUNTER)
            try:
                if found is None or found.value is None:
                    await bucket.create(COUNTER, b"1")
                else:
                    await bucket.update(COUNTER, b"%d" % (int(found.value) + 1), revision=found.revision)
                self.counted += 1
            except Conflict:
                pass
            await asyncio.sleep(FACT_PAUSE_S)

    async def _follow(self, bus: Bus) -> None:
        async with aclosing(bus.log.follow(RUNS, RUNS.subjects[0])) as entries:
            async for entry in entries:
                self.followed.append((_id(entry.content), entry.sequence))

    async def _follow_race(self, bus: Bus) -> None:
        async with aclosing(bus.log.follow(RUNS, action_subject(RACE))) as entries:
            async for entry in entries:
                self.followed_race.append(entry.sequence)

    async def _take(self, bus: Bus) -> None:
        async with bus.inbox(REQUESTS, "chaos", ABORT_REQUESTS) as inbox:
            async for delivery in inbox:
                self.delivered[_id(delivery.entry.content)] += 1
                await delivery.ack()


def _id(content: object) -> str:
    assert isinstance(content, Event)
    return content.id
