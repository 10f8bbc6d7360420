"""Time, as a task may ask for it: today the plain clock.

They are functions of their own because a later version records their answers, so that a task that is tried
again sees the times of its first attempt. Each has an `.aio` twin for async tasks.
"""

import asyncio
import datetime
import time as clock

from flyte._twins import Twinned

__all__ = ["now", "sleep", "time"]


def _sleep(seconds: float) -> None:
    """Wait for so many seconds."""
    clock.sleep(seconds)


def _time() -> float:
    """Seconds since the epoch."""
    return clock.time()


def _now() -> datetime.datetime:
    """The time of day, in UTC, with its time zone."""
    return datetime.datetime.now(datetime.UTC)


async def _sleep_aio(seconds: float) -> None:
    await asyncio.sleep(seconds)


sleep = Twinned(_sleep, _sleep_aio)
time = Twinned(_time)
now = Twinned(_now)
