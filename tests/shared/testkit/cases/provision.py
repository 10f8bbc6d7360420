"""What provisioning does on every bus."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from flyte_bus.errors import BusUnavailable
from flyte_bus.ports import Bus
from flyte_schemas.streams import BUCKETS, LOGS, REQUESTS, RUNS, STREAMS
from flyte_schemas.subjects import RUN_REQUESTS
from testkit.cases.harness import GUARD_S, BusHarness, exhaust, take
from testkit.events import action, numbered, request

Use = Callable[[Bus], Coroutine[Any, Any, object]]

USES: dict[str, Use] = {
    "append": lambda bus: bus.log.append(numbered(action())),
    "read": lambda bus: exhaust(bus.log.read(RUNS, action())),
    "last": lambda bus: bus.log.last(RUNS, action()),
    "last_sequence": lambda bus: bus.log.last_sequence(RUNS),
}
"""What a client may do before any service has made the streams."""


class ProvisionCases:
    """The contract of `Bus.provision`: inherit it.

    Give two fixtures: `harness`, and `bare`, which nobody has provisioned.
    """

    @pytest.mark.parametrize("use", USES.values(), ids=USES)
    async def test_who_is_there_first_waits_for_the_streams(self, bare: BusHarness, use: Use) -> None:
        early = asyncio.create_task(use(bare.bus))
        await asyncio.sleep(0.3)
        assert not early.done()
        await bare.bus.provision()
        async with asyncio.timeout(GUARD_S):
            await early

    @pytest.mark.parametrize("use", USES.values(), ids=USES)
    async def test_streams_that_nobody_makes_are_unavailable(self, bare: BusHarness, use: Use) -> None:
        with pytest.raises(BusUnavailable):
            await use(await bare.connect(patience_s=0.3))

    async def test_every_stream_and_bucket_is_there(self, harness: BusHarness) -> None:
        for stream in STREAMS:
            subject = stream.subjects[0].replace(">", "project.domain.name.verb").replace("*", "any")
            assert await harness.bus.log.append(numbered(subject)) == 1
            assert await harness.bus.log.last_sequence(stream) == 1
            assert await harness.max_age_s(stream) == stream.max_age_s
        for bucket in BUCKETS:
            assert await harness.bus.bucket(bucket).create("key", b"1", ttl_s=60) > 0

    async def test_provisioning_twice_changes_nothing(self, harness: BusHarness) -> None:
        await harness.bus.log.append(numbered(action()))
        revision = await harness.bus.bucket(BUCKETS[0]).put("key", b"1")
        async with harness.bus.inbox(REQUESTS, "executor", RUN_REQUESTS) as inbox:
            await harness.bus.log.append(request(1))
            (delivery,) = await take(aiter(inbox), 1)
            await delivery.ack()
        await harness.bus.provision()
        assert len(await exhaust(harness.bus.log.read(RUNS, action()))) == 1
        entry = await harness.bus.bucket(BUCKETS[0]).get("key")
        assert entry is not None
        assert entry.revision == revision
        await harness.bus.log.append(request(2))
        async with harness.bus.inbox(REQUESTS, "executor", RUN_REQUESTS) as inbox:
            (delivery,) = await take(aiter(inbox), 1)
            assert delivery.entry.sequence == 2

    async def test_provisioning_at_the_same_time_is_provisioning_once(self, harness: BusHarness) -> None:
        others = [await harness.connect() for _ in range(3)]
        await asyncio.gather(*(bus.provision() for bus in (harness.bus, *others)))
        assert await others[0].log.append(numbered(action())) == 1

    async def test_an_existing_stream_is_brought_up_to_date(self, harness: BusHarness) -> None:
        await harness.bus.log.append(request(1))
        await harness.define(replace(REQUESTS, max_age_s=3600))
        await harness.define(replace(LOGS, max_age_s=None))
        await harness.define(replace(RUNS, max_age_s=3600))
        assert await harness.max_age_s(REQUESTS) == 3600
        await harness.bus.provision()
        for stream in (REQUESTS, LOGS, RUNS):
            assert await harness.max_age_s(stream) == stream.max_age_s
        assert len(await exhaust(harness.bus.log.read(REQUESTS, request(1).subject))) == 1
