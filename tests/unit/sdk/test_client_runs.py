"""Runs on a control plane in memory: started, followed to their end, read again."""

import asyncio
from typing import Any

import pytest

import flyte
from flyte import errors
from flyte._client import follow
from flyte._client.actions import Action
from flyte._client.follow import Follower
from flyte._client.racing import first_of
from flyte._client.runs import Run, parse_run
from flyte._client.starting import start_run
from flyte._client.trouble import say_nothing
from flyte._client.watch import RunWatch
from flyte._plan import Plan
from flyte_schemas.events import (
    ActionAborted,
    ActionFailed,
    ActionQueued,
    ActionRequested,
    AttemptFailed,
    AttemptStarted,
    AttemptSucceeded,
    StartRun,
)
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.literals import InlineLiteral
from flyte_schemas.subjects import action_subject, log_subject
from flyte_schemas.task import TaskReference
from testkit.plane import KEY, TASK, Plane


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "QUIET_WAIT_S", 0.05)


# -- starting ---------------------------------------------------------------------


async def test_starting_a_run_is_one_request(plane: Plane) -> None:
    inputs = {"x": InlineLiteral(value=1)}
    request_id = await start_run(plane.mine, KEY, TASK, inputs, env_vars={"A": "1"})
    ((found, data),) = await plane.requests()
    assert found == request_id
    assert isinstance(data, StartRun)
    assert (data.task, dict(data.inputs), data.env_vars) == (TASK, inputs, {"A": "1"})


async def test_large_inputs_travel_beside_the_log(plane: Plane) -> None:
    inputs = {"x": InlineLiteral(value="a" * 100_000), "y": InlineLiteral(value=1)}
    await start_run(plane.mine, KEY, TASK, inputs)
    ((_, data),) = await plane.requests()
    assert data.inputs["x"].kind == "reference"
    assert data.inputs["x"].size_bytes == 100_002
    assert data.inputs["y"].kind == "inline"


async def test_a_name_that_is_taken_is_refused(plane: Plane) -> None:
    await plane.happen(ActionRequested(task=TASK))
    with pytest.raises(errors.RuntimeUserError, match="'r1' exists already") as caught:
        await start_run(plane.mine, KEY, TASK, {})
    assert caught.value.code == "RunAlreadyExistsError"


async def test_a_name_that_was_taken_meanwhile_is_seen_in_the_run(plane: Plane) -> None:
    request_id = await start_run(plane.mine, KEY, TASK, {})
    await plane.happen(ActionRequested(task=TASK), cause="another request")
    with pytest.raises(errors.RuntimeUserError, match="'r1' exists already"):
        await Run(plane, KEY, request_id=request_id)._wait(quiet=True)


# -- waiting ---------------------------------------------------------------------


async def succeed(plane: Plane, outputs: dict[str, Any], *, log_end: int = 0) -> None:
    literals = {name: InlineLiteral(value=value) for name, value in outputs.items()}
    await plane.happen(ActionQueued(attempt=1, pool="process"))
    await plane.happen(AttemptStarted(attempt=1, worker="w"))
    await plane.happen(AttemptSucceeded(attempt=1, outputs=literals, log_end=log_end))


async def test_wait_shows_all_output_even_what_comes_after_the_end(
    plane: Plane, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run(plane, KEY)
    waiting = asyncio.create_task(run._wait())
    await plane.happen(ActionRequested(task=TASK))
    await plane.write("first\n")
    await succeed(plane, {"o0": 3}, log_end=len("first\nsecond\nlast"))
    await plane.write("second\n")
    await asyncio.sleep(0.01)
    assert not waiting.done()
    await plane.write("last")
    await waiting
    assert capsys.readouterr().out == "first\nsecond\nlast\n"
    assert (await run.state()).phase is flyte.ActionPhase.SUCCEEDED
    assert await run._done()
    assert str(await run._outputs()) == "ActionOutputs(o0=3)"


async def test_a_childs_lines_bear_its_name(plane: Plane, capsys: pytest.CaptureFixture[str]) -> None:
    await plane.happen(ActionRequested(task=TASK))
    await plane.happen(ActionRequested(task=TaskReference(name="env.two", version="v1"), parent="a0"), "a1")
    await plane.write("from the child\n", "a1")
    end = await plane.write("from the root\n")
    await succeed(plane, {}, log_end=end)
    await Run(plane, KEY)._wait()
    assert sorted(capsys.readouterr().out.splitlines()) == ["[env.two a1] from the child", "from the root"]


async def test_waiting_for_a_run_that_is_over_shows_it_again(
    plane: Plane, capsys: pytest.CaptureFixture[str]
) -> None:
    await plane.happen(ActionRequested(task=TASK))
    await succeed(plane, {}, log_end=await plane.write("once\n"))
    run = Run(plane, KEY)
    await run._wait()
    await run._wait()
    await run._wait(quiet=True)
    assert capsys.readouterr().out == "once\nonce\n"


async def test_waiting_for_an_action_ends_with_it_and_not_with_its_run(plane: Plane) -> None:
    await plane.happen(ActionRequested(task=TASK))
    await plane.happen(ActionRequested(task=TASK, parent="a0"), "a1")
    await succeed(plane, {})
    waiting = asyncio.create_task(Action(plane, KEY.action("a1"))._wait(quiet=True))
    await Action(plane, KEY.action("a2"))._wait(quiet=True)  # that was never asked for, and never will be
    assert not waiting.done()
    await plane.happen(ActionAborted(reason="its parent ended first"), "a1")
    await waiting


async def test_an_outage_of_the_bus_is_waited_out(plane: Plane) -> None:
    run = Run(plane, KEY)
    waiting = asyncio.create_task(run._wait(quiet=True))
    await plane.happen(ActionRequested(task=TASK))
    plane.server.stop()
    await asyncio.sleep(0.02)
    assert not waiting.done()
    plane.server.start()
    await succeed(plane, {})
    await waiting


async def test_waiting_says_what_it_waits_for(plane: Plane) -> None:
    said: list[str] = []
    waiting = asyncio.create_task(
        Follower(plane.mine, RunWatch(plane.mine, KEY), None, say=said.append).wait()
    )
    while not said:
        await asyncio.sleep(0.01)
    await plane.happen(ActionRequested(task=TASK))
    while len(said) < 2:
        await asyncio.sleep(0.01)
    await succeed(plane, {})
    await waiting
    assert said == [
        "r1: waiting for the executor to take the run",
        "r1: waiting for the executor to place the run",
    ]


async def test_waiting_until_it_runs_returns_early(plane: Plane) -> None:
    await plane.happen(ActionRequested(task=TASK))
    await plane.happen(ActionQueued(attempt=1, pool="process"))
    await plane.happen(AttemptStarted(attempt=1, worker="w"))
    follower = Follower(plane.mine, RunWatch(plane.mine, KEY), None, say=say_nothing, wait_for="running")
    await follower.wait()


async def test_a_run_that_failed_raises_when_its_outputs_are_asked_for(plane: Plane) -> None:
    run = Run(plane, KEY)
    await plane.happen(ActionRequested(task=TASK))
    with pytest.raises(RuntimeError, match="is not over yet"):
        await run._outputs()
    failure = Failure(code="ValueError", kind=FailureKind.USER, message="bad", traceback="here")
    await plane.happen(ActionQueued(attempt=1, pool="process"))
    await plane.happen(AttemptStarted(attempt=1, worker="w"))
    await plane.happen(AttemptFailed(attempt=1, failure=failure, log_end=0))
    await plane.happen(ActionFailed(failure=failure))
    await run._wait(quiet=True)
    with pytest.raises(errors.RuntimeUserError, match="bad") as caught:
        await run._outputs()
    assert caught.value.code == "ValueError"
    assert caught.value.failure == failure


async def test_outputs_are_python_values_when_the_task_is_at_hand(plane: Plane, plan: Plan) -> None:
    interface = plan.environments[0].tasks["env.two"].native_interface
    await plane.happen(ActionRequested(task=TASK))
    await succeed(plane, {"o0": 1, "o1": "a"})
    outputs = await Run(plane, KEY, interface=interface)._outputs()
    assert outputs == (1, "a")
    assert outputs.o1 == "a"


async def test_the_url_of_a_run_names_it(plane: Plane) -> None:
    run = Run(plane, KEY)
    assert run.url == "flyte://p/d/runs/r1"
    assert parse_run(run.url, "x", "y") == parse_run("r1", "p", "d") == KEY
    with pytest.raises(ValueError, match="is no run"):
        parse_run("http://p/d/r1", "p", "d")


async def test_where_there_is_a_console_the_url_of_a_run_is_its_page(plane: Plane) -> None:
    plane.console_url = "https://flyte.example/console"
    run, child = Run(plane, KEY), Action(plane, KEY.action("a b"))
    assert run.url == "https://flyte.example/console/projects/p/domains/d/runs/r1"
    assert child.url == f"{run.url}/actions/a%20b"
    for address in (run.url, child.url, f"{run.url}/", f"{run.url}?at=7#logs"):
        assert parse_run(address, "x", "y") == KEY


async def test_malformed_messages_in_a_run_are_passed_over(plane: Plane) -> None:
    await plane.happen(ActionRequested(task=TASK))
    plane.server.publish_raw(action_subject(KEY.action("a0")), b"not json")
    plane.server.publish_raw(log_subject(KEY.action("a0")), b"\xff")
    await succeed(plane, {})
    await Run(plane, KEY)._wait()


async def test_racing_stops_the_others_and_passes_errors_on() -> None:
    cancelled = asyncio.Event()

    async def for_ever() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async def fails() -> None:
        await asyncio.sleep(0)
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        await first_of(for_ever(), fails())
    assert cancelled.is_set()
