"""Conditions: a question waits for its answer, whoever runs meanwhile, and one answer counts."""

import asyncio

import pytest

from flyte_schemas.action import ActionState
from flyte_schemas.events import AbortAction, SignalCondition
from flyte_schemas.literals import Answer, InlineLiteral
from flyte_schemas.phase import ActionPhase
from flyte_schemas.subjects import RunKey, abort_request, signal_request
from testkit.executor_plane import Plane, first, rejections, running
from testkit.scripted_backend import Agent, Script

P = ActionPhase


def asking(**question: object) -> Script:
    """Ask, and wait for ever: who gets the answer is the real agent's affair."""

    async def script(agent: Agent) -> None:
        if await agent.claim():
            await agent.enter()
            await agent.pause("ok", **question)
            await asyncio.Event().wait()

    return script


async def signal(plane: Plane, run: RunKey, value: Answer, by: str = "somebody", name: str = "ok") -> None:
    await plane.append(signal_request(run, by), SignalCondition(condition=name, value=value, requested_by=by))


async def ended(plane: Plane, run: RunKey) -> ActionState:
    return (await plane.until(run, lambda fold: fold.get("ok").is_terminal)).get("ok")


async def paused(plane: Plane) -> RunKey:
    run = await plane.start()
    await plane.until(run, lambda fold: fold.get("ok").phase is P.PAUSED)
    return run


async def test_an_answer_ends_the_pause_and_names_who_gave_it(plane: Plane) -> None:
    plane.machine.script = asking()
    await plane.executor()
    run = await paused(plane)
    await signal(plane, run, True)
    state = await ended(plane, run)
    assert (state.phase, state.signalled_by, state.attempt) == (P.SUCCEEDED, "somebody", 0)
    assert state.outputs == {"o0": InlineLiteral(value=True)}
    assert running(await plane.run(run), "a0")


async def test_of_two_answers_the_first_wins(plane: Plane) -> None:
    plane.machine.script = asking()
    await plane.executor()
    run = await paused(plane)
    await signal(plane, run, False, "quick")
    await signal(plane, run, True, "slow")
    assert (await ended(plane, run)).signalled_by == "quick"
    await plane.quiet()
    assert await plane.events(run.action("ok")) == ["ConditionRequested", "ConditionSignalled"]
    assert await rejections(plane) == []


async def test_an_answer_that_is_given_while_nobody_is_there_waits_in_the_log(plane: Plane) -> None:
    plane.machine.script = asking()
    life = await plane.executor()
    run = await paused(plane)
    await life.end()
    await signal(plane, run, True)
    await plane.executor()
    assert (await ended(plane, run)).phase is P.SUCCEEDED


async def test_an_answer_of_another_type_is_set_aside_and_the_question_stays(plane: Plane) -> None:
    plane.machine.script = asking(data_type="int")
    await plane.executor()
    run = await paused(plane)
    await signal(plane, run, "many")
    await signal(plane, run, 3)
    assert (await ended(plane, run)).outputs == {"o0": InlineLiteral(value=3)}
    assert await rejections(plane) == ["condition 'ok' takes an int, not 'many' (str)"]


async def test_what_is_no_condition_cannot_be_answered(plane: Plane) -> None:
    plane.machine.script = asking()
    await plane.executor()
    run = await paused(plane)
    await signal(plane, run, True, name="a0")
    await plane.quiet()
    assert await rejections(plane) == ["a0 is no condition"]
    assert running(await plane.run(run), "a0")


@pytest.mark.parametrize("away", [True, False], ids=["while nobody is there", "with an executor"])
async def test_a_question_that_nobody_answers_in_time_is_over(plane: Plane, away: bool) -> None:
    plane.machine.script = asking(timeout_s=0.2)
    life = await plane.executor()
    run = await paused(plane)
    if away:
        await life.end()
        await plane.executor()
    state = await ended(plane, run)
    assert state.phase is P.TIMED_OUT
    assert state.failure is not None
    assert state.failure.code == "ConditionTimedoutError"


async def test_a_paused_run_holds_no_slot(plane: Plane) -> None:
    plane.machine.script = asking()
    await plane.executor(slots=1)
    runs = [await plane.start(name) for name in ("one", "two")]
    for run in runs:
        await plane.until(run, lambda fold: fold.get("ok").phase is P.PAUSED)
    assert plane.machine.launched == [first(run) for run in runs]


async def test_a_run_that_ends_takes_its_questions_along(plane: Plane) -> None:
    plane.machine.script = asking()
    await plane.executor()
    run = await paused(plane)
    await plane.append(abort_request(run, "alice"), AbortAction(action="a0"))
    await plane.settled(run)
    assert (await ended(plane, run)).phase is P.ABORTED


async def test_a_question_can_be_given_up_by_itself(plane: Plane) -> None:
    plane.machine.script = asking()
    await plane.executor()
    run = await paused(plane)
    await plane.append(abort_request(run, "alice"), AbortAction(action="ok", reason="never mind"))
    assert (await ended(plane, run)).abort_reason == "never mind"
    assert running(await plane.run(run), "a0")


async def test_a_question_of_an_ended_run_is_aborted(plane: Plane) -> None:
    async def late(agent: Agent) -> None:
        if await agent.claim():
            await agent.enter()
            await agent.succeed()
            await plane.settled(agent.attempt.action.run)
            await agent.pause("ok")

    plane.machine.script = late
    await plane.executor()
    run = await plane.start()
    await plane.settled(run)
    assert (await ended(plane, run)).phase is P.ABORTED
