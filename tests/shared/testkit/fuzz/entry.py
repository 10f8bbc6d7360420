"""An entry: something that takes input from outside, and what it promises of any input."""

import asyncio
import gc
import resource
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from testkit.fuzz.chooser import Chooser

GUARD_S = 30.0
"""An input that takes longer has made something hang."""


class Broken(AssertionError):
    """An entry did not keep its promise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What this process holds."""

    tasks: int
    files: int
    memory_bytes: int

    @classmethod
    def now(cls) -> "Held":
        gc.collect()
        descriptors = Path("/proc/self/fd")
        return cls(
            tasks=len(asyncio.all_tasks()),
            files=len(list(descriptors.iterdir())) if descriptors.exists() else 0,
            memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        )


class Entry:
    """Opened once, fed many times, closed; `feed` raises whatever breaks the promise."""

    name: ClassVar[str]
    renewed_after: ClassVar[int] = 2_000
    """After so many inputs it is closed and opened again, and what the process holds is compared."""
    gains_files: ClassVar[int] = 0
    """How many descriptors may be held more after many inputs than after a few: connections that are kept."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stack = AsyncExitStack()
        self.counts: Counter[str] = Counter()
        """What came of the inputs, where that is worth telling."""

    async def open(self) -> None:
        """Make what the inputs are for."""

    async def close(self) -> None:
        """Remove it."""
        await self.stack.aclose()

    async def feed(self, chooser: Chooser) -> None:
        """Take one input. Raises anything when the promise is broken."""
        raise NotImplementedError

    async def guarded(self, data: bytes) -> None:
        """`feed`, and hanging breaks the promise too."""
        try:
            async with asyncio.timeout(GUARD_S):
                await self.feed(Chooser(data))
        except TimeoutError as error:
            raise Broken(f"{self.name}: no end within {GUARD_S:g} s") from error
