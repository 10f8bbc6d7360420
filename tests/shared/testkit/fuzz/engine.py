"""What drives an entry: inputs from seeds, or from atheris."""

import asyncio
import contextlib
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from testkit.fuzz.entry import Broken, Entry, Held

MOST_BYTES = 1_200
"""The longest input of an engine's own; entries make large things of few bytes."""
WARM = 20
"""Inputs until everything that is loaded once has been."""


class Driven:
    """An entry on an event loop of its own, fed from outside that loop; opened again now and then."""

    def __init__(self, make: Callable[[Path], Entry]) -> None:
        self.make = make
        self.fed = 0
        self.last = b""
        """The input that is being fed, or was fed last."""
        self.gained = ""
        """What the process held more at the last look than when the entry was warm."""
        self.counts: Counter[str] = Counter()
        """What came of the inputs, of an entry that counts it."""
        self._runner = asyncio.Runner()
        self._folder = tempfile.TemporaryDirectory(prefix="fuzz-")
        self._entry: Entry | None = None
        self._since_open = 0
        self._warm: Held | None = None

    def feed(self, data: bytes) -> None:
        """One input. Raises what broke."""
        self.last = data
        self._runner.run(self._feed(data))

    def close(self) -> None:
        """Close the entry. Raises Broken when it holds more than it did when it was warm."""
        try:
            self._runner.run(self._renew(last=True))
        finally:
            self._runner.close()
            self._folder.cleanup()

    async def _feed(self, data: bytes) -> None:
        if self._entry is None:
            self._entry = self.make(Path(tempfile.mkdtemp(dir=self._folder.name)))
            await self._entry.open()
            self._since_open = 0
        try:
            await self._entry.guarded(data)
        except BaseException:
            entry, self._entry = self._entry, None  # what is broken is not fed any more
            self.counts += entry.counts
            with contextlib.suppress(Exception):
                await entry.close()
            raise
        self.fed += 1
        self._since_open += 1
        if self._since_open == WARM:
            self._warm = Held.now()
        if self._since_open >= self._entry.renewed_after:
            await self._renew()

    async def _renew(self, *, last: bool = False) -> None:
        entry, self._entry = self._entry, None
        if entry is None:
            return
        warm, self._warm = self._warm, None
        for _ in range(100):  # connections that were left end a moment later
            if warm is None or len(asyncio.all_tasks()) <= warm.tasks:
                break
            await asyncio.sleep(0.02)
        now = Held.now()
        self.counts += entry.counts
        await entry.close()
        if warm is not None and self._since_open > WARM:
            self._compare(entry, warm, now)
        if last:
            for _ in range(100):  # connections that were cut off end a moment later
                others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
                if not others:
                    return
                await asyncio.sleep(0.02)
            if others:
                raise Broken(f"{entry.name}: {len(others)} tasks are left: {others[:3]}")

    def _compare(self, entry: Entry, warm: Held, now: Held) -> None:
        gained = f"{now.tasks - warm.tasks} tasks, {now.files - warm.files} descriptors"
        self.gained = f"{gained}, {(now.memory_bytes - warm.memory_bytes) >> 20} MiB"
        if now.tasks > warm.tasks + 10 or now.files > warm.files + 10 + entry.gains_files:
            raise Broken(f"{entry.name}: after {self._since_open} inputs {gained} more")


def seeded(driven: Driven, count: int, seed: int = 0) -> None:
    """So many inputs, the same for the same seed."""
    for number in range(count):
        driven.feed(input_of(seed + number))


def input_of(seed: int) -> bytes:
    """The input of one seed."""
    chance = random.Random(seed)
    return chance.randbytes(chance.choice((8, 40, 200, MOST_BYTES)))


def for_a_while(driven: Driven, seconds: float, seed: int) -> None:
    """Inputs from seeds until the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        driven.feed(input_of(seed + driven.fed))


def led_by_coverage(
    driven: Driven, seconds: float, seed: int, finish: Callable[[BaseException | None], int]
) -> NoReturn:
    """Inputs that atheris makes of those that reached new code, until the time is over.

    libFuzzer never returns: at the end, or when something broke, `finish` gives the exit code of the process.
    """
    import atheris

    over = time.monotonic() + seconds

    def take(data: bytes) -> None:
        error: BaseException | None = None
        try:
            driven.feed(data)
        except Exception as broke:
            error = broke
        if error is not None or time.monotonic() > over:
            code = finish(error)
            sys.stdout.flush()
            os._exit(code)

    flags = [f"-seed={seed or 1}", f"-max_len={MOST_BYTES}", "-len_control=0", "-verbosity=0"]
    atheris.Setup([sys.argv[0], *flags], take)
    atheris.Fuzz()
    raise AssertionError("libFuzzer returned")
