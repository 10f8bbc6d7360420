"""The bus under the real matrix: what one may see is there as ever, what one may not is refused at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from flyte_bus.errors import BusUnavailable, Conflict, NotAllowed
from flyte_bus.jetstream import JetStreamBus
from flyte_bus.jetstream.batch import Batch
from flyte_bus.ports import Entry, EventLog
from flyte_schemas.endpoints import LIST_TASKS, ListTasks, TaskList
from flyte_schemas.envelope import Event, Malformed
from flyte_schemas.reading import Scope, read_subject
from flyte_schemas.streams import LOGS, RUNS, TASKS, StreamSpec
from flyte_schemas.subjects import RunKey, action_subject, live, log_subject, run_filter
from testkit.cases.harness import GUARD_S, take
from testkit.events import numbered
from testkit.guarded import GuardedServer, guarded_server

HERE = {"project": "robots", "domain": "development"}
ELSEWHERE = {"project": "garden", "domain": "production"}
OTHER_DOMAIN = {"project": "robots", "domain": "production"}


def subject(run: str = "r1", action: str = "a0", **place: str) -> str:
    return action_subject(RunKey(**(place or HERE), run=run).action(action))


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[GuardedServer]:
    async with guarded_server(tmp_path) as found:
        yield found


async def write(log: EventLog, *subjects: str) -> None:
    for number, one in enumerate(subjects, 1):
        await log.append(numbered(one, number))


async def read(bus: JetStreamBus, pattern: str, stream: StreamSpec = RUNS, after: int = 0) -> list[int]:
    async with asyncio.timeout(GUARD_S):
        return [entry.sequence async for entry in bus.log.read(stream, pattern, after=after)]


async def test_a_viewer_reads_what_is_of_its_place_and_of_no_other(guarded: GuardedServer) -> None:
    operator, viewer = await guarded.service("operator"), await guarded.user("viewer", **HERE)
    await write(
        operator.log, subject("r1"), subject("x", **ELSEWHERE), subject("r2"), subject("y", **OTHER_DOMAIN)
    )
    assert await read(viewer, "flyte.run.>") == [1, 3]
    assert await read(viewer, run_filter(RunKey(**HERE, run="r2"))) == [3]
    assert await read(viewer, "flyte.run.*.*.*.a0", after=1) == [3]
    last = await viewer.log.last(RUNS, subject("r2"))
    assert last is not None and last.sequence == 3
    assert await viewer.log.last_sequence(RUNS) == 4
    for pattern in (run_filter(RunKey(**ELSEWHERE, run="x")), "flyte.run.garden.*.*.*"):
        with pytest.raises(
            NotAllowed, match=r"ada \(viewer in robots/development\) may not read runs in garden"
        ):
            await read(viewer, pattern)
    with pytest.raises(NotAllowed, match="may not read runs in garden/production"):
        await viewer.log.last(RUNS, subject("x", **ELSEWHERE))


async def test_several_places_are_read_as_one_and_in_order(guarded: GuardedServer) -> None:
    operator = await guarded.service("operator")
    places = [tuple(HERE.values()), tuple(ELSEWHERE.values())]
    viewer = await guarded.user("viewer", places=places)
    wide = await guarded.user("viewer", project="robots", domain="*")
    all_of_it = await guarded.user("viewer", project="*", domain="*")
    names = [HERE, ELSEWHERE, OTHER_DOMAIN]
    await write(operator.log, *(subject(f"r{n}", **names[n % 3]) for n in range(30)))
    expected = [n + 1 for n in range(30) if n % 3 != 2]
    assert await read(viewer, "flyte.run.>") == expected
    assert await read(wide, "flyte.run.>") == [n + 1 for n in range(30) if n % 3 != 1]
    assert await read(all_of_it, "flyte.run.>") == list(range(1, 31))
    following = asyncio.create_task(take(viewer.log.follow_in_order(RUNS, "flyte.run.>"), 24))
    loosely = asyncio.create_task(take(viewer.log.follow(RUNS, "flyte.run.>"), 24))
    await asyncio.sleep(0.2)
    await write(operator.log, *(subject(f"s{n}", **names[n % 3]) for n in range(6)))
    told = [entry.sequence for entry in await following]
    assert told == [*expected, 31, 32, 34, 35]
    assert sorted(entry.sequence for entry in await loosely) == told


async def test_a_time_is_found_among_what_one_may_see(guarded: GuardedServer) -> None:
    operator, viewer = await guarded.service("operator"), await guarded.user("viewer", **HERE)
    assert await viewer.log.sequence_at(RUNS, datetime.now(UTC)) == 0
    await write(operator.log, subject("r1"), subject("x", **ELSEWHERE))
    await asyncio.sleep(0.05)
    middle = datetime.now(UTC)
    await asyncio.sleep(0.05)
    await write(operator.log, subject("y", **ELSEWHERE), subject("r2"))
    found = await viewer.log.sequence_at(RUNS, middle)
    assert await read(viewer, "flyte.run.>", after=found) == [4]
    assert await viewer.log.sequence_at(RUNS, middle - timedelta(hours=1)) == 0
    assert await viewer.log.sequence_at(RUNS, middle + timedelta(hours=1)) == 4


async def test_an_agent_writes_and_follows_its_run_and_learns_of_its_own_copies(
    guarded: GuardedServer,
) -> None:
    agent = await guarded.user("agent", "agent", **HERE, run="r1", source="r0")
    operator = await guarded.service("operator")
    await write(operator.log, subject("r0"), subject("r2"))
    async with aclosing(agent.log.follow(RUNS, run_filter(RunKey(**HERE, run="r1")))) as entries:
        first = asyncio.create_task(anext(entries))
        event = numbered(subject("r1"), 1)
        assert await agent.log.append(event, expected=0) == 3
        async with asyncio.timeout(GUARD_S):
            assert (await first).sequence == 3
    await write(operator.log, subject("r1", "a1"))
    assert await agent.log.append(event, expected=0) == 3  # as after an acknowledgement that was lost
    with pytest.raises(Conflict):
        await agent.log.append(numbered(subject("r1"), 2), expected=0)
    assert await read(agent, run_filter(RunKey(**HERE, run="r0"))) == [1]
    for forbidden in (
        subject("r2"),
        subject("r1", **ELSEWHERE),
        f"flyte.task.{'.'.join(HERE.values())}.env.fn",
    ):
        async with asyncio.timeout(GUARD_S):
            with pytest.raises(NotAllowed, match="may not write into the log"):
                await agent.log.append(numbered(forbidden, 1))
    with pytest.raises(NotAllowed):
        await read(agent, run_filter(RunKey(**HERE, run="r2")))
    with pytest.raises(NotAllowed):
        await take(agent.log.follow(RUNS, run_filter(RunKey(**HERE, run="r2"))), 1)


async def test_who_may_not_listen_is_told_at_once(guarded: GuardedServer) -> None:
    viewer = await guarded.user("viewer", **HERE)
    connection = viewer._connection
    forbidden = live(run_filter(RunKey(**ELSEWHERE, run="x")))
    async with asyncio.timeout(GUARD_S):
        with pytest.raises(NotAllowed, match="may not read runs in garden/production"):
            await connection.subscribe_straight(forbidden, lambda headers, raw: None)
        with pytest.raises(NotAllowed, match=r"NATS refused|\(\$JS"):
            await connection.api("STREAM.DELETE.FLYTE_RUNS", {})
        with pytest.raises(NotAllowed, match="role viewer there: flyte admin create user ada"):
            await viewer.ask(LIST_TASKS, ListTasks(**ELSEWHERE), timeout_s=GUARD_S)


async def test_a_question_about_a_place_is_answered_there(guarded: GuardedServer) -> None:
    registry, viewer = await guarded.service("registry"), await guarded.user("viewer", **HERE)
    nothing = TaskList(tasks=(), as_of_sequence=0)

    async def answer(question: ListTasks) -> TaskList:
        return nothing

    await registry.serve(LIST_TASKS, answer)
    assert await viewer.ask(LIST_TASKS, ListTasks(**HERE)) == nothing


async def test_a_question_that_the_guard_refuses_is_a_sentence_at_once(guarded: GuardedServer) -> None:
    viewer = await guarded.user("viewer", **HERE)
    at = read_subject(RUNS.name, Scope(**HERE))
    for question, words in (
        ({"seq": 1, "next_by_subj": "flyte.run.>"}, "asks for more than flyte.run.robots.development.>"),
        ({"everything": True}, "has a key 'everything'"),
    ):
        async with asyncio.timeout(GUARD_S):
            with pytest.raises(NotAllowed, match=f"the guard refused {at}: .*{words}"):
                await Batch(viewer._connection, RUNS, at, question, ">").get()


# -- what somebody tries who means harm ---------------------------------------------------------------------


async def _raw(bus: JetStreamBus, at: str, body: dict[str, Any], reply: str = "") -> list[bytes]:
    """All that comes back for a question that is put by hand."""
    came: list[bytes] = []
    client = bus._connection.client
    inbox = reply or client.new_inbox()
    listening = None if reply else await client.subscribe_straight(inbox, lambda h, raw: came.append(h + raw))
    await client.publish(at, orjson.dumps(body), reply=inbox)
    await client.flush()
    await asyncio.sleep(0.3)
    if listening is not None:
        await listening.unsubscribe()
    return came


async def test_no_question_gets_another_places_messages(guarded: GuardedServer) -> None:
    operator, viewer = await guarded.service("operator"), await guarded.user("viewer", **HERE)
    await write(operator.log, subject("r1"), *(subject(f"x{n}", **ELSEWHERE) for n in range(3)))
    here, other = Scope(**HERE), "flyte.run.garden.production.>"
    bodies: list[dict[str, Any]] = [
        {"seq": 2},
        {"seq": 1, "batch": 10},
        {"seq": 1, "batch": 10, "next_by_subj": other},
        {"seq": 1, "batch": 10, "NEXT_BY_SUBJ": other},
        {"seq": 1, "batch": 10, "next_by_subj": "flyte.run.>"},
        {"batch": 10, "multi_last": ["flyte.run.robots.development.>", other]},
        {"multi_last": [">"], "batch": 10},
        {"last_by_subj": other},
        {"start_time": "2020-01-01T00:00:00Z", "batch": 10},
    ]
    for body in bodies:
        for at in (read_subject(RUNS.name, here), "$JS.API.DIRECT.GET.FLYTE_RUNS"):
            came = b"\n".join(await _raw(viewer, at, body))
            assert b"garden" not in came.replace(other.encode(), b""), (at, body)
    for at in (read_subject(RUNS.name, Scope("*", "*")), read_subject(RUNS.name, Scope(**ELSEWHERE))):
        assert await _raw(viewer, at, {"seq": 1, "batch": 10}) == []
    assert [entry.sequence for entry in await _listed(viewer)] == [1]


async def _listed(bus: JetStreamBus) -> list[Entry]:
    return [entry async for entry in bus.log.read(RUNS, "flyte.run.>")]


async def test_no_answer_that_is_aimed_at_the_truth_gets_there(guarded: GuardedServer) -> None:
    """A log chunk that holds a forged event is asked for, its answer to go to the subject of a truth."""
    operator, agent = (
        await guarded.service("operator"),
        await guarded.user("agent", "agent", **HERE, run="r1"),
    )
    viewer = await guarded.user("viewer", **HERE)
    chunk, truth = log_subject(RunKey(**HERE, run="r1").action("a0")), subject("x", **ELSEWHERE)
    forged = numbered(truth, 1)
    await agent.log.append(Event(id="f", source="/agent", subject=chunk, time=forged.time, data=forged.data))
    scope = read_subject(LOGS.name, Scope(**HERE))
    asked: list[tuple[JetStreamBus, str, dict[str, Any]]] = [
        (viewer, scope, {"seq": 1, "batch": 5}),
        (viewer, f"$JS.API.DIRECT.GET.FLYTE_LOGS.{chunk}", {}),
        (agent, chunk, {"not": "an event"}),  # whose acknowledgement is aimed
        (viewer, "flyte.read.last.FLYTE_RUNS", {}),
        (viewer, "flyte.svc.guard.ping", {}),  # whom the server lets answer anywhere
    ]
    for bus, at, body in asked:
        for aim in (truth, subject("r1"), "$KV.flyte_settings.projects", "flyte.task.robots.development.e.f"):
            await _raw(bus, at, body, aim)
    assert await operator.log.last_sequence(RUNS) == 0
    assert await operator.log.last_sequence(TASKS) == 0


async def test_what_is_aimed_at_listeners_is_not_believed(guarded: GuardedServer) -> None:
    """Followers in the account hear the aimed answer; it is no message of what they follow."""
    operator, viewer = await guarded.service("operator"), await guarded.user("viewer", **HERE)
    agent = await guarded.user("agent", "agent", **HERE, run="r1")
    chunk, truth = log_subject(RunKey(**HERE, run="r1").action("a0")), subject("r1")
    forged = numbered(truth, 7)
    await agent.log.append(Event(id="f", source="/agent", subject=chunk, time=forged.time, data=forged.data))
    heard: list[bytes] = []
    await viewer._connection.client.subscribe_straight(
        live(truth),
        lambda headers, _: heard.append(headers) if b"Nats-Stream: FLYTE_LOGS" in headers else None,
    )
    for follow in (viewer.log.follow, viewer.log.follow_in_order):
        before = await operator.log.last_sequence(RUNS)
        following = asyncio.create_task(take(follow(RUNS, "flyte.run.>", after=before), 1))
        await asyncio.sleep(0.2)
        await _raw(viewer, f"$JS.API.DIRECT.GET.FLYTE_LOGS.{chunk}", {}, live(truth))
        assert len(heard) == before + 1, "the answer came to where the followers listen"
        assert not following.done()
        await operator.log.append(numbered(truth, before + 1))
        (entry,) = await following
        assert (entry.sequence, entry.subject) == (before + 1, truth)
        assert not isinstance(entry.content, Malformed)


# -- credentials that end, and a guard that is not there -----------------------------------------------------


async def test_credentials_that_expire_end_what_waits_with_a_sentence(guarded: GuardedServer) -> None:
    brief = guarded.keyring.minter("viewer").mint("ada", **HERE, ttl_s=2)
    viewer = await guarded.as_user(brief)
    follows = [
        asyncio.create_task(take(follow(RUNS, "flyte.run.>"), 1))
        for follow in (viewer.log.follow, viewer.log.follow_in_order)
    ]
    ended = asyncio.create_task(viewer.ended())
    async with asyncio.timeout(GUARD_S):
        for waiting in follows:
            with pytest.raises(NotAllowed, match=r"ada .* is not let in: its credentials expired at 20\d\d-"):
                await waiting
        assert isinstance(await ended, NotAllowed)
        for _ in range(2):
            with pytest.raises(NotAllowed, match="flyte admin create user ada"):
                await viewer.log.last_sequence(RUNS)
        await asyncio.sleep(1.1)  # the server counts whole seconds
        with pytest.raises(NotAllowed, match="its credentials expired"):
            await guarded.as_user(brief)


async def test_a_user_who_was_let_out_is_told_so_by_a_server_that_comes_back(guarded: GuardedServer) -> None:
    made = guarded.keyring.create_user("ada", "viewer", [tuple(HERE.values())])
    viewer = await guarded.as_user(made)
    following = asyncio.create_task(take(viewer.log.follow(RUNS, "flyte.run.>"), 1))
    await asyncio.sleep(0.2)
    guarded.keyring.revoke_user("ada")
    guarded.restart()
    async with asyncio.timeout(GUARD_S):
        with pytest.raises(NotAllowed, match="NATS takes its credentials no longer"):
            await following
        with pytest.raises(NotAllowed, match="NATS takes its credentials no longer"):
            await viewer.log.append(numbered(subject(), 1))


async def test_without_a_guard_a_reader_is_told_which_service_is_missing(tmp_path: Path) -> None:
    async with guarded_server(tmp_path, with_guard=False) as guarded:
        made = guarded.keyring.minter("viewer").mint("ada", **HERE)
        viewer = await guarded.as_user(made, patience_s=1.0)
        with pytest.raises(BusUnavailable, match="the guard does not answer"):
            await read(viewer, "flyte.run.>")
        with pytest.raises(BusUnavailable, match="the guard does not answer"):
            await viewer.log.last_sequence(RUNS)
