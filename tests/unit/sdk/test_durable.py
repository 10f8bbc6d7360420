"""`flyte.durable`: a task that is tried again sees the times of its first attempt."""

import asyncio
import datetime
import time
from typing import Any

import pytest

import flyte
from flyte import durable

AGAIN = flyte.RetryStrategy(count=2, backoff=flyte.Backoff(base=0))


@pytest.fixture
def env() -> flyte.TaskEnvironment:
    return flyte.TaskEnvironment(name="env")


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was slept, on a clock that goes on only by that."""
    waits: list[float] = []
    base = time.time()

    async def sleep_aio(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(durable.clock, "sleep", waits.append)
    monkeypatch.setattr(durable.clock, "time", lambda: base + sum(waits))
    monkeypatch.setattr(durable.asyncio, "sleep", sleep_aio)
    return waits


def test_a_replay_sees_the_same_times(env: flyte.TaskEnvironment) -> None:
    seen: list[tuple[Any, ...]] = []

    @env.task(retries=AGAIN)
    async def parent() -> None:
        seen.append(
            (durable.time(), durable.now(), await durable.time.aio(), await durable.now.aio(), durable.time())
        )
        if len(seen) == 1:
            raise RuntimeError("once more")

    flyte.run(parent)
    assert seen[0] == seen[1]
    first, now, _, then, last = seen[0]
    assert first < last
    assert now < then
    assert now.tzinfo == datetime.UTC
    assert (type(first), type(now)) == (float, datetime.datetime)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_sleep_that_was_over_is_not_slept_again(
    env: flyte.TaskEnvironment, slept: list[float], is_async: bool
) -> None:
    @env.task(retries=AGAIN)
    def sync_parent() -> None:
        durable.sleep(30)
        if flyte.ctx().attempt_number == 0:
            raise RuntimeError("once more")

    @env.task(retries=AGAIN)
    async def async_parent() -> None:
        await durable.sleep.aio(30)
        if flyte.ctx().attempt_number == 0:
            raise RuntimeError("once more")

    flyte.run(async_parent if is_async else sync_parent)
    assert [round(seconds, 3) for seconds in slept if seconds] == [30.0]


def test_of_a_sleep_that_was_cut_short_only_the_rest_is_slept(
    env: flyte.TaskEnvironment, slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_short(seconds: float) -> None:
        if not slept:
            slept.append(12.0)
            raise RuntimeError("the machine is gone")
        slept.append(seconds)

    monkeypatch.setattr(durable.clock, "sleep", cut_short)

    @env.task(retries=flyte.RetryStrategy(count=1))
    def parent() -> None:
        durable.sleep(30)

    flyte.run(parent)
    assert sum(slept) == pytest.approx(30.0)  # the pause before the second attempt counts


def test_outside_of_a_task_it_is_the_clock(slept: list[float]) -> None:
    durable.sleep(5)
    asyncio.run(durable.sleep.aio(6))
    assert slept == pytest.approx([5, 6])
    assert durable.time() == durable.clock.time()


@pytest.mark.parametrize("call", [durable.sleep, lambda seconds: asyncio.run(durable.sleep.aio(seconds))])
def test_nobody_sleeps_backwards(call: Any) -> None:
    with pytest.raises(ValueError, match="seconds from 0, not -1"):
        call(-1)
