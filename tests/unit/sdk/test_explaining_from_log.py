"""What an explanation is made of, read from a log in memory and from who answers."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from flyte._client import explaining
from flyte._client.explaining import LOG_LINES, explain_action
from flyte._client.runs import Run
from flyte._explaining.explanation import WaitsFor
from flyte.errors import RuntimeUserError
from flyte_schemas.endpoints import LIST_RUNS, ListRuns, Ping, Pong, RunList, RunSummary, ping_endpoint
from flyte_schemas.events import (
    ActionFailed,
    ActionQueued,
    ActionRequested,
    AttemptFailed,
    MessageRejected,
    StartRun,
)
from flyte_schemas.phase import ActionPhase
from flyte_schemas.run import RunFold
from flyte_schemas.streams import REQUESTS
from flyte_schemas.subjects import REJECTED, RunKey, action_subject, run_request
from flyte_schemas.task import TaskReference
from testkit.events import MORNING
from testkit.executor_plane import Plane as ExecutorPlane
from testkit.plane import KEY, TASK, Plane
from testkit.record import failure
from testkit.scripted_backend import idle

ROOT = KEY.action("a0")
QUEUED = ActionQueued(attempt=1, pool="process")
WAITS = ActionPhase.WAITING_FOR_RESOURCES


@pytest.fixture(autouse=True)
def nobody_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explaining, "ANSWER_S", 0.05)


async def fails_after_printing(plane: Plane, text: str) -> None:
    await plane.happen(ActionRequested(task=TASK))
    await plane.happen(QUEUED)
    await plane.write(text)
    await plane.happen(AttemptFailed(attempt=1, failure=failure()))
    await plane.happen(ActionFailed(failure=failure()))


async def test_the_last_lines_of_the_cause_are_shown(plane: Plane) -> None:
    await fails_after_printing(plane, "".join(f"line {number}\n" for number in range(50)))
    found = await explain_action(plane.mine, ROOT)
    assert found is not None
    assert found.log == tuple(f"line {number}" for number in range(50 - LOG_LINES, 50))
    assert "  line 49\n" in str(found)


async def test_of_a_very_long_output_only_the_last_chunk_is_read(
    plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explaining, "MAX_LOG_BYTES", 3)
    await plane.write("first chunk\n")
    await fails_after_printing(plane, "and\nthe last\n")
    found = await explain_action(plane.mine, ROOT)
    assert found is not None
    assert found.log == ("and", "the last")


async def test_output_of_an_earlier_attempt_is_not_taken_for_that_of_the_last(plane: Plane) -> None:
    await plane.write("of attempt 7\n", attempt=7)
    await plane.happen(ActionRequested(task=TASK))
    await plane.happen(QUEUED)
    await plane.happen(AttemptFailed(attempt=1, failure=failure()))
    await plane.happen(ActionFailed(failure=failure()))
    found = await explain_action(plane.mine, ROOT)
    assert found is not None
    assert found.log == ()


async def test_a_run_that_nobody_has_admitted_is_known_by_its_request(plane: Plane) -> None:
    await plane.say(run_request(KEY, "alice"), StartRun(task=TASK))
    waiting = await explain_action(plane.mine, ROOT)
    assert waiting is not None
    assert "none answers" in waiting.waits[0].text

    async def pong(_: Ping) -> Pong:
        return Pong(service="executor", version="0", pid=1, host="h")

    await plane.theirs.serve(ping_endpoint("executor"), pong)
    waiting = await explain_action(plane.mine, ROOT)
    assert waiting is not None
    assert "one is there" in waiting.waits[0].text


async def test_a_request_that_was_refused_says_why(plane: Plane) -> None:
    sequence = await plane.say(run_request(KEY, "alice"), StartRun(task=TASK))
    for number, reason in ((sequence, "no such thing"), (sequence + 1, "another one's")):
        rejected = MessageRejected(
            stream=REQUESTS.name, message_subject=run_request(KEY, "alice"), sequence=number, reason=reason
        )
        await plane.say(REJECTED, rejected)
    found = await explain_action(plane.mine, ROOT)
    assert found is not None
    assert "could not read the request (no such thing)" in found.summary


async def test_what_nobody_asked_for_is_unknown(plane: Plane) -> None:
    assert await explain_action(plane.mine, ROOT) is None
    with pytest.raises(RuntimeUserError, match="the log has no run 'r1'"):
        await Run(plane, KEY).explain.aio()


async def test_those_of_other_runs_that_wait_are_counted(plane: Plane) -> None:
    other = RunKey(KEY.project, KEY.domain, "other")
    for run in (KEY, other):
        await plane.say(action_subject(run.action("a0")), ActionRequested(task=TASK))
        await plane.say(action_subject(run.action("a0")), QUEUED)

    async def runs(question: ListRuns) -> RunList:
        assert ActionPhase.RUNNING in question.in_phase and ActionPhase.FAILED not in question.in_phase
        found = tuple(
            RunSummary(name=run.run, task=TASK.name, version="v1", phase=WAITS, requested_at=MORNING)
            for run in (KEY, other)
        )
        return RunList(runs=found, as_of_sequence=1)

    assert "does not answer" in str(await explain_action(plane.mine, ROOT))
    await plane.theirs.serve(LIST_RUNS, runs)
    found = await explain_action(plane.mine, ROOT)
    assert found is not None
    assert "1 of other runs here waits too" in found.notes[0]


@pytest.fixture
async def executors(tmp_path: Path) -> AsyncIterator[ExecutorPlane]:
    async with AsyncExitStack() as stack:
        plane = ExecutorPlane(tmp_path, stack)
        await plane.bus.provision()
        stack.push_async_callback(plane.bus.close)
        stack.push_async_callback(plane.machine.end)
        yield plane


async def test_who_computes_the_result_that_is_waited_for_is_named(executors: ExecutorPlane) -> None:
    task = TaskReference(name="env.cached", version="v1")
    await executors.deploy(task, cache={"behavior": "auto", "version": "a", "serialize": True})
    executors.machine.script = idle
    await executors.executor()

    def root_is(phase: ActionPhase) -> Callable[[RunFold], bool]:
        return lambda fold: fold.root.phase is phase

    first = await executors.start("first", task=task, x=1)
    await executors.until(first, root_is(ActionPhase.RUNNING))
    second = await executors.start("second", task=task, x=1)
    await executors.until(second, root_is(ActionPhase.QUEUED))
    await executors.quiet()
    found = await explain_action(executors.bus, second.action("a0"))
    assert found is not None
    (wait,) = found.waits
    assert wait.waits_for is WaitsFor.RESULT
    assert "which project/domain/first/a0 computes now" in wait.text
