"""From a world that broke a promise to a smaller one that breaks the same: the rest is why.

Greedy: runs, executors, each kind of fault and time are taken out for as long as the same kind of promise
is broken. A smaller world rolls its dice otherwise, so what cannot be taken out may only have been unlucky.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import fields, replace

from testkit.simulation.chance import Rates
from testkit.simulation.circumstances import Circumstances

MAX_WORLDS = 60
"""How many worlds are lived through for one that failed."""

Wrong = Callable[[Circumstances], str | None]


def kind_of(wrong: str) -> str:
    """What kind of promise is broken, without the names and numbers of this world."""
    return re.sub(r"\s+", " ", re.sub(r"\S*[\d/\[\]]\S*", "", wrong)).strip()[:60]


def shrink(failed: Circumstances, first_wrong: Wrong) -> Circumstances:
    """The smallest world found that is wrong in the same way. `first_wrong` says what is (None: nothing)."""
    wrong = first_wrong(failed)
    if wrong is None:
        return failed
    kind, smallest, left = kind_of(wrong), failed, MAX_WORLDS
    for smaller in _ways():
        while left and (candidate := smaller(smallest)) is not None:
            left -= 1
            found = first_wrong(candidate)
            if found is None or kind_of(found) != kind:
                break
            smallest = candidate
    return smallest


Way = Callable[[Circumstances], Circumstances | None]


def _ways() -> Iterator[Way]:
    yield lambda world: _with(world, runs=1)
    yield lambda world: _with(world, executors=1)
    for fault in fields(Rates):
        yield lambda world, name=fault.name: _without(world, name)  # type: ignore[misc]
    yield lambda world: replace(world, trouble_s=world.trouble_s / 2) if world.trouble_s > 10 else None
    yield lambda world: _with(world, runs=(world.runs or 4) - 1) if (world.runs or 4) > 1 else None
    yield lambda world: _with(world, executors=(world.executors or 3) - 1) if world.executors != 1 else None


def _with(world: Circumstances, **limits: int) -> Circumstances | None:
    smaller = replace(world, **limits)  # type: ignore[arg-type]
    return None if smaller == world else smaller


def _without(world: Circumstances, fault: str) -> Circumstances | None:
    return None if fault in world.without else replace(world, without=(*world.without, fault))
