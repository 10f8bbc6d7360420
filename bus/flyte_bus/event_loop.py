"""The event loop of our own processes: uvloop's where it is installed, else the standard library's.

uvloop takes a third off what a message costs. A task's own process keeps the loop that its user knows.
"""

import asyncio
import gc
from collections.abc import Coroutine
from typing import Any, TypeVar

try:
    from uvloop import new_event_loop
except ImportError:  # not for this platform, or not installed
    from asyncio import new_event_loop  # type: ignore[assignment]

T = TypeVar("T")

GARBAGE_THRESHOLD = 20_000
"""So many objects are made before garbage is looked for: a fold of a long run makes many, and keeps them."""


def run(main: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`. What is loaded by now stays: no look for garbage goes through it."""
    gc.set_threshold(GARBAGE_THRESHOLD)
    gc.freeze()
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(main)
