"""A world that fails is made smaller for as long as it fails in the same way."""

import pytest

from flyte_executor.core.placement import Placement
from testkit.simulation.circumstances import Circumstances
from testkit.simulation.many import first_wrong, live_through
from testkit.simulation.shrinking import kind_of, shrink


def test_what_a_failure_does_not_need_is_taken_out_of_its_world() -> None:
    def wrong(world: Circumstances) -> str | None:
        return None if "crash" in world.without or world.trouble_s < 50 else f"a{world.seed}x1 ended 5 s late"

    smallest = shrink(Circumstances(seed=3), wrong)
    assert "crash" not in smallest.without
    assert {"lost_ack", "outage", "killed_agent"} <= set(smallest.without)
    assert (smallest.runs, smallest.executors, smallest.trouble_s) == (1, 1, 60.0)


def test_another_failure_is_not_taken_for_the_same() -> None:
    def wrong(world: Circumstances) -> str | None:
        return "one thing" if "crash" not in world.without else "another thing"

    assert "crash" not in shrink(Circumstances(seed=3), wrong).without


def test_a_world_in_which_all_is_well_is_not_made_smaller() -> None:
    assert shrink(Circumstances(seed=3), lambda world: None) == Circumstances(seed=3)


def test_names_and_numbers_do_not_tell_one_kind_of_failure_from_another() -> None:
    first = "after 200000 s of peace not every run has ended: ['p/d/run2', 'p/d/run1']"
    second = "after 200000 s of peace not every run has ended: ['p/d/run0']"
    assert kind_of(first) == kind_of(second) == "after s of peace not every run has ended:"
    assert kind_of(first) != kind_of("p/d/run0/a0 runs what has succeeded before")


def test_a_bug_is_shown_with_a_small_world_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("testkit.simulation.world.BOUND_S", 50_000.0)  # the bug keeps many worlds from ending
    with monkeypatch.context() as patch:
        patch.setattr(Placement, "ended", lambda self, action: self._next())
        patch.setattr(Placement, "attempt_over", lambda self, attempt: self._next())
        failed = live_through(range(2)).failed
        assert failed
        told = next(line for line in failed[0].splitlines() if "smallest world" in line)
        world = eval(told.partition(": ")[2])  # as somebody pastes it
        assert world.runs == 1
        assert len(world.without) > 4
        assert first_wrong(world) is not None
    assert first_wrong(world) is None
