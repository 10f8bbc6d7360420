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

GARBAGE_THRESHOLDS = 5_000, 3
"""So many objects are made before garbage is looked for among them, and so often before among those that were
left: folds make many and keep them. With 20,000 and 10 a service stood still for 0.3 s now and then.
"""


def run(main: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`. What is loaded by now stays: no look for garbage goes through it."""
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    gc.freeze()
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(main)
