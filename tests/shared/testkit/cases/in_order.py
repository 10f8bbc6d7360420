"""What every `EventLog` does for who keeps a place to go on from: strict order, and places by time."""

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

from flyte_schemas.streams import RUNS, TASKS
from testkit.cases.harness import BusHarness, exhaust, gathering, take, until
from testkit.events import action, numbered


class InOrderCases:
    """The contract of `follow_in_order` and `sequence_at`: inherit it, and give a fixture `harness`."""

    async def test_a_part_of_a_racing_stream_comes_in_the_order_of_the_stream(
        self, harness: BusHarness
    ) -> None:
        log, writers, each = harness.bus.log, 4, 100

        async def write(name: str) -> None:
            connection = await harness.connect()
            for number in range(1, each + 1):
                await connection.log.append(numbered(action(name, run=f"run{number % 2}"), number))

        async with gathering(log.follow_in_order(RUNS, action("*", run="run1"))) as seen:
            await asyncio.gather(*(write(f"w{n}") for n in range(writers)))
            await until(lambda: len(seen) >= writers * each // 2)
        assert seen == await exhaust(log.read(RUNS, action("*", run="run1")))

    async def test_it_begins_after_a_sequence_and_goes_on(self, harness: BusHarness) -> None:
        log = harness.bus.log
        for number in (1, 2, 3):
            await log.append(numbered(action(), number))
        async with gathering(log.follow_in_order(RUNS, action(), after=2)) as seen:
            await until(lambda: len(seen) == 1)
            await log.append(numbered(action("other"), 1))
            await log.append(numbered(action(), 4))
            await until(lambda: len(seen) == 2)
        assert [entry.sequence for entry in seen] == [3, 5]

    async def test_it_outlasts_an_outage_that_is_longer_than_its_patience(self, harness: BusHarness) -> None:
        hasty = await harness.connect(patience_s=0.2)
        async with gathering(hasty.log.follow_in_order(RUNS, "flyte.run.>")) as seen:
            await harness.bus.log.append(numbered(action(), 1))
            await until(lambda: len(seen) == 1)
            await harness.stop()
            await asyncio.sleep(0.8)
            await harness.start()
            await harness.bus.log.append(numbered(action(), 2))
            await until(lambda: len(seen) == 2)
        assert [entry.sequence for entry in seen] == [1, 2]

    async def test_who_reads_slowly_is_given_all(self, harness: BusHarness) -> None:
        log, count = harness.bus.log, 300
        await log.append(numbered(action(), 1))
        async with aclosing(log.follow_in_order(RUNS, action())) as following:
            first = await anext(following)
            await asyncio.gather(*(log.append(numbered(action(), n)) for n in range(2, count + 1)))
            later = await take(following, count - 1)
        assert [entry.sequence for entry in (first, *later)] == list(range(1, count + 1))

    async def test_closing_the_bus_ends_it(self, harness: BusHarness) -> None:
        other = await harness.connect()
        await harness.bus.log.append(numbered(action()))
        following = asyncio.create_task(exhaust(other.log.follow_in_order(RUNS, action())))
        await asyncio.sleep(0.1)
        await other.close()
        assert [entry.sequence for entry in await following] == [1]

    async def test_a_time_is_a_place_in_the_stream(self, harness: BusHarness) -> None:
        log = harness.bus.log
        assert await log.sequence_at(RUNS, datetime.now(UTC)) == 0
        for number in (1, 2, 3):
            await log.append(numbered(action(), number))
        await asyncio.sleep(0.02)
        between = datetime.now(UTC)
        await asyncio.sleep(0.02)
        for number in (4, 5):
            await log.append(numbered(action(), number))
        assert await log.sequence_at(RUNS, between) == 3
        assert await log.sequence_at(RUNS, between - timedelta(days=1)) == 0
        assert await log.sequence_at(RUNS, datetime.now(UTC) + timedelta(days=1)) == 5
        assert await log.sequence_at(TASKS, between) == 0
