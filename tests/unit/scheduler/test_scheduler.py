"""The scheduler: what becomes of triggers, and one run for each instant, whoever dies."""

import asyncio
import random
from collections import Counter
from datetime import datetime
from typing import NoReturn

import pytest

from flyte_scheduler.core.firing import start_of
from flyte_scheduler.settings import SchedulerSettings
from flyte_schemas.events import StartRun
from flyte_schemas.notify import Notification
from flyte_schemas.phase import ActionPhase
from flyte_schemas.streams import TRIGGERS
from flyte_schemas.subjects import TriggerKey, trigger_timer_subject
from flyte_schemas.task import TaskReference
from flyte_schemas.trigger import ArtifactArrival, RateSchedule
from flyte_schemas.trigger_events import DeleteTrigger, SwitchTrigger, TriggerRefused
from flyte_schemas.trigger_state import TriggerState
from testkit.scheduler_plane import KEY, TASK, Plane, minutes_between, trigger

HOUR_S = 3600.0


async def refusals(plane: Plane) -> list[str]:
    found = []
    async for entry in plane.bus.log.read(TRIGGERS, "flyte.trigger.>"):
        data = getattr(entry.content, "data", None)
        if isinstance(data, TriggerRefused):
            found.append(data.reason)
    return found


async def test_each_instant_is_one_run_with_all_that_was_said(plane: Plane) -> None:
    told = Notification(kind="webhook", phases=(ActionPhase.FAILED,), settings={"url": "http://x"})
    wanted = trigger(
        inputs={"x": 1},
        env_vars={"A": "1"},
        interruptible=True,
        overwrite_cache=True,
        queue="fast",
        max_action_concurrency=3,
        labels={"a": "b"},
        annotations={"c": "d"},
        notifications=(told,),
        custom_context={"e": "f"},
    )
    await plane.scheduler()
    begin = plane.now()
    await plane.deploy(wanted)
    await asyncio.sleep(300.0)
    assert await plane.fired() == Counter(minutes_between(begin, plane.now()))
    name, start = (await plane.starts())[0]
    assert name.startswith("t-") and name.endswith("-20260102t030500z")
    assert start.task == TaskReference(name=TASK, version="v1")
    assert start.inputs["x"].model_dump()["value"] == 1
    assert (start.env_vars, start.custom_context) == ({"A": "1"}, {"e": "f"})
    assert start.requested_by == "scheduler"
    assert start.settings is not None
    assert start.settings.model_dump(exclude_defaults=True) == {
        "interruptible": True,
        "overwrite_cache": True,
        "queue": "fast",
        "max_action_concurrency": 3,
        "labels": {"a": "b"},
        "annotations": {"c": "d"},
        "on_behalf_of": "alice",
        "trigger": "env.task/t",
        "notifications": (told.model_dump(exclude_defaults=True),),
    }


async def test_a_trigger_that_breaks_a_look_keeps_no_other_from_firing(
    plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaking(key: TriggerKey, state: TriggerState, instant: datetime) -> StartRun:
        if key.name == "broken":
            raise TypeError("nobody thought of this")
        return start_of(key, state, instant)

    monkeypatch.setattr("flyte_scheduler.firing.start_of", breaking)
    await plane.scheduler()
    begin = plane.now()
    await plane.deploy(trigger("broken"), trigger("whole"))
    await asyncio.sleep(300.0)
    assert await plane.fired() == Counter(minutes_between(begin, plane.now()))
    assert {start.settings.trigger for _, start in await plane.starts() if start.settings} == {
        "env.task/whole"
    }


async def test_many_triggers_of_one_project_go_not_before_those_of_another(plane: Plane) -> None:
    first = await plane.scheduler()
    await plane.deploy(*(trigger(f"t{number}") for number in range(300)), project="flood")
    await plane.deploy(trigger())
    await asyncio.sleep(1.0)
    await first.end()
    await asyncio.sleep(90.0)
    await plane.scheduler()
    await asyncio.sleep(1.0)
    (quiet,) = await plane.starts("p")
    order = await plane.starts()
    assert len(order) == 301
    assert order.index(quiet) <= 2 * SchedulerSettings().max_looks


async def test_a_request_costs_no_more_for_what_the_task_had_before(
    plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    life = await plane.scheduler()
    await plane.deploy(*(trigger(f"t{number}") for number in range(100)))
    await asyncio.sleep(1.0)
    looks: list[str] = []
    look = life.service.firing._look

    async def counted(key: TriggerKey, now: datetime) -> None:
        looks.append(key.name)
        await look(key, now)

    async def no_need(*_: object) -> NoReturn:
        raise AssertionError("what one has read already is read again")

    monkeypatch.setattr(life.service.firing, "_look", counted)
    monkeypatch.setattr("flyte_scheduler.declarations.read_triggers", no_need)
    for is_active in (False, True, False):
        await plane.ask(SwitchTrigger(task=TASK, name="t7", is_active=is_active))
        await asyncio.sleep(1.0)
    assert looks == ["t7"] * 3
    assert not (await plane.triggers()).triggers["t7"].is_active


async def test_a_deployment_says_which_triggers_there_are(plane: Plane) -> None:
    await plane.scheduler()
    await plane.deploy(trigger("a"), trigger("b", is_active=False))
    await plane.create(trigger("mine"))
    await plane.create(trigger("pinned"), version="v1")
    await asyncio.sleep(1.0)
    first = (await plane.triggers()).triggers
    assert {name: one.is_active for name, one in first.items()} == {
        "a": True,
        "b": False,
        "mine": True,
        "pinned": True,
    }
    await asyncio.sleep(1.0)
    await plane.deploy(trigger("a", description="other"), trigger("c"), version="v2")
    await asyncio.sleep(1.0)
    second = (await plane.triggers()).triggers
    assert {name: one.version for name, one in second.items()} == {
        "a": "v2",
        "c": "v2",
        "mine": "v2",
        "pinned": "v1",
    }
    assert second["a"].since == first["a"].since  # its schedule went on
    await plane.deploy(trigger("a", "30 * * * *"), version="v3")
    await asyncio.sleep(1.0)
    assert (await plane.triggers()).triggers["a"].since > first["a"].since


async def test_a_version_that_only_a_run_brought_changes_no_trigger(plane: Plane) -> None:
    await plane.scheduler()
    await plane.deploy(trigger())
    await plane.put_task(version="v2")
    await asyncio.sleep(120.0)
    assert [start.task.version for _, start in await plane.starts()] == ["v1", "v1"]


async def test_a_trigger_is_switched_off_and_on_and_removed(plane: Plane) -> None:
    await plane.scheduler()
    await plane.deploy(trigger())
    await asyncio.sleep(60.0)
    await plane.ask(SwitchTrigger(task=TASK, name="t", is_active=False))
    await asyncio.sleep(600.0)
    assert len(await plane.fired()) == 1
    await plane.ask(SwitchTrigger(task=TASK, name="t", is_active=True))
    await asyncio.sleep(60.0)
    assert len(await plane.fired()) == 2  # nothing is made up of the time in which it was off
    await plane.ask(DeleteTrigger(task=TASK, name="t"))
    await asyncio.sleep(600.0)
    assert len(await plane.fired()) == 2
    assert not (await plane.triggers()).triggers


async def test_what_cannot_be_is_refused_in_one_sentence(plane: Plane) -> None:
    await plane.scheduler()
    await plane.create(trigger())
    await asyncio.sleep(1.0)
    await plane.deploy(trigger())
    await asyncio.sleep(1.0)
    await plane.create(trigger())
    await plane.create(trigger("x", "61 * * * *"))
    await plane.create(trigger("x", time_inputs=()))
    await plane.create(trigger("x", inputs={"y": 1}))
    await plane.create(trigger("x", automation=RateSchedule(interval_minutes=0)))
    await plane.create(trigger("x", automation=ArtifactArrival(name="table")))
    await plane.create(trigger("x"), version="v9")
    await plane.ask(SwitchTrigger(task=TASK, name="x", is_active=True))
    await plane.ask(DeleteTrigger(task="env.other", name="x"))
    await asyncio.sleep(1.0)
    assert await refusals(plane) == [
        "task env.task is not deployed",
        "task env.task has a trigger 't' already: delete it first",
        "trigger 'x': cron expression '61 * * * *': the minute '61' is not from 0 to 59",
        "trigger 'x' gives no at",
        "trigger 'x' gives y, which the task does not take",
        "trigger 'x': an interval of 0 minutes would fire without end",
        "trigger 'x': it waits for the artifact 'table', and artifacts are not supported",
        "task env.task is not deployed in version 'v9'",
        "task env.task has no trigger 'x'",
        "task env.other is not deployed",
    ]


async def test_words_that_nobody_can_read_are_set_aside(plane: Plane) -> None:
    await plane.scheduler()
    plane.server.publish_raw("flyte.req.p.d.trigger.env", b"?")
    plane.server.publish_raw(trigger_timer_subject(KEY), b"?")
    plane.server.publish_raw("flyte.trigger.p.d.env.task", b"?")
    await plane.deploy(trigger())
    await asyncio.sleep(61.0)
    assert len(await plane.fired()) == 1


async def test_an_instant_whose_timer_was_lost_is_found(plane: Plane) -> None:
    await plane.scheduler()
    await plane.deploy(trigger())
    await asyncio.sleep(61.0)
    for timer in plane.server._timers.values():
        timer.cancel()
    await asyncio.sleep(120.0)
    assert len(await plane.fired()) == 3


@pytest.mark.parametrize(("away_s", "made_up"), [(1800.0, 30), (30 * HOUR_S, 60)])
async def test_what_was_missed_is_made_up_within_limits(plane: Plane, away_s: float, made_up: int) -> None:
    first = await plane.scheduler()
    await plane.deploy(trigger("t"), trigger("daily", "0 3 * * *"))
    await asyncio.sleep(1.0)
    await first.end()
    await asyncio.sleep(away_s)
    await plane.scheduler()
    await asyncio.sleep(1.0)
    names = Counter(name.partition("-")[0] for name, _ in await plane.starts())
    assert names == {"t": made_up} | ({"daily": 1} if away_s > 24 * HOUR_S else {})


@pytest.mark.parametrize("seed", range(12))
async def test_schedulers_that_race_and_die_fire_each_instant_once(plane: Plane, seed: int) -> None:
    dice = random.Random(seed)
    lives = [await plane.scheduler(ack_wait_s=5.0) for _ in range(2)]
    begin = plane.now()
    await plane.deploy(trigger("t"), trigger("slow", "*/7 * * * *"))
    for _ in range(60):
        await asyncio.sleep(dice.choice((0.0, 0.001, 1.0, 59.0, 60.0, 200.0)))
        number = dice.randrange(2)
        await lives[number].end()
        if dice.random() < 0.3:
            await asyncio.sleep(dice.choice((0.0, 61.0, 600.0)))
        if dice.random() < 0.2:
            plane.server.stop()
            await asyncio.sleep(20.0)
            plane.server.start()
        lives[number] = await plane.scheduler(ack_wait_s=5.0)
    await asyncio.sleep(120.0)
    starts = [name.partition("-")[0] for name, _ in await plane.starts()]
    wanted = minutes_between(begin, plane.now())
    assert starts.count("t") == len(wanted)
    assert starts.count("slow") == sum(1 for minute in wanted if minute.minute % 7 == 0)
    assert set(await plane.fired()) == set(wanted)
    assert max(Counter(name for name, _ in await plane.starts()).values()) == 1
