"""What time alone brings about: pauses before retries, and ends of what takes too long."""

import asyncio

import pytest

from flyte_schemas.failure import FailureKind
from flyte_schemas.phase import ActionPhase
from flyte_schemas.streams import TIMERS
from flyte_schemas.subjects import AttemptKey, timer_subject
from flyte_schemas.task import TaskReference
from testkit.executor_plane import Plane, first, running
from testkit.scripted_backend import Agent, idle, succeed

P = ActionPhase
TASK = TaskReference(name="env.timed", version="v1")


async def fail_once(agent: Agent) -> None:
    """The first attempt fails."""
    if await agent.claim():
        await (agent.fail() if agent.attempt.attempt == 1 else agent.succeed())


async def test_a_retry_waits_for_its_pause(plane: Plane) -> None:
    await plane.deploy(TASK, retries=1, backoff={"base_s": 0.2})
    plane.machine.script = fail_once
    await plane.executor()
    run = await plane.start(task=TASK)
    fold = await plane.until(run, lambda fold: fold.root.retry_at is not None)
    assert fold.root.phase is P.QUEUED
    root = await plane.settled(run)
    assert (root.phase, root.attempt) == (P.SUCCEEDED, 2)
    assert root.queued_at is not None
    assert fold.root.retry_at is not None
    assert root.queued_at >= fold.root.retry_at


@pytest.mark.parametrize("away", [True, False], ids=["while nobody is there", "later"])
async def test_a_pause_outlasts_the_executor(plane: Plane, away: bool) -> None:
    await plane.deploy(TASK, retries=1, backoff={"base_s": 0.2})
    plane.machine.script = fail_once
    life = await plane.executor()
    run = await plane.start(task=TASK)
    await plane.until(run, lambda fold: fold.root.retry_at is not None)
    await life.end()
    await asyncio.sleep(0.3 if away else 0)
    await plane.executor()
    assert (await plane.settled(run)).attempt == 2
    assert plane.machine.launched == [first(run), first(run, number=2)]


async def test_an_attempt_that_finds_no_place_in_time_is_timed_out(plane: Plane) -> None:
    await plane.deploy(TASK, max_queued_s=0.2)
    plane.machine.script = idle
    await plane.executor(slots=1)
    first_run = await plane.start("first", task=TASK)
    await plane.until(first_run, lambda fold: running(fold, "a0"))
    second = await plane.start("second", task=TASK)
    root = await plane.settled(second)
    assert (root.phase, root.attempt) == (P.TIMED_OUT, 1)
    assert root.failure is not None
    assert root.failure.code == "QueuedTimeout"
    assert plane.machine.launched == [first(first_run)]
    assert running(await plane.run(first_run), "a0")


async def test_the_deadline_ends_the_action_and_what_it_asked_for_and_their_processes(plane: Plane) -> None:
    async def script(agent: Agent) -> None:
        if await agent.claim():
            await agent.enter()
            if agent.attempt.action.is_root:
                await agent.ask("child", TaskReference(name="env.child", version="v1"))
            await asyncio.Event().wait()

    await plane.deploy(TASK, deadline_s=0.3, retries=5)
    plane.machine.script = script
    await plane.executor()
    run = await plane.start(task=TASK)
    await plane.until(run, lambda fold: running(fold, "a0", "child"))
    root = await plane.settled(run)
    assert root.phase is P.TIMED_OUT
    assert root.failure is not None
    assert root.failure.code == "DeadlineExceeded"
    assert (await plane.run(run)).get("child").phase is P.ABORTED
    await plane.quiet()
    assert set(plane.machine.stopped) == {first(run), first(run, "child")}
    assert plane.machine.running == []
    for name in ("a0", "child"):
        assert (await plane.events(run.action(name)))[-1] == "AttemptStopped"


async def test_the_deadline_counts_from_the_request_over_all_attempts(plane: Plane) -> None:
    async def fail(agent: Agent) -> None:
        if await agent.claim():
            await agent.fail()

    await plane.deploy(TASK, deadline_s=2.0, retries=1000, backoff={"base_s": 0.1})
    plane.machine.script = fail
    await plane.executor()
    root = await plane.settled(await plane.start(task=TASK))
    assert root.phase is P.TIMED_OUT
    assert root.attempt > 1


async def test_a_task_without_times_sets_no_timer(plane: Plane) -> None:
    await plane.executor()
    run = await plane.start()
    await plane.settled(run)
    await plane.quiet()
    assert await plane.bus.log.last_sequence(TIMERS) == 0
    assert plane.server._timers == {}


async def test_a_timer_of_what_has_ended_and_bytes_that_are_none_do_no_harm(plane: Plane) -> None:
    await plane.deploy(TASK, deadline_s=0.2)
    await plane.executor()
    run = await plane.start(task=TASK)
    assert (await plane.settled(run)).phase is P.SUCCEEDED
    plane.server.publish_raw(timer_subject(run.action("a0")), b"tick")
    await asyncio.sleep(0.3)
    await plane.deploy(TaskReference(name="env.late", version="v1"), deadline_s=0.1)
    plane.machine.script = idle
    late = await plane.start("late", task=TaskReference(name="env.late", version="v1"))
    assert (await plane.settled(late)).phase is P.TIMED_OUT


async def test_two_executors_retry_once_after_the_pause(plane: Plane) -> None:
    await plane.deploy(TASK, retries=1, backoff={"base_s": 0.1})
    plane.machine.script = fail_once
    await plane.executor()
    await plane.executor()
    run = await plane.start(task=TASK)
    assert (await plane.settled(run)).attempt == 2
    await plane.quiet()
    assert (await plane.events(run.action("a0"))).count("ActionQueued") == 2


async def test_a_loss_of_the_platforms_does_not_wait_for_the_tasks_backoff(plane: Plane) -> None:
    async def lost_once(agent: Agent) -> None:
        if agent.attempt.attempt > 1:
            await succeed(agent)
        elif await agent.claim():
            await agent.fail("Interrupted", FailureKind.SYSTEM)

    await plane.deploy(TASK, backoff={"base_s": 3600.0})
    plane.machine.script = lost_once
    await plane.executor()
    run = await plane.start(task=TASK)
    assert (await plane.settled(run)).attempt == 2
    assert AttemptKey(run.action("a0"), 2) in plane.machine.launched
