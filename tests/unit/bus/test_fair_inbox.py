"""Requests as services get them: by turns of projects, none lost, none out of hand."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from flyte_bus import fair_inbox
from flyte_bus.fair_inbox import FairInbox, Turn
from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_schemas.limits import LIMITS_KEY, LimitBook, Place
from flyte_schemas.streams import SETTINGS_BUCKET
from flyte_schemas.subjects import RUN_REQUESTS, RunKey, parse_request, run_request
from testkit.cases.harness import GUARD_S
from testkit.events import event, request
from testkit.virtual_time import VirtualTimeLoop


@pytest.fixture
async def bus() -> AsyncIterator[MemoryBus]:
    async with MemoryBus(MemoryServer()) as bus:
        await bus.provision()
        yield bus


async def ask(bus: MemoryBus, project: str, *names: str) -> None:
    content = request(1).data
    for name in names:
        subject = run_request(RunKey(project, "d", name), "ann")
        await bus.log.append(event(subject, content, id=f"{project}.{name}"))


async def limit(bus: MemoryBus, project: str, per_s: float) -> None:
    book = LimitBook().changed(Place(project, "d").key, {"requests_per_s": per_s})
    await bus.bucket(SETTINGS_BUCKET).put(LIMITS_KEY, book.model_dump_json(exclude_none=True).encode())


def inbox_of(bus: MemoryBus) -> FairInbox:
    return FairInbox(bus, "executor", RUN_REQUESTS, ack_wait_s=1.0)


def name(turn: Turn) -> str:
    place = parse_request(turn.delivery.entry.subject)
    assert place is not None
    return place.name


async def taken(inbox: FairInbox, count: int) -> list[Turn]:
    """So many, each acknowledged."""
    found: list[Turn] = []
    async with asyncio.timeout(GUARD_S):
        async for some in inbox:
            for turn in some:
                await turn.delivery.ack()
            found += some
            if len(found) >= count:
                return found
    raise AssertionError("the inbox has ended")


async def test_one_request_is_seen_behind_a_flood_of_another_project(bus: MemoryBus) -> None:
    await ask(bus, "b", *(f"b{number}" for number in range(400)))
    await ask(bus, "a", "a0")
    async with inbox_of(bus) as inbox:
        await asyncio.sleep(0.1)
        first = await taken(inbox, 2)
        assert [name(turn) for turn in first] == ["b0", "a0"]


async def test_those_beyond_what_may_wait_are_refused_and_told_why(bus: MemoryBus) -> None:
    await limit(bus, "b", 0.001)
    await ask(bus, "b", *(f"b{number}" for number in range(15)))
    async with inbox_of(bus) as inbox:
        await asyncio.sleep(0.1)
        found = await taken(inbox, 6)
    refused = [turn for turn in found if turn.refused is not None]
    assert [name(turn) for turn in refused] == [f"b{number}" for number in range(10, 15)]
    assert refused[0].refused is not None
    assert refused[0].refused.code == "RequestLimitExceeded"
    assert "b/d may make 0.001 requests a second, and 10 of its requests wait" in refused[0].refused.message


async def test_what_waits_stays_in_hand_and_goes_back_at_the_end(bus: MemoryBus) -> None:
    await limit(bus, "b", 0.001)
    await ask(bus, "b", "b0", "b1", "b2")
    async with inbox_of(bus) as inbox:
        assert [name(turn) for turn in await taken(inbox, 1)] == ["b0"]
        await asyncio.sleep(1.5)  # longer than a delivery may be out
    await limit(bus, "b", 0.0)
    async with inbox_of(bus) as inbox:
        again = await taken(inbox, 2)
    assert [(name(turn), turn.delivery.deliveries) for turn in again] == [("b1", 2), ("b2", 2)]


async def test_a_limit_that_is_set_while_it_is_open_holds(bus: MemoryBus) -> None:
    async with inbox_of(bus) as inbox:
        await limit(bus, "b", 0.001)
        await asyncio.sleep(0.1)
        await ask(bus, "b", *(f"b{number}" for number in range(13)))
        await asyncio.sleep(0.1)
        found = await taken(inbox, 4)
    assert [turn.refused is not None for turn in found].count(True) == 3


async def test_while_a_flood_is_refused_others_have_their_turns(
    bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fair_inbox, "REST", 1e6)
    await limit(bus, "b", 0.001)
    await ask(bus, "b", *(f"b{number}" for number in range(100)))
    await ask(bus, "a", *(f"a{number}" for number in range(20)))
    async with inbox_of(bus) as inbox:
        await asyncio.sleep(0.1)
        found: list[Turn] = []
        async with asyncio.timeout(GUARD_S):
            async for some in inbox:
                await asyncio.sleep(0.001)
                for turn in some:
                    await turn.delivery.ack()
                found += some
                if name(some[-1]) == "a19":
                    break
    refused = [turn for turn in found if turn.refused is not None]
    assert len(refused) == fair_inbox.REFUSED_AT_ONCE
    assert [name(turn) for turn in found if turn.refused is None] == [
        "b0",
        *(f"a{number}" for number in range(20)),
    ]


async def test_a_refusal_that_rested_comes(bus: MemoryBus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fair_inbox, "REFUSED_AT_ONCE", 1)
    await limit(bus, "b", 0.001)
    await ask(bus, "b", *(f"b{number}" for number in range(15)))
    async with inbox_of(bus) as inbox:
        await asyncio.sleep(0.1)
        found = await taken(inbox, 6)
    refused = [name(turn) for turn in found if turn.refused is not None]
    assert refused == [f"b{number}" for number in range(10, 15)]


async def test_what_waits_to_be_refused_is_let_in_when_the_limit_is_lifted(bus: MemoryBus) -> None:
    await limit(bus, "b", 0.001)
    await ask(bus, "b", *(f"b{number}" for number in range(15)))
    async with inbox_of(bus) as inbox:
        await asyncio.sleep(0.1)
        await limit(bus, "b", 0.0)
        await asyncio.sleep(0.1)
        assert [turn.refused for turn in await taken(inbox, 15)] == [None] * 15


@pytest.mark.parametrize(("bound", "most"), [("REFUSED_AHEAD", 20), ("AHEAD_BYTES", 16_000)])
def test_a_flood_that_is_refused_keeps_the_way_free_and_each_of_it_is_told(
    monkeypatch: pytest.MonkeyPatch, bound: str, most: int
) -> None:
    monkeypatch.setattr(fair_inbox, bound, most)
    monkeypatch.setattr(fair_inbox, "AHEAD", 50)
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(_flooded())


async def _flooded() -> None:
    flood = [f"b{number}" for number in range(300)]
    async with MemoryBus(MemoryServer(clock=asyncio.get_running_loop().time)) as bus:
        await bus.provision()
        await limit(bus, "b", 0.05)
        await ask(bus, "b", *flood)
        await ask(bus, "a", "a0")
        async with inbox_of(bus) as inbox:
            await asyncio.sleep(0.1)
            first = await taken(inbox, 2 * fair_inbox.REFUSED_AT_ONCE + 2)
            assert "a0" in [name(turn) for turn in first]
        async with inbox_of(bus) as inbox:  # what was put off comes to whoever is there then
            rest = [turn async for turn in _all_of(inbox)]
    refused = [name(turn) for turn in (*first, *rest) if turn.refused is not None]
    assert sorted(refused) == sorted(set(refused))
    assert {name(turn) for turn in (*first, *rest)} == {"a0", *flood}


async def _all_of(inbox: FairInbox) -> AsyncIterator[Turn]:
    """Until nothing more comes for long."""
    turns = aiter(inbox)
    with suppress(TimeoutError):
        while True:
            async with asyncio.timeout(1_000):
                for turn in await anext(turns):
                    await turn.delivery.ack()
                    yield turn
