"""Worlds in which everything goes wrong for a while: afterwards every run has ended, every promise is kept.

`make simulate SEEDS=n` runs many more. A seed that fails is repeated by FLYTE_SIMULATION_FIRST=seed, with the
same PYTHONHASHSEED.
"""

import os

import pytest

from testkit.simulation.world import simulate

FIRST = int(os.environ.get("FLYTE_SIMULATION_FIRST", "0"))
SEEDS = int(os.environ.get("FLYTE_SIMULATION_SEEDS", "300"))
CHUNK = 25


def hopes(seeds: range) -> None:
    """Run the worlds of these seeds; the first that breaks a promise fails the test, and says how."""
    for seed in seeds:
        story = simulate(seed)
        assert not story.wrongs, f"seed {seed}: {story}"


@pytest.mark.timeout(900)
@pytest.mark.parametrize("first", range(FIRST, FIRST + SEEDS, CHUNK))
def test_after_all_trouble_every_promise_is_kept(first: int) -> None:
    hopes(range(first, min(first + CHUNK, FIRST + SEEDS)))


def test_a_world_is_told_by_its_seed_alone() -> None:
    assert simulate(7) == simulate(7)


def test_in_these_worlds_things_do_go_wrong() -> None:
    stories = [simulate(seed) for seed in range(5)]
    assert sum(story.crashes for story in stories) > 0
    assert sum(story.actions for story in stories) > 20
    assert sum(story.entries for story in stories) > sum(story.actions for story in stories) / 2
