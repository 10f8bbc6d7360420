"""Worlds in which everything goes wrong for a while: then every run has ended, every promise is kept.

`make simulate SEEDS=n` runs many more, and with FLYTE_SIMULATION_FIRST=seed and SEEDS=1 one again. A failing
seed is shrunk, and shown as a world that `test_kept_seeds.py` can keep.
"""

import pytest

from testkit.simulation.many import live_through
from testkit.simulation.world import simulate

SEEDS = 200
CHUNK = 25


@pytest.mark.timeout(900)
@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_after_all_trouble_every_promise_is_kept(first: int) -> None:
    totals = live_through(range(first, first + CHUNK))
    assert not totals.failed, "\n".join(totals.failed)
    assert totals.worlds == CHUNK


def test_a_world_is_told_by_its_seed_alone() -> None:
    assert simulate(7) == simulate(7)


def test_in_these_worlds_things_do_go_wrong() -> None:
    stories = [simulate(seed) for seed in range(10)]
    assert sum(story.crashes for story in stories) > 0
    assert sum(story.actions for story in stories) > 20
    assert sum(story.entries for story in stories) > sum(story.actions for story in stories) / 3
