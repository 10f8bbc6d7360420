"""Time, as a task may ask for it: today the plain clock.

They are functions of their own because a later version records their answers, so that a task that is tried
again sees the times of its first attempt. Each has an `.aio` twin for async tasks.
"""

import asyncio
import datetime
import time as clock
from collections.abc import Callable, Coroutine
from typing import Any, Generic, ParamSpec, TypeVar

__all__ = ["now", "sleep", "time"]

P = ParamSpec("P")
R = TypeVar("R")


class _Twin(Generic[P, R]):
    """A function with an async twin."""

    def __init__(self, func: Callable[P, R], twin: Callable[P, Coroutine[Any, Any, R]]) -> None:
        self._func = func
        self.aio = twin
        self.__doc__ = func.__doc__
        self.__name__ = func.__name__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._func(*args, **kwargs)


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


async def _time_aio() -> float:
    return _time()


async def _now_aio() -> datetime.datetime:
    return _now()


sleep = _Twin(_sleep, _sleep_aio)
time = _Twin(_time, _time_aio)
now = _Twin(_now, _now_aio)
