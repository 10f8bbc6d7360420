"""What there is one of for each life of an executor, and what is told of a world."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flyte_executor.executor import Executor
from testkit.simulation.faulty_bus import FaultyBus


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What became of a world: `wrongs` are the broken promises."""

    seed: int
    wrongs: tuple[str, ...]
    world_s: float
    runs: int
    actions: int
    events: int
    entries: int
    crashes: int


class Clock:
    """The time of day as one executor has it."""

    def __init__(self, true: Callable[[], datetime]) -> None:
        self._true = true
        self._wrong_by = timedelta()

    def now(self) -> datetime:
        return self._true() + self._wrong_by

    def jump(self, wrong_by_s: float) -> None:
        """From now on it is wrong by so much."""
        self._wrong_by = timedelta(seconds=wrong_by_s)


@dataclass(slots=True)
class Life:
    """One life of an executor."""

    bus: FaultyBus
    clock: Clock
    executor: Executor
    admission: "asyncio.Task[None] | None" = None
    troubles: list[BaseException] = field(default_factory=list)
