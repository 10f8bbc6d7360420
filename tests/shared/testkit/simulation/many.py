"""Thousands of worlds: lived through on all cores, with progress and rate; what fails is shrunk and shown."""

import gc
import logging
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from testkit.simulation.circumstances import Circumstances
from testkit.simulation.lives import Story
from testkit.simulation.shrinking import shrink
from testkit.simulation.world import simulate

CHUNK = 50
"""Worlds that one process lives through before it says how it went."""
MAX_FAILED = 3
"""After so many failing seeds the rest is not worth its time."""
EACH_S = 5.0
"""How often progress is shown."""


@dataclass(slots=True)
class Totals:
    """What some worlds were like; `failed` tells of those that broke a promise."""

    worlds: int = 0
    actions: int = 0
    events: int = 0
    crashes: int = 0
    failed: list[str] = field(default_factory=list)

    def add(self, story: Story) -> None:
        self.worlds += 1
        self.actions += story.actions
        self.events += story.events
        self.crashes += story.crashes

    def join(self, other: "Totals") -> None:
        self.worlds += other.worlds
        self.actions += other.actions
        self.events += other.events
        self.crashes += other.crashes
        self.failed += other.failed


GARBAGE_EACH = 100_000
"""After so many new objects the collector looks for garbage: a world leaves little behind, but makes many."""


def silence() -> None:
    """The simulated services say nothing: what matters is told by their log."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


@contextmanager
def _rarely_collected() -> Iterator[None]:
    """Within the block the collector works less: an eighth of a world's time.

    What is there before stays frozen afterwards: it is large, and the next look would go through all of it.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_EACH, 50, 1_000)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def first_wrong(world: Circumstances) -> str | None:
    """What is wrong first in a world; None when every promise was kept."""
    try:
        story = simulate(world)
    except Exception as error:  # the product's own code broke, and that is a failure like any other
        return repr(error)
    return story.wrongs[0] if story.wrongs else None


def live_through(seeds: range) -> Totals:
    """The worlds of these seeds; those that fail are shrunk."""
    totals = Totals()
    with _rarely_collected():
        for seed in seeds:
            try:
                story = simulate(seed)
            except Exception as error:
                totals.worlds += 1
                totals.failed.append(_told(seed, repr(error)))
                continue
            totals.add(story)
            if story.wrongs:
                totals.failed.append(_told(seed, story.wrongs[0]))
    return totals


def _told(seed: int, wrong: str) -> str:
    smallest = shrink(Circumstances(seed=seed), first_wrong)
    return (
        f"seed {seed}: {wrong}\n  the smallest world that breaks the same: {smallest!r}\n"
        f"    there: {first_wrong(smallest)}\n  keep it as a test: tests/simulation/test_kept_seeds.py"
    )


def main(first: int, seeds: int) -> int:
    """Live through `seeds` worlds from seed `first` on; 0 when every promise was kept."""
    begun = shown = time.monotonic()
    totals = Totals()
    chunks = list(_chunks(first, seeds))
    with ProcessPoolExecutor(max_workers=os.cpu_count(), initializer=silence) as pool:
        for done in as_completed([pool.submit(live_through, chunk) for chunk in chunks]):
            fresh = done.result()
            totals.join(fresh)
            for told in fresh.failed:
                print(told, flush=True)
            if len(totals.failed) >= MAX_FAILED:
                pool.shutdown(cancel_futures=True)
                break
            if time.monotonic() - shown > EACH_S or totals.worlds == seeds:
                shown = time.monotonic()
                print(_progress(totals, seeds, shown - begun), flush=True)
    print(f"{len(totals.failed)} of {totals.worlds:,} worlds broke a promise", flush=True)
    return bool(totals.failed)


def _progress(totals: Totals, seeds: int, took_s: float) -> str:
    rate = totals.worlds / max(took_s, 0.001)
    left_s = (seeds - totals.worlds) / rate
    return (
        f"{totals.worlds:,} of {seeds:,} worlds, {rate:.1f}/s, about {left_s:,.0f} s left: "
        f"{totals.actions:,} actions, {totals.events:,} events, {totals.crashes:,} crashes of executors"
    )


def _chunks(first: int, seeds: int) -> Iterator[range]:
    for start in range(first, first + seeds, CHUNK):
        yield range(start, min(start + CHUNK, first + seeds))


if __name__ == "__main__":
    sys.exit(main(int(os.environ.get("FLYTE_SIMULATION_FIRST", "0")), int(sys.argv[1])))
