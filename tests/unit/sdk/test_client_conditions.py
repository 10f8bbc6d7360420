"""Conditions on a control plane in memory: found, answered, and too late to answer."""

import asyncio
from collections.abc import Callable

import pytest

from flyte import _session, errors
from flyte._client import follow, signalling
from flyte._client.client import Client
from flyte._client.conditions import _list_conditions, get_condition
from flyte._client.follow import Follower
from flyte._client.watch import RunWatch
from flyte._config import ClientConfig
from flyte_executor.allowance import Allowance
from flyte_executor.clock import utc_now
from flyte_executor.requests import Admission
from flyte_schemas.events import (
    ActionAborted,
    ActionRequested,
    ConditionRequested,
    ConditionSignalled,
    EventData,
    SignalCondition,
)
from flyte_schemas.phase import ActionPhase
from testkit.plane import KEY, TASK, Plane

ASKED = ConditionRequested(prompt="How many?", data_type="int", parent="a0", parent_attempt=1)


@pytest.fixture
async def asking(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> Plane:
    """A run whose condition `boxes` waits for an answer."""
    client = Client(ClientConfig(endpoint="memory", project="p", domain="d"))
    monkeypatch.setattr(client, "bus", plane.bus)
    monkeypatch.setattr(_session, "client", lambda: client)
    await plane.happen(ActionRequested(task=TASK))
    await plane.happen(ASKED, "boxes")
    return plane


async def admitting(plane: Plane) -> "asyncio.Task[None]":
    """What answers requests on a stack."""
    return asyncio.create_task(Admission(plane.theirs, Allowance(plane.theirs, utc_now)).run())


async def test_a_condition_is_found_by_its_name_and_by_who_asked(asking: Plane) -> None:
    found = await get_condition("boxes", "r1")
    assert (found.name, found.action_name) == ("boxes", "boxes")
    assert (found.run_name, found.parent_name) == ("r1", "a0")
    assert (found.phase, found.expected_type, found.prompt) == (ActionPhase.PAUSED, "int", "How many?")
    assert found.answer is None
    assert (await get_condition("boxes", "flyte://p/d/runs/r1", "a0")).to_dict() == found.to_dict()


@pytest.mark.parametrize("words", [("no", "r1"), ("boxes", "r2"), ("a0", "r1"), ("boxes", "r1", "other")])
async def test_a_condition_that_is_not_there_is_not_found(asking: Plane, words: tuple[str, ...]) -> None:
    with pytest.raises(errors.ConditionNotFoundError, match="`flyte get condition r"):
        await get_condition(*words)


async def test_the_conditions_of_a_run_are_listed(asking: Plane) -> None:
    await asking.happen(ASKED.model_copy(update={"parent": "child"}), "more")

    async def names(*words: str, limit: int = 100) -> list[str]:
        return [one.name async for one in _list_conditions(*words, limit=limit)]

    assert await names("r1") == ["boxes", "more"]
    assert await names("r1", "child") == ["more"]
    assert await names("r1", limit=1) == ["boxes"]
    with pytest.raises(errors.RuntimeUserError, match="no run 'r2'"):
        await names("r2")


async def test_an_answer_is_in_the_log_when_signal_returns(asking: Plane) -> None:
    admission = await admitting(asking)
    found = await get_condition("boxes", "r1")
    await found._signal(3)
    assert (found.phase, found.answer) == (ActionPhase.SUCCEEDED, 3)
    assert (await get_condition("boxes", "r1")).answer == 3
    admission.cancel()


@pytest.mark.parametrize("value", ["many", True, 2.5, None])
async def test_an_answer_of_another_type_is_not_asked_for(asking: Plane, value: object) -> None:
    found = await get_condition("boxes", "r1")
    with pytest.raises(TypeError, match="condition 'boxes' takes an int, not"):
        await found._signal(value)  # type: ignore[arg-type]
    assert await asking.requests() == []


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (ConditionSignalled(value=7, signalled_by="another"), "it was answered with 7 by another"),
        (ActionAborted(reason="enough"), "it is ABORTED"),
    ],
    ids=["answered", "aborted"],
)
@pytest.mark.parametrize("seen", [True, False], ids=["seen before", "meanwhile"])
async def test_a_second_answer_is_told_of_the_first(
    asking: Plane, end: EventData, said: str, seen: bool
) -> None:
    early = await get_condition("boxes", "r1")
    await asking.happen(end, "boxes", cause="another request")
    found = await get_condition("boxes", "r1") if seen else early
    admission = await admitting(asking)
    with pytest.raises(errors.RuntimeUserError, match=said) as caught:
        await found._signal(3)
    assert caught.value.code == "ConditionIsOver"
    admission.cancel()


async def test_an_answer_waits_in_the_log_while_no_executor_runs(
    asking: Plane, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(signalling, "SIGNAL_PATIENCE_S", 0.05)
    found = await get_condition("boxes", "r1")
    await found._signal(3)
    assert "it waits in the log" in capsys.readouterr().err
    ((_, data),) = await asking.requests()
    assert isinstance(data, SignalCondition)
    assert (data.condition, data.value) == ("boxes", 3)
    assert found.phase is ActionPhase.PAUSED


async def test_who_waits_for_a_run_is_told_what_it_asks(
    asking: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "QUIET_WAIT_S", 0.02)
    said: list[str] = []
    follower = Follower(asking.mine, RunWatch(asking.mine, KEY), None, say=said.append)
    waiting = asyncio.create_task(follower.wait())
    await until(lambda: any("boxes" in line for line in said))
    await asking.happen(ActionAborted(reason="enough"))
    await waiting
    (line,) = [line for line in said if "boxes" in line]
    assert line == "r1 asks: How many?\n  answer: flyte signal condition r1 boxes VALUE"


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)
