"""Time as a task may ask for it: recorded, so a task that is tried again sees the times of its first attempt.

`time` and `now` are traced steps (`flyte.trace`): each call asks the clock once. `sleep` records when it is
over before it begins: tried again, a sleep that was over is not slept again, and of one that was cut short
only the rest. Outside of a task they are the plain clock. Each has an `.aio` twin for async tasks.
"""

import asyncio
import datetime
import time as clock

from flyte._trace import recorded
from flyte._twins import Twinned

__all__ = ["now", "sleep", "time"]


def _time() -> float:
    """Seconds since the epoch, as they were when this call was first made."""
    return clock.time()


def _now() -> datetime.datetime:
    """The time of day when this call was first made, in UTC, with its time zone."""
    return datetime.datetime.now(datetime.UTC)


async def _time_aio() -> float:
    return clock.time()


async def _now_aio() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _sleep(seconds: float) -> None:
    """Wait until so many seconds have passed since this call was first made. Raises ValueError below zero."""
    _checked(seconds)
    clock.sleep(_left(_wake_up(seconds)))


async def _sleep_aio(seconds: float) -> None:
    _checked(seconds)
    await asyncio.sleep(_left(await _wake_up_aio(seconds)))


def _over_at(seconds: float) -> float:
    return clock.time() + seconds


async def _over_at_aio(seconds: float) -> float:
    return clock.time() + seconds


def _left(over_at: float) -> float:
    return max(0.0, over_at - clock.time())


def _checked(seconds: float) -> None:
    if seconds < 0:
        raise ValueError(f"flyte.durable.sleep waits for seconds from 0, not {seconds}")


_wake_up = recorded(_over_at, "flyte.durable.sleep")
_wake_up_aio = recorded(_over_at_aio, "flyte.durable.sleep")

sleep = Twinned(_sleep, _sleep_aio)
time: Twinned[[], float] = Twinned(
    recorded(_time, "flyte.durable.time"), recorded(_time_aio, "flyte.durable.time")
)
now: Twinned[[], datetime.datetime] = Twinned(
    recorded(_now, "flyte.durable.now"), recorded(_now_aio, "flyte.durable.now")
)
