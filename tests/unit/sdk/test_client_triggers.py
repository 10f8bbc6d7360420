"""What clients do about triggers: ask, wait for the answer, and leave them alone where nothing changes."""

import pytest

from flyte._cli.story import event_text
from flyte._client import trigger_requests
from flyte._client.garbage import _read_log
from flyte._client.trigger_requests import ask_scheduler
from flyte._client.triggers import _named
from flyte.errors import RuntimeUserError
from flyte_schemas.subjects import triggers_subject
from flyte_schemas.trigger import CronSchedule, Trigger
from flyte_schemas.trigger_events import (
    DeleteTrigger,
    DeployTriggers,
    TriggerCreated,
    TriggerRefused,
    TriggersDeployed,
)
from flyte_schemas.trigger_state import TaskTriggers, evolve
from testkit.events import event
from testkit.further_examples import FURTHER_EXAMPLES
from testkit.plane import Plane

TASK = "env.one"
SUBJECT = triggers_subject("p", "d", TASK)
DAILY = Trigger(name="daily", automation=CronSchedule(expression="@daily"))


@pytest.fixture
async def plane() -> Plane:
    plane = Plane()
    await plane.theirs.provision()
    return plane


async def test_without_a_scheduler_a_request_waits_in_the_log(
    plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trigger_requests, "TRIGGER_PATIENCE_S", 0.02)
    said: list[str] = []
    request = DeleteTrigger(task=TASK, name="daily")
    assert not await ask_scheduler(plane.mine, "p", "d", request, said.append)
    assert said == ["no scheduler has taken the request yet: it waits in the log"]
    ((_, asked),) = await plane.requests()
    assert isinstance(asked, DeleteTrigger) and asked.requested_by


@pytest.mark.parametrize(("name", "task"), [("env.one", "daily"), ("daily", "one"), ("a b", "env.one")])
def test_what_can_name_no_trigger_is_said_before_anything_is_asked(name: str, task: str) -> None:
    with pytest.raises(ValueError, match=f"trigger '{name}' of task '{task}': the name of a trigger has no"):
        _named(name, task)


async def test_a_refusal_is_raised_in_the_schedulers_words(
    plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("uuid.uuid4", lambda: type("Known", (), {"hex": "1"}))
    await plane.say(SUBJECT, TriggerCreated(trigger=DAILY, version="v1"))
    append = plane.mine.log.append

    async def answered(event: object, **more: object) -> int:
        sequence = await append(event, **more)  # type: ignore[arg-type]
        await plane.say(SUBJECT, TriggerRefused(reason="not this one"), cause="trigger.another")
        await plane.say(SUBJECT, TriggerRefused(reason="no"), cause="trigger.1")
        return sequence

    monkeypatch.setattr(plane.mine.log, "append", answered)
    with pytest.raises(RuntimeUserError, match=r"^no$"):
        await ask_scheduler(plane.mine, "p", "d", DeployTriggers(task=TASK, version="v1"), print)


async def test_what_a_trigger_gives_its_runs_is_no_garbage(plane: Plane) -> None:
    uri = "flyte://artifacts/p/d/0123456789abcdef0123456789abcdef"
    given = DAILY.model_copy(update={"inputs": {"file": uri}})
    await plane.say(SUBJECT, TriggerCreated(trigger=given, version="v1"))
    assert uri in (await _read_log(plane.mine, None)).kept()


def test_a_deployment_that_says_nothing_new_is_known() -> None:
    state = TaskTriggers()
    assert state.agrees("v1", ()) and not state.agrees("v1", (DAILY,))
    deployed = TriggersDeployed(version="v1", triggers=(DAILY,), request_sequence=5)
    state = evolve(state, event(SUBJECT, deployed), 1)
    assert state.agrees("v1", (DAILY,))
    assert not state.agrees("v2", (DAILY,)) and not state.agrees("v1", ())
    late = TriggersDeployed(version="v0", triggers=(), request_sequence=4)
    assert evolve(state, event(SUBJECT, late), 2).agrees("v1", (DAILY,))
    mine = DAILY.model_copy(update={"name": "mine"})
    pinned = TriggerCreated(trigger=mine, version="v0", is_pinned=True)
    assert evolve(state, event(SUBJECT, pinned), 3).agrees("v1", (DAILY,))
    follows = TriggerCreated(trigger=mine, version="v0")
    assert not evolve(state, event(SUBJECT, follows), 3).agrees("v1", (DAILY,))


def test_each_fact_is_told_in_words() -> None:
    told = [event_text(one) for one in FURTHER_EXAMPLES if ".request." not in one.type]
    assert told == [
        "triggers of version v1 deployed by alice: nightly",
        "trigger often created by alice",
        "trigger often switched on by alice",
        "trigger often deleted by alice",
        "refused: task my_env.my_task has no trigger 'often'",
        "nobody took the notification for rule:on-call in 10 tries: HTTP 500",
        "sealed: 3 events, signed by UAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAPT7",
    ]
