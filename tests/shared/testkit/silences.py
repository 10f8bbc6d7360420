"""A control plane whose time is the event loop's, and a spool that needs no disk."""

import asyncio
from collections import deque
from datetime import datetime, timedelta

from flyte_bus.memory import MemoryBus, MemoryServer
from testkit.events import MORNING

PATIENCE_S = 900.0


def loop_now() -> datetime:
    """The time of day in a world that began in the morning."""
    return MORNING + timedelta(seconds=asyncio.get_running_loop().time())


def bus_in_virtual_time() -> MemoryBus:
    """A bus on a server of its own, both by the clock of the running loop."""
    clock = asyncio.get_running_loop().time
    return MemoryBus(MemoryServer(clock=clock, now=loop_now), patience_s=PATIENCE_S)


class MemorySpool:
    """The port `Spool` without a disk; what was put in is in `words`. While it `is_full` it takes nothing."""

    def __init__(self) -> None:
        self.words: deque[bytes] = deque()
        self.is_full = False

    @property
    def size_bytes(self) -> int:
        return sum(map(len, self.words))

    def add(self, raw: bytes, *, safely: bool = False) -> None:
        if self.is_full:
            raise OSError("the disk is full")
        self.words.append(raw)

    def first(self) -> bytes:
        return self.words[0]

    def drop(self) -> None:
        self.words.popleft()

    def clear(self) -> None:
        self.words.clear()
