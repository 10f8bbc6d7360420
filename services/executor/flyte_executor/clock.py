"""Time, as an argument: tests bring their own."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

Now = Callable[[], datetime]
"""The time of day."""

Elapsed = Callable[[], float]
"""Seconds by a clock that never jumps, whatever becomes of the time of day: for how long a silence lasts."""


def utc_now() -> datetime:
    return datetime.now(UTC)


def elapsed() -> float:
    return asyncio.get_running_loop().time()
