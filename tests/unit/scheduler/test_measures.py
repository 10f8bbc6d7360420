"""The scheduler's numbers, on the bus in memory and in virtual time."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from unittest.mock import patch

import pytest

from flyte_schemas.subjects import TriggerKey
from flyte_schemas.trigger_events import SwitchTrigger
from testkit.numbers import numbers, of
from testkit.scheduler_plane import TASK, Life, Plane, minutes_between, trigger

HOUR_S = 3600.0
LATENESS = "flyte_scheduler_lateness_seconds"


async def instants(life: Life) -> dict[str, float]:
    """Instants by outcome."""
    found = await numbers(life.bus.meter)
    name = "flyte_scheduler_instants_total"
    return {one: found[of(name, outcome=one)] for one in ("fired", "refused", "missed")}


async def test_each_instant_is_counted_once_by_whom_fired_it(plane: Plane) -> None:
    lives = [await plane.scheduler() for _ in range(2)]
    await plane.deploy(trigger("a"), trigger("off", is_active=False))
    await asyncio.sleep(601.0)
    assert sum([(await instants(life))["fired"] for life in lives]) == 10
    pages = [await numbers(life.bus.meter) for life in lives]
    assert sum(page[of(f"{LATENESS}_bucket", le="1.0")] for page in pages) == 10
    assert [page[of("flyte_scheduler_triggers")] for page in pages] == [1, 1]
    assert [page[of("flyte_scheduler_triggers_overdue")] for page in pages] == [0, 0]
    await plane.ask(SwitchTrigger(task=TASK, name="a", is_active=False))
    await asyncio.sleep(1.0)
    assert (await numbers(lives[0].bus.meter))[of("flyte_scheduler_triggers")] == 0


async def test_what_is_made_up_is_late(plane: Plane) -> None:
    first = await plane.scheduler()
    await plane.deploy(trigger())
    await asyncio.sleep(1.0)
    await first.end()
    await asyncio.sleep(1800.0)
    second = await plane.scheduler()
    await asyncio.sleep(1.0)
    found = await numbers(second.bus.meter)
    assert found[of(f"{LATENESS}_count")] == 30
    assert found[of(f"{LATENESS}_bucket", le="300.0")] == 5
    assert await instants(second) == {"fired": 30, "refused": 0, "missed": 0}


async def test_a_run_that_is_too_large_is_refused(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    life = await plane.scheduler()
    await plane.deploy(trigger(env_vars={"A": "x" * 2000}))
    await asyncio.sleep(1.0)
    monkeypatch.setattr("flyte_bus.memory.log.MAX_EVENT_BYTES", 2000)
    await asyncio.sleep(60.0)
    assert await instants(life) == {"fired": 0, "refused": 1, "missed": 0}


@contextmanager
def standing_still(life: Life) -> Iterator[None]:
    """A look that has begun goes on only at the end of this."""
    firing, goes_on = life.service.firing, asyncio.Event()
    look = firing._look

    async def wait(key: TriggerKey, now: datetime) -> None:
        await goes_on.wait()
        await look(key, now)

    with patch.object(firing, "_look", wait):
        yield
    goes_on.set()


async def test_a_scheduler_that_stood_still_says_what_is_overdue_and_what_it_has_missed(plane: Plane) -> None:
    life = await plane.scheduler()
    begin = plane.now()
    await plane.deploy(trigger())
    await asyncio.sleep(1.0)
    with standing_still(life):
        await asyncio.sleep(110.0)
        assert (await numbers(life.bus.meter))[of("flyte_scheduler_triggers_overdue")] == 0
        await asyncio.sleep(4 * HOUR_S)
        assert (await numbers(life.bus.meter))[of("flyte_scheduler_triggers_overdue")] == 1
    await asyncio.sleep(60.0)
    found = await instants(life)
    assert found["fired"] + found["missed"] == len(minutes_between(begin, plane.now()))
    assert found["missed"] == 3 * 60
    assert (await numbers(life.bus.meter))[of("flyte_scheduler_triggers_overdue")] == 0


async def test_what_another_scheduler_has_fired_is_not_missed(plane: Plane) -> None:
    still, _ = await plane.scheduler(), await plane.scheduler(ack_wait_s=1.0)
    await plane.deploy(trigger())
    await asyncio.sleep(1.0)
    with standing_still(still):
        await asyncio.sleep(4 * HOUR_S)
    await asyncio.sleep(60.0)
    assert (await instants(still))["missed"] == 0
