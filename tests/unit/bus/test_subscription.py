"""The public stream on the bus in memory: what it gives, from any place on, and for whom it ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta

import pytest

from flyte_bus import known_actions, subscription
from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_bus.subscription import Interest, StreamEvent, Subscription, before_the_last, cursor_at, whole
from flyte_schemas.cursor import Cursor, parse_cursor
from flyte_schemas.phase import ActionPhase
from flyte_schemas.streams import RUNS, TASKS
from flyte_schemas.subjects import RunKey
from testkit.cases.harness import gathering, until
from testkit.events import MORNING, event
from testkit.examples import EXAMPLES
from testkit.many_runs import story_of

ALL = Interest()
BEGIN = Cursor()
(DEPLOYED,) = [one for one in EXAMPLES if one.type == "flyte.task.deployed.v1"]
RUN_NAMES = ("r0", "r1", "r2", "r3")


@pytest.fixture
async def bus() -> AsyncIterator[MemoryBus]:
    """A log with a deployment, four runs (the last one of another project), and a deployment after them."""
    async with MemoryBus(MemoryServer()) as bus:
        await bus.provision()
        await deploy(bus, "first", -1)
        for number, name in enumerate(RUN_NAMES):
            for one in story_of(RunKey("q" if name == "r3" else "p", "d", name), number):
                await bus.log.append(one)
        await deploy(bus, "second", 100)
        yield bus


async def deploy(bus: MemoryBus, id: str, after_s: float) -> None:
    await bus.log.append(event("flyte.task.p.d.env.main", DEPLOYED.data, id=id, after_s=after_s))  # type: ignore[arg-type]


async def past(bus: MemoryBus, interest: Interest = ALL, after: Cursor = BEGIN) -> list[StreamEvent]:
    return [one async for one in Subscription(bus.log, interest, after).past()]


def ids(events: list[StreamEvent]) -> list[str]:
    return [one.id for one in events]


async def test_both_streams_are_one_in_the_order_of_time(bus: MemoryBus) -> None:
    told = await past(bus)
    assert [told[0].id, told[-1].id] == ["first", "second"]
    assert [one.time for one in told] == sorted(one.time for one in told)
    assert len(told) == await bus.log.last_sequence(RUNS) + 2
    assert (told[0].task, told[0].run, told[0].phase) == ("env.main", None, None)
    assert (told[1].run, told[1].action, told[1].task) == ("r0", "a0", "fleet.main")
    assert (told[1].phase, told[1].entered) == (ActionPhase.QUEUED, True)


async def test_from_every_cursor_the_rest_comes_with_the_same_phases(bus: MemoryBus) -> None:
    told = await past(bus)
    for place, one in enumerate(told):
        rest = await past(bus, after=parse_cursor(one.cursor))
        assert rest == told[place + 1 :]


async def test_actions_that_were_let_go_of_are_read_again(
    bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = await past(bus)
    monkeypatch.setattr(known_actions, "KEPT_ACTIONS", 1)
    assert await past(bus) == told


async def test_types_and_phases_say_which_events_are_wanted(bus: MemoryBus) -> None:
    told = await past(bus)
    failed = await past(bus, Interest(types=frozenset({"flyte.action.failed.v1"})))
    assert failed and ids(failed) == ids([one for one in told if one.type == "flyte.action.failed.v1"])
    aborted = await past(bus, Interest(phases=frozenset({ActionPhase.ABORTED})))
    assert [(one.type, one.entered) for one in aborted[:2]] == [
        ("flyte.action.aborted.v1", True),
        ("flyte.attempt.stopped.v1", False),
    ]
    deployed = await past(bus, Interest(types=frozenset({"flyte.task.deployed.v1"})))
    assert ids(deployed) == ["first", "second"]
    assert len(await past(bus, Interest(project="q", domain="d"))) == len(story_of(RunKey("q", "d", "r3"), 3))


async def test_what_belongs_to_no_run_is_not_asked_of_one() -> None:
    tasks = frozenset({"flyte.task.deployed.v1"})
    assert not Interest(project="p", domain="d", run="r1", types=tasks).is_possible
    assert not Interest(types=tasks, phases=frozenset({ActionPhase.FAILED})).is_possible
    assert Interest(types=tasks).is_possible


async def test_a_run_is_read_from_its_middle_and_ends_with_its_last_action(bus: MemoryBus) -> None:
    run, story = RunKey("p", "d", "late"), story_of(RunKey("p", "d", "late"), 200)
    for one in story[:9]:
        await bus.log.append(one)
    interest = Interest(project="p", domain="d", run="late")
    begin = await past(bus, interest)
    assert ids(begin) == [one.id for one in story[:9]]
    reading = Subscription(bus.log, interest, parse_cursor(begin[4].cursor))
    rest = [one async for one in reading.past()]
    assert rest == begin[5:]

    async def to_the_end() -> list[StreamEvent]:
        return [one async for one in reading.coming()]

    coming = asyncio.create_task(to_the_end())
    for one in story_of(RunKey("p", "d", "other"), 300) + story[9:]:
        await bus.log.append(one)
    assert ids(await coming) == [one.id for one in story[9:]]
    assert reading.is_over
    assert [one async for one in reading.coming()] == []
    missing = Subscription(bus.log, Interest(project="p", domain="d", run="nope"), Cursor())
    assert [one async for one in missing.past()] == []
    assert (missing.missing_run, reading.missing_run) == (run._replace(run="nope"), None)


async def test_what_comes_live_of_both_streams_is_given_once(bus: MemoryBus) -> None:
    reading = Subscription(bus.log, ALL, await subscription.end_of(bus.log))
    story = story_of(RunKey("p", "d", "live"), 300)
    async with gathering(reading.coming()) as told:
        for one in story:
            await bus.log.append(one)
        await deploy(bus, "third", 400)
        await until(lambda: len(told) == len(story) + 1)
    assert sorted(ids(told)) == sorted([*(one.id for one in story), "third"])
    assert told[-1].cursor == str(await subscription.end_of(bus.log))


@pytest.mark.parametrize("count", [1, 2, 7, 40, 10_000])
async def test_the_last_events_are_found_however_far_back(
    bus: MemoryBus, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscription, "FIRST_WINDOW", 1)
    monkeypatch.setattr(subscription, "WINDOW_GROWS", 2)
    failed = frozenset({"flyte.action.failed.v1", "flyte.task.deployed.v1"})
    for interest in (ALL, Interest(types=failed), Interest(project="p", domain="d", run="r1")):
        told = await past(bus, interest)
        begin = await before_the_last(bus.log, interest, count)
        found = await past(bus, interest, begin)
        assert [(one.id, one.phase) for one in found] == [(one.id, one.phase) for one in told[-count:]]


async def test_of_nothing_the_last_is_the_end_of_the_log(bus: MemoryBus) -> None:
    nothing = Interest(project="nowhere", domain="d")
    assert await before_the_last(bus.log, nothing, 5) == await subscription.end_of(bus.log)


async def test_a_plain_sequence_is_a_cursor_of_both_streams(bus: MemoryBus) -> None:
    last = await bus.log.last_sequence(RUNS)
    assert await whole(bus.log, parse_cursor(str(last))) == Cursor(last, 0)  # all deployed after that time
    assert await whole(bus.log, parse_cursor("0")) == Cursor(0, 0)
    assert await whole(bus.log, Cursor(3, 1)) == Cursor(3, 1)
    for text in (str(last + 1), "r1.t9"):
        with pytest.raises(ValueError, match="beyond the end of the log, r"):
            await whole(bus.log, parse_cursor(text))
    assert await cursor_at(bus.log, MORNING - timedelta(days=9_000)) == Cursor(0, 0)


@pytest.mark.parametrize("text", ["", "r1", "r1.t", "-3", "r1.t2.", "x", "9" * 30])
def test_what_is_no_cursor_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="is no cursor: give what an event's `cursor` said"):
        parse_cursor(text)


def test_a_cursor_is_read_as_it_was_written() -> None:
    for cursor in (Cursor(), Cursor(7, 3), Cursor(12, None)):
        assert parse_cursor(str(cursor)) == cursor


async def test_messages_that_nobody_can_read_are_left_out(bus: MemoryBus) -> None:
    told = await past(bus)
    bus._link.server.publish_raw("flyte.run.p.d.r1.a0", b"nonsense")
    bus._link.server.publish_raw("flyte.task.p.d.env.main", b"nonsense")
    assert ids(await past(bus)) == ids(told)


async def test_a_connection_that_closes_ends_a_subscription_with_an_error(bus: MemoryBus) -> None:
    reading = Subscription(bus.log, ALL, Cursor())
    with pytest.raises(Exception, match="the connection was closed"):
        async with aclosing(reading.coming()) as coming:
            async for _ in coming:
                await bus.close()
    assert TASKS.name in reading._reached
