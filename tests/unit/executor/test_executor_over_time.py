"""Executors over time: agents that vanish, executors that end and come back, executors in company."""

import asyncio
from collections import Counter

import pytest

from flyte_schemas.action import ActionState
from flyte_schemas.events import (
    AttemptSucceeded,
)
from flyte_schemas.failure import FailureKind
from flyte_schemas.phase import ActionPhase
from flyte_schemas.subjects import AttemptKey, action_subject
from testkit.executor_plane import Plane, first, kind, running
from testkit.scripted_backend import CHILD, TASK, Agent, family, idle, succeed

P = ActionPhase


# -- losses -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("claims", [True, False])
async def test_a_lost_agent_is_a_failed_attempt_and_another_is_made(plane: Plane, claims: bool) -> None:
    async def vanish_once(agent: Agent) -> None:
        if agent.attempt.attempt > 1:
            await succeed(agent)
        elif claims:
            await agent.claim()

    plane.machine.script = vanish_once
    await plane.executor(slots=1)
    run = await plane.start()
    root = await plane.settled(run)
    assert (root.phase, root.attempt, root.system_failures) == (P.SUCCEEDED, 2, 1)
    assert (await plane.events(run.action("a0"))).count("AttemptFailed") == 1


async def test_agents_that_vanish_again_and_again_end_the_action(plane: Plane) -> None:
    async def vanish(agent: Agent) -> None:
        await agent.claim()

    plane.machine.script = vanish
    await plane.executor(losses=3)
    root = await plane.settled(await plane.start())
    assert (root.phase, root.attempt) == (P.FAILED, 3)
    assert root.failure is not None
    assert root.failure.code == "MaxSystemFailuresExceeded"
    assert root.failure.message.startswith("AgentLost: ")


async def test_launches_that_fail_keep_no_slot(plane: Plane) -> None:
    plane.machine.is_broken = True
    await plane.executor(slots=1, losses=2)
    broken = await plane.start("broken")
    root = await plane.settled(broken)
    assert (root.phase, root.attempt) == (P.FAILED, 2)
    assert root.failure is not None
    assert "the machine is broken" in root.failure.message
    plane.machine.is_broken = False
    assert (await plane.settled(await plane.start("whole"))).phase is P.SUCCEEDED


# -- restarts and company ---------------------------------------------------------------------------------


@pytest.mark.parametrize("checkpoint_s", [0.001, 3600.0])
async def test_a_restart_loses_nothing_and_launches_nothing_twice(plane: Plane, checkpoint_s: float) -> None:
    go_on = asyncio.Event()

    async def patient(agent: Agent) -> None:
        if await agent.claim():
            await agent.enter()
            await go_on.wait()
            await agent.succeed()

    plane.machine.script = patient
    ended = await plane.start("ended")
    go_on.set()
    life = await plane.executor(slots=3, checkpoint_s=checkpoint_s)
    await plane.settled(ended)
    go_on.clear()
    runs = [await plane.start(f"run{n}") for n in range(6)]
    for run in runs[:3]:
        await plane.until(run, lambda fold: running(fold, "a0"))
    await plane.until(runs[-1], lambda fold: fold.root.phase is P.WAITING_FOR_RESOURCES)
    await asyncio.sleep(0.02)
    await life.end()
    life = await plane.executor(slots=3, checkpoint_s=checkpoint_s)
    await plane.quiet()
    assert len(plane.machine.running) == 3
    go_on.set()
    for run in runs:
        assert (await plane.settled(run)).attempt == 1
    assert Counter(plane.machine.launched) == Counter(map(first, [ended, *runs]))


async def test_what_ended_or_vanished_while_no_executor_ran_is_found_out_by_the_next(plane: Plane) -> None:
    go_on = asyncio.Event()

    async def script(agent: Agent) -> None:
        if agent.attempt.attempt > 1:
            return await succeed(agent)
        if await agent.claim():
            await agent.enter()
            await go_on.wait()
            if agent.attempt.action.run.run == "ends":
                await agent.succeed()
            if agent.attempt.action.run.run == "fails":
                await agent.fail(kind=FailureKind.SYSTEM)
        return None

    plane.machine.script = script
    life = await plane.executor()
    runs = [await plane.start(name) for name in ("ends", "fails", "vanishes")]
    for run in runs:
        await plane.until(run, lambda fold: running(fold, "a0"))
    await life.end()
    go_on.set()
    await asyncio.sleep(0.02)
    assert plane.machine.running == []
    await plane.executor()
    attempts = [(await plane.settled(run)).attempt for run in runs]
    assert attempts == [1, 2, 2]
    assert (await plane.events(runs[2].action("a0"))).count("AttemptFailed") == 1


async def test_a_restart_stops_processes_that_have_no_business_any_more(plane: Plane) -> None:
    plane.machine.script = idle
    life = await plane.executor()
    run = await plane.start()
    await plane.until(run, lambda fold: running(fold, "a0"))
    await life.end()
    await plane.append(action_subject(run.action("a0")), AttemptSucceeded(attempt=1))
    await plane.executor(slots=1)
    plane.machine.script = succeed
    assert (await plane.settled(await plane.start("next"))).phase is P.SUCCEEDED
    await plane.quiet()
    assert plane.machine.stopped == [first(run)]
    assert plane.machine.running == []


async def test_a_restart_aborts_the_children_of_a_parent_that_ended_meanwhile(plane: Plane) -> None:
    plane.machine.script = family(2)
    life = await plane.executor()
    run = await plane.start()
    await plane.until(run, lambda fold: running(fold, "a0", "a0x", "a0xx"))
    await life.end()
    await plane.append(action_subject(run.action("a0")), AttemptSucceeded(attempt=1))
    await plane.executor()
    fold = await plane.until(run, lambda fold: fold.is_settled)
    assert [fold.get(name).phase for name in ("a0x", "a0xx")] == [P.ABORTED, P.ABORTED]
    await plane.quiet()
    assert plane.machine.running == []


async def test_a_restart_frees_the_slots_of_parents(plane: Plane) -> None:
    go_on = asyncio.Event()

    async def script(agent: Agent) -> None:
        if await agent.claim():
            if agent.template.name != CHILD.name:
                await agent.ask("child", CHILD)
                await plane.until(agent.attempt.action.run, lambda fold: fold.get("child").is_terminal)
            else:
                await go_on.wait()
            await agent.succeed()

    plane.machine.script = script
    life = await plane.executor(slots=1)
    runs = [await plane.start(f"run{n}") for n in range(4)]
    await plane.until(runs[0], lambda fold: fold.get("child").attempt == 1)
    await plane.quiet()
    await life.end()
    await plane.executor(slots=1)
    go_on.set()
    for run in runs:
        assert (await plane.settled(run)).phase is P.SUCCEEDED
    assert max(Counter(plane.machine.launched).values()) == 1


async def test_an_executor_that_stops_with_its_attempts_launches_no_others(plane: Plane) -> None:
    plane.machine.script = idle
    life = await plane.executor(slots=1, stop_attempts=True)
    runs = [await plane.start(f"run{n}") for n in range(5)]
    await plane.until(runs[-1], lambda fold: fold.root.phase is P.WAITING_FOR_RESOURCES)
    await plane.until(runs[0], lambda fold: running(fold, "a0"))
    await life.end()
    await plane.quiet()
    assert plane.machine.launched == plane.machine.stopped == [first(runs[0])]
    assert plane.machine.running == []


async def test_two_executors_write_each_decision_once(plane: Plane) -> None:
    entered: list[AttemptKey] = []

    async def script(agent: Agent) -> None:
        if not await agent.claim():
            return
        entered.append(agent.attempt)
        if agent.template.name == TASK.name and agent.attempt.attempt == 1:
            await agent.ask("child", CHILD)
            await agent.fail(kind=FailureKind.SYSTEM)
        else:
            await agent.succeed()

    plane.machine.script = script
    await plane.executor()
    await plane.executor()
    runs = [await plane.start(f"run{n}") for n in range(10)]
    for run in runs:
        assert (await plane.settled(run)).phase is P.SUCCEEDED
    await plane.quiet()
    assert max(Counter(entered).values()) == 1
    decisions: Counter[tuple[str, str, int]] = Counter()
    for entry in await plane.entries():
        if kind(entry).startswith("Action"):
            decisions[entry.subject, kind(entry), getattr(entry.content.data, "attempt", 0)] += 1  # type: ignore[union-attr]
    assert max(decisions.values()) == 1


async def test_the_loser_of_a_claim_does_no_harm(plane: Plane) -> None:
    """Its process ends while the winner runs: no loss is reported."""
    plane.machine.script = idle
    await plane.executor()
    await plane.executor()
    run = await plane.start()
    await plane.until(run, lambda fold: running(fold, "a0"))
    await plane.quiet()
    assert await plane.events(run.action("a0")) == [
        "ActionRequested",
        "ActionQueued",
        "AttemptPlaced",
        "AttemptStarted",
    ]


async def test_the_server_may_go_away_for_a_while(plane: Plane) -> None:
    await plane.executor()
    runs = [await plane.start(f"run{n}") for n in range(5)]
    for _ in range(5):
        plane.server.stop()
        await asyncio.sleep(0.005)
        plane.server.start()
        await asyncio.sleep(0.005)
    for run in runs:
        assert (await plane.settled(run)).phase is P.SUCCEEDED
    assert Counter(plane.machine.launched) == Counter(map(first, runs))


async def test_runs_that_ended_are_not_held(plane: Plane) -> None:
    life = await plane.executor()
    for number in range(5):
        await plane.settled(await plane.start(f"run{number}"))
    await plane.quiet()
    assert life.executor._runs._folds == {}
    await life.end()
    again = await plane.executor()
    assert again.executor._runs._folds == {}


def test_the_empty_state_is_not_live() -> None:
    """What the executor does not hold counts as ended: a child of it is aborted."""
    assert not ActionState().is_live
