"""Worlds that broke a promise once, as small as they could be made: what was mended stays mended.

`make simulate` prints a failing world so that it can be kept here, with a word on what was wrong. Those that
stand here found bugs that were planted (`test_planted_bugs.py`), and were shrunk while the bug was there.
"""

import pytest

from testkit.simulation.circumstances import Circumstances
from testkit.simulation.many import first_wrong

NO_NETWORK_FAULTS = ("lost_ack", "late_copy", "lost_delivery", "outage")
KEPT: dict[str, Circumstances] = {
    "a process that nobody stopped": Circumstances(
        seed=39, without=(*NO_NETWORK_FAULTS, "crash", "killed_agent"), runs=1, executors=1, trouble_s=15.0
    ),
    "a reservation that bound for ever": Circumstances(
        seed=2, without=(*NO_NETWORK_FAULTS, "crash", "killed_agent"), runs=1, trouble_s=60.0
    ),
    "an answer that came twice": Circumstances(
        seed=3, without=(*NO_NETWORK_FAULTS, "killed_agent"), runs=1, trouble_s=15.0
    ),
    "an attempt that nobody missed after a restart": Circumstances(
        seed=30, without=("late_copy", "lost_delivery", "paused_agent", "delay_s"), runs=1, executors=2
    ),
    "a retry for which no timer was set": Circumstances(
        seed=21, without=("lost_ack", "late_copy", "crash", "paused_agent"), runs=1, executors=1
    ),
}
"""What was wrong, and the world in which it showed."""


@pytest.mark.parametrize("what", KEPT)
def test_a_kept_world_breaks_no_promise_again(what: str) -> None:
    assert first_wrong(KEPT[what]) is None
