"""The whole executor, with admission, on the bus in memory and agents that do what a script says."""

import asyncio
from collections import Counter

import orjson

from flyte_executor.backends.port import Launch
from flyte_schemas.envelope import MAX_EVENT_BYTES, Event, encode
from flyte_schemas.events import (
    ActionQueued,
    ActionRequested,
    AttemptPlaced,
    AttemptSucceeded,
    MessageRejected,
    StartRun,
)
from flyte_schemas.failure import FailureKind
from flyte_schemas.phase import ActionPhase
from flyte_schemas.run import RunFold
from flyte_schemas.streams import REJECTED
from flyte_schemas.subjects import RUN_REQUESTS, RunKey, action_subject, run_request
from flyte_schemas.task import TaskReference
from flyte_schemas.vocabulary import UnknownData
from testkit.cases.harness import GUARD_S
from testkit.events import event
from testkit.executor_plane import Plane, first, running
from testkit.scripted_backend import CHILD, TASK, Agent, family, idle, succeed

P = ActionPhase


# -- one run ----------------------------------------------------------------------------------------------


async def test_a_run_is_admitted_queued_launched_and_succeeds(plane: Plane) -> None:
    await plane.executor()
    run = await plane.start(id="my request")
    root = await plane.settled(run)
    assert (root.phase, root.attempt, root.cause) == (P.SUCCEEDED, 1, "my request")
    assert await plane.events(run.action("a0")) == [
        "ActionRequested",
        "ActionQueued",
        "AttemptPlaced",
        "AttemptStarted",
        "AttemptSucceeded",
    ]
    assert plane.machine.launched == [first(run)]


async def test_a_launch_says_what_was_said_of_the_run_and_whether_it_may_be_interrupted(plane: Plane) -> None:
    launches: list[Launch] = []

    async def script(agent: Agent) -> None:
        launches.append(agent.launch)
        if agent.attempt.action.is_root and await agent.claim():
            await agent.enter()
            await agent.ask("a0x", CHILD)
        await asyncio.Event().wait()

    plane.machine.script = script
    await plane.deploy(CHILD)
    await plane.executor()
    await plane.start(interruptible=True, service_account="mine")
    async with asyncio.timeout(GUARD_S):
        while len(launches) < 2:
            await asyncio.sleep(0.002)
    assert [(one.settings.service_account, one.interruptible) for one in launches] == [("mine", True)] * 2


async def test_a_request_that_came_while_no_executor_ran_is_served_by_the_next(plane: Plane) -> None:
    run = await plane.start()
    await plane.executor()
    assert (await plane.settled(run)).phase is P.SUCCEEDED


async def test_an_unknown_version_fails_in_the_run_itself(plane: Plane) -> None:
    await plane.executor()
    root = await plane.settled(await plane.start(task=TaskReference(name="env.parent", version="v2")))
    assert (root.phase, root.attempt) == (P.FAILED, 0)
    assert root.failure is not None
    assert root.failure.code == "TaskNotFound"
    assert plane.machine.launched == []


async def test_a_failing_task_is_tried_again_within_its_budget_and_not_beyond(plane: Plane) -> None:
    async def fail(agent: Agent) -> None:
        if await agent.claim():
            await agent.fail()

    task = TaskReference(name="env.failing", version="v1")
    await plane.deploy(task, retries=2)
    plane.machine.script = fail
    await plane.executor()
    root = await plane.settled(run := await plane.start(task=task))
    assert (root.phase, root.attempt, root.user_failures) == (P.FAILED, 3, 3)
    assert plane.machine.launched == [first(run, number=n) for n in (1, 2, 3)]


async def test_a_retry_that_succeeds_ends_well(plane: Plane) -> None:
    async def fail_once(agent: Agent) -> None:
        if await agent.claim():
            await (agent.fail() if agent.attempt.attempt == 1 else agent.succeed())

    task = TaskReference(name="env.failing", version="v1")
    await plane.deploy(task, retries=1)
    plane.machine.script = fail_once
    await plane.executor()
    root = await plane.settled(await plane.start(task=task))
    assert (root.phase, root.attempt, root.failure) == (P.SUCCEEDED, 2, None)


async def test_the_platforms_failures_have_their_own_budget(plane: Plane) -> None:
    async def interrupted(agent: Agent) -> None:
        if await agent.claim():
            await agent.fail("Interrupted", FailureKind.SYSTEM)

    plane.machine.script = interrupted
    await plane.executor(losses=3)
    root = await plane.settled(await plane.start())
    assert (root.phase, root.attempt) == (P.FAILED, 3)
    assert (root.user_failures, root.system_failures) == (0, 3)


async def test_a_run_has_no_more_actions_at_a_time_than_it_wants(plane: Plane) -> None:
    most = 0

    async def work(agent: Agent) -> None:
        nonlocal most
        if not await agent.claim():
            return
        await agent.enter()
        if agent.attempt.action.is_root:
            for number in range(9):
                await agent.ask(f"child{number}", CHILD)
            await plane.until(agent.attempt.action.run, lambda fold: len(ended(fold)) == 9)
        else:
            most = max(most, len(plane.machine.running) - 1)
            for _ in range(5):
                await asyncio.sleep(0)
        await agent.succeed()

    def ended(fold: RunFold) -> list[str]:
        return [name for name, state in fold.actions.items() if state.is_terminal]

    plane.machine.script = work
    await plane.executor(slots=6)
    root = await plane.settled(await plane.start(max_action_concurrency=2))
    assert (root.phase, most) == (P.SUCCEEDED, 2)


async def test_more_runs_than_slots_all_have_their_turn(plane: Plane) -> None:
    most = 0

    async def look_around(agent: Agent) -> None:
        nonlocal most
        most = max(most, len(plane.machine.running))
        await asyncio.sleep(0)
        await succeed(agent)
        await asyncio.sleep(0)

    plane.machine.script = look_around
    await plane.executor(slots=3)
    runs = [await plane.start(f"run{n}") for n in range(30)]
    for run in runs:
        assert (await plane.settled(run)).phase is P.SUCCEEDED
    assert Counter(plane.machine.launched) == Counter(first(run) for run in runs)
    assert most <= 6  # a slot is free from the last word on, and the process ends soon after


# -- requests ---------------------------------------------------------------------------------------------


async def test_a_run_request_delivered_twice_makes_one_run(plane: Plane) -> None:
    life = await plane.executor()
    run = await plane.start(id="one")
    await plane.settled(run)
    await life.end()
    consumer = plane.server.consumer("FLYTE_REQUESTS", "executor", RUN_REQUESTS, 256, 30.0)
    consumer._cursor = 0  # as after an acknowledgement that was lost
    await plane.executor()
    other = await plane.start("other")
    await plane.settled(other)
    assert (await plane.events(run.action("a0"))).count("ActionRequested") == 1
    assert Counter(plane.machine.launched) == {first(run): 1, first(other): 1}


async def test_of_two_requests_for_one_name_the_first_has_it(plane: Plane) -> None:
    run = await plane.start(id="first")
    await plane.start(id="second", task=CHILD)
    await plane.executor()
    root = await plane.settled(run)
    await plane.quiet()
    assert root.cause == "first"
    assert (await plane.events(run.action("a0"))).count("ActionRequested") == 1


async def test_requests_that_nobody_can_serve_are_set_aside_and_admission_goes_on(plane: Plane) -> None:
    await plane.executor()
    subject = run_request(RunKey("project", "domain", "large"), "alice")
    room = MAX_EVENT_BYTES - len(encode(event(subject, StartRun(task=TASK, env_vars={"X": ""}))))
    large = StartRun(task=TASK, env_vars={"X": "x" * room})
    plane.server.publish_raw("flyte.req.project.domain.run.garbage", b"\xff")
    plane.server.publish_raw(f"flyte.req.project.domain.run.{'x' * 200}", encode(event("s", large, id="1")))
    await plane.append("flyte.req.project.domain.run.foreign", ActionQueued(attempt=1, pool="p"))
    await plane.append(subject, large, "id")
    nested = b'"inputs":{"x":{"kind":"inline","value":%s%s}}' % (b"[" * 300, b"]" * 300)
    shallow = encode(event("s", StartRun(task=TASK), id="deep"))
    plane.server.publish_raw("flyte.req.project.domain.run.deep", shallow.replace(b'"inputs":{}', nested))
    assert (await plane.settled(await plane.start())).phase is P.SUCCEEDED
    rejected = [entry async for entry in plane.bus.log.read(REJECTED, "flyte.rejected")]
    subjects = [
        entry.content.data.message_subject.split(".")[5][:9]
        for entry in rejected
        if isinstance(entry.content, Event) and isinstance(entry.content.data, MessageRejected)
    ]
    assert subjects == ["garbage", "xxxxxxxxx", "foreign", "large", "deep"]


# -- families ---------------------------------------------------------------------------------------------


async def test_the_end_of_a_parent_aborts_all_that_came_of_it_and_stops_the_processes(plane: Plane) -> None:
    plane.machine.script = family(2)
    await plane.executor()
    run = await plane.start()
    await plane.until(run, lambda fold: running(fold, "a0", "a0x", "a0xx"))
    await plane.append(action_subject(run.action("a0")), AttemptSucceeded(attempt=1))
    fold = await plane.until(run, lambda fold: fold.is_settled)
    assert {name: state.phase for name, state in fold.actions.items()} == {
        "a0": P.SUCCEEDED,
        "a0x": P.ABORTED,
        "a0xx": P.ABORTED,
    }
    await plane.quiet()
    assert set(plane.machine.stopped) == {first(run, "a0x"), first(run, "a0xx")}
    assert plane.machine.running == [first(run)]  # it said its last word, and ends by itself


async def test_the_children_of_an_ended_parent_leave_no_process_and_hold_no_slot(plane: Plane) -> None:
    async def script(agent: Agent) -> None:
        if not await agent.claim():
            return
        await agent.enter()
        for number in range(12 if agent.template.name == TASK.name else 0):
            await agent.ask(f"child{number}", CHILD)
        await asyncio.Event().wait()

    plane.machine.script = script
    await plane.executor(slots=4)
    run = await plane.start()
    await plane.until(run, lambda fold: running(fold, *(f"child{number}" for number in range(4))))
    await plane.until(run, lambda fold: fold.get("child11").attempt == 1)
    await plane.append(action_subject(run.action("a0")), AttemptSucceeded(attempt=1))
    await plane.until(run, lambda fold: fold.is_settled)
    await plane.quiet()
    assert plane.machine.running == [first(run)]
    assert len(plane.machine.launched) == 5  # none was launched only to be aborted
    plane.machine.script = succeed
    others = [await plane.start(f"other{number}") for number in range(4)]
    for other in others:
        assert (await plane.settled(other)).phase is P.SUCCEEDED


async def test_a_child_that_is_asked_for_after_its_parent_ended_is_aborted(plane: Plane) -> None:
    await plane.executor()
    run = await plane.start()
    await plane.settled(run)
    await plane.quiet()  # the executor has let the run go
    late = ActionRequested(task=CHILD, parent="a0", parent_attempt=1)
    await plane.append(action_subject(run.action("late")), late)
    fold = await plane.until(run, lambda fold: fold.get("late").is_terminal)
    assert fold.get("late").phase is P.ABORTED
    assert plane.machine.launched == [first(run)]


async def test_parents_that_wait_leave_their_slots_to_their_children(plane: Plane) -> None:
    async def parent(agent: Agent) -> None:
        if agent.template.name == CHILD.name:
            return await succeed(agent)
        if await agent.claim():
            await agent.ask("child", CHILD)
            await plane.until(agent.attempt.action.run, lambda fold: fold.get("child").is_terminal)
            await agent.succeed()
        return None

    plane.machine.script = parent
    await plane.executor(slots=1)
    runs = [await plane.start(f"run{n}") for n in range(5)]
    for run in runs:
        assert (await plane.settled(run)).phase is P.SUCCEEDED


async def test_a_parent_that_is_tried_again_meets_its_child(plane: Plane) -> None:
    async def script(agent: Agent) -> None:
        if agent.template.name == CHILD.name:
            return await succeed(agent)
        if await agent.claim():
            await agent.ask("child", CHILD)
            await plane.until(agent.attempt.action.run, lambda fold: fold.get("child").is_terminal)
            await (agent.fail(kind=FailureKind.SYSTEM) if agent.attempt.attempt == 1 else agent.succeed())
        return None

    plane.machine.script = script
    await plane.executor(slots=1)
    run = await plane.start()
    assert (await plane.settled(run)).attempt == 2
    assert plane.machine.launched.count(first(run, "child")) == 1


async def test_a_process_that_begins_while_its_action_is_aborted_is_stopped(plane: Plane) -> None:
    async def script(agent: Agent) -> None:
        if agent.template.name == TASK.name:
            plane.machine.door.clear()
        await family(1)(agent)

    plane.machine.script = script
    await plane.executor()
    run = await plane.start()
    await plane.until(run, lambda fold: running(fold, "a0", "a0x"))
    await plane.append(action_subject(run.action("a0")), AttemptSucceeded(attempt=1))
    await plane.until(run, lambda fold: fold.is_settled)
    await plane.quiet()
    assert first(run, "a0x") in plane.machine.running
    plane.machine.door.set()
    await plane.quiet()
    assert first(run, "a0x") not in plane.machine.running


# -- strange messages -------------------------------------------------------------------------------------


async def test_messages_that_nobody_can_read_are_set_aside_and_the_action_goes_on(plane: Plane) -> None:
    go_on = asyncio.Event()

    async def script(agent: Agent) -> None:
        await go_on.wait()
        if await agent.claim():
            plane.server.publish_raw(action_subject(agent.attempt.action), b"in the middle")
            await (agent.fail(kind=FailureKind.SYSTEM) if agent.attempt.attempt == 1 else agent.succeed())

    plane.machine.script = script
    await plane.executor()
    run = await plane.start()
    subject = action_subject(run.action("a0"))
    await plane.until(run, lambda fold: fold.root.phase is P.WAITING_FOR_RESOURCES)
    plane.server.publish_raw("flyte.run.too.short", b"{}")
    go_on.set()
    root = await plane.settled(run)
    assert (root.phase, root.attempt) == (P.SUCCEEDED, 2)
    await plane.quiet()
    rejected = [entry async for entry in plane.bus.log.read(REJECTED, "flyte.rejected")]
    subjects = [orjson.loads(entry.raw)["data"]["message_subject"] for entry in rejected]
    assert subjects == ["flyte.run.too.short", subject, subject]


async def test_a_decision_may_follow_a_message_that_nobody_can_read(plane: Plane) -> None:
    plane.machine.script = family(1)
    await plane.executor()
    run = await plane.start()
    await plane.until(run, lambda fold: running(fold, "a0", "a0x"))
    plane.server.publish_raw(action_subject(run.action("a0x")), b"the last word on this subject")
    await plane.append(action_subject(run.action("a0")), AttemptSucceeded(attempt=1))
    fold = await plane.until(run, lambda fold: fold.is_settled)
    assert fold.get("a0x").phase is P.ABORTED


async def test_a_message_that_nobody_can_read_does_not_hide_a_loss(plane: Plane) -> None:
    async def script(agent: Agent) -> None:
        if agent.attempt.attempt == 1:
            await agent.claim()
            plane.server.publish_raw(action_subject(agent.attempt.action), b"my last wo")
        else:
            await succeed(agent)

    plane.machine.script = script
    await plane.executor()
    root = await plane.settled(await plane.start())
    assert (root.phase, root.attempt) == (P.SUCCEEDED, 2)


async def test_foreign_words_on_a_runs_subjects_change_nothing(plane: Plane) -> None:
    plane.machine.script = idle
    await plane.executor()
    run = await plane.start()
    subject = action_subject(run.action("a0"))
    await plane.until(run, lambda fold: running(fold, "a0"))
    await plane.append(subject, StartRun(task=TASK))
    await plane.append(subject, AttemptPlaced(attempt=7, worker="nobody"))
    await plane.bus.log.append(event(subject, UnknownData(type="flyte.new.v9", document=1), id="new"))  # type: ignore[arg-type]
    await plane.append(action_subject(run.action("nobody")), AttemptSucceeded(attempt=1))
    await plane.append("flyte.run.project.domain.no-run.a0", AttemptSucceeded(attempt=1))
    await plane.quiet()
    assert plane.machine.launched == [first(run)]
    await plane.append(subject, AttemptSucceeded(attempt=1))
    assert (await plane.settled(run)).phase is P.SUCCEEDED
