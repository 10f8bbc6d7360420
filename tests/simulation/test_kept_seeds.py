"""Worlds that broke a promise once, as small as they could be made: what was mended stays mended.

`make simulate` prints a failing world so that it can be kept here, with a word on what was wrong. Those with
a seed below 100 found planted bugs (`test_planted_bugs.py`), and were shrunk while the bug was there.
"""

from dataclasses import fields

import pytest

from testkit.simulation.chance import Rates
from testkit.simulation.circumstances import Circumstances
from testkit.simulation.many import first_wrong

ALL = tuple(field.name for field in fields(Rates))


def _only(*faults: str) -> tuple[str, ...]:
    """What to leave out of a world in which nothing else goes wrong."""
    return tuple(name for name in ALL if name not in faults)


KEPT: dict[str, Circumstances] = {
    "a process that nobody stopped": Circumstances(
        seed=19, without=_only("crash"), runs=1, executors=1, trouble_s=7.5
    ),
    "a reservation that bound for ever": Circumstances(
        seed=6, without=_only(), runs=1, executors=1, trouble_s=7.5
    ),
    "an answer that came twice": Circumstances(seed=1, without=_only(), runs=2, executors=1),
    "an attempt that nobody missed after a restart": Circumstances(
        seed=1, without=_only("crash", "clock_jump"), runs=2, executors=1
    ),
    "a retry for which no timer was set": Circumstances(
        seed=2, without=_only(), runs=1, executors=1, trouble_s=15.0
    ),
    "a claim that was heard so late that its worker began beside its successor": Circumstances(
        seed=101793,
        without=_only("lost_ack", "delay_s", "crash", "killed_agent", "sleeping_agent", "clock_jump"),
        runs=2,
        executors=2,
    ),
    "a step of the recovering run's own, which the checker took for one of its source": Circumstances(
        seed=11392,
        without=_only("lost_ack", "lost_delivery", "crash", "killed_agent", "outage"),
        runs=2,
        executors=2,
    ),
    "a late word of an earlier attempt, which was taken for a claim of the one that waits": Circumstances(
        seed=145, without=("lost_delivery", "crash", "paused_agent", "sleeping_agent"), runs=3, executors=1
    ),
    "a late word again, beside crashes": Circumstances(
        seed=108, without=("lost_ack", "paused_agent", "outage"), runs=3, executors=1
    ),
    "an answer to one who had just been ended": Circumstances(
        seed=13256, without=("paused_agent", "outage", "delay_s"), runs=3, executors=2
    ),
    "a world whose people, asked one after the other, took longer than the checker would wait": Circumstances(
        seed=117930, without=_only("lost_ack", "late_copy", "crash", "clock_jump"), runs=2, executors=1
    ),
    "a world so large that the checker thought somebody ran in circles": Circumstances(
        seed=19446, without=_only("clock_jump"), runs=3, executors=1, trouble_s=60.0
    ),
}
"""What was wrong, and the world in which it showed."""


@pytest.mark.parametrize("what", KEPT)
def test_a_kept_world_breaks_no_promise_again(what: str) -> None:
    assert first_wrong(KEPT[what]) is None
