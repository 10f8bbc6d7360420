"""Who waits for one pool, and whose turn is next: projects take turns first, then a project's runs.

A free place goes to the project and domain that has the fewest actions under way, within it to the run that
has the fewest, and within that to who came first; of equals to who waits longest. So a run with thousands of
actions does not keep one with a single action waiting, and thousands of runs of one project do not keep
another project waiting.
"""

import math
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from flyte_schemas.limits import Place
from flyte_schemas.subjects import ActionKey, AttemptKey, RunKey

LimitOf = Callable[[Place], float | None]
"""How many actions of a place may be under way; None: any number."""


def unlimited(place: Place) -> float | None:
    """Nobody has set a limit."""
    return None


def place_of(run: RunKey) -> Place:
    return Place(run.project, run.domain)


class Shares:
    """How many actions are under way, by run and by place, and how many may be."""

    def __init__(self, limit_of: LimitOf) -> None:
        self.limit_of = limit_of
        self.of_run: Counter[RunKey] = Counter()
        self.of_place: Counter[Place] = Counter()
        self._run_limits: dict[RunKey, int] = {}

    def limit(self, run: RunKey, most: int) -> None:
        """So many of this run may be under way."""
        self._run_limits[run] = most

    def forget_limit(self, run: RunKey) -> None:
        self._run_limits.pop(run, None)

    def begins(self, run: RunKey) -> None:
        """One more is under way."""
        self.of_run[run] += 1
        self.of_place[place_of(run)] += 1

    def ends(self, run: RunKey) -> None:
        """One fewer."""
        place = place_of(run)
        self.of_run[run] -= 1
        self.of_place[place] -= 1
        if not self.of_run[run]:
            del self.of_run[run]
        if not self.of_place[place]:
            del self.of_place[place]

    def has_room(self, run: RunKey) -> bool:
        """Whether the run's own limit, if it has one, lets one more begin."""
        return run not in self._run_limits or self.of_run[run] < self._run_limits[run]

    def is_full(self, place: Place) -> bool:
        """Whether a limit keeps the place from beginning more."""
        limit = self.limit_of(place)
        return limit is not None and self.of_place[place] >= limit


Runs = OrderedDict[RunKey, OrderedDict[ActionKey, AttemptKey]]


class Line:
    """Those that wait for one pool."""

    def __init__(self) -> None:
        self._places: OrderedDict[Place, Runs] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, attempt: AttemptKey) -> None:
        """Stand in line; a later attempt takes the place of an earlier one of its action."""
        key = attempt.action
        runs = self._places.setdefault(place_of(key.run), OrderedDict())
        of_run = runs.setdefault(key.run, OrderedDict())
        self._count += key not in of_run
        of_run[key] = attempt

    def get(self, action: ActionKey) -> AttemptKey | None:
        return self._of_place(action.run).get(action.run, OrderedDict()).get(action)

    def discard(self, action: ActionKey) -> None:
        """Wait no more; nothing happens to who does not wait."""
        runs = self._of_place(action.run)
        of_run = runs.get(action.run)
        if of_run is None or of_run.pop(action, None) is None:
            return
        self._count -= 1
        if not of_run:
            del runs[action.run]
        if not runs:
            del self._places[place_of(action.run)]

    def has(self, run: RunKey) -> bool:
        """Whether anything of a run waits."""
        return run in self._of_place(run)

    def had_its_turn(self, run: RunKey) -> None:
        """Of equals, all others come before this run and its place from now on."""
        self._places.move_to_end(place_of(run))
        self._of_place(run).move_to_end(run)

    def first(self, shares: Shares) -> AttemptKey | None:
        """Whose turn it is; None when nobody may."""
        for place in sorted(self._places, key=lambda one: shares.of_place[one]):
            if shares.is_full(place):
                continue
            runs = self._places[place]
            run = _least_busy((run for run in runs if shares.has_room(run)), shares)
            if run is not None:
                return next(iter(runs[run].values()))
        return None

    def held_back(self, shares: Shares, most: int) -> Iterator[tuple[Place, AttemptKey]]:
        """Those that wait for a limit of their place: the first `most` of each run."""
        for place, runs in self._places.items():
            if shares.is_full(place):
                for of_run in runs.values():
                    yield from ((place, attempt) for attempt in islice(of_run.values(), most))

    def waiting_for_limits(self, shares: Shares) -> int:
        """How many wait whose place is full."""
        return sum(count for place, count in self.by_place().items() if shares.is_full(place))

    def by_place(self) -> Counter[Place]:
        """How many wait, by place."""
        return Counter({place: sum(map(len, runs.values())) for place, runs in self._places.items()})

    def _of_place(self, run: RunKey) -> Runs:
        return self._places.get(place_of(run), OrderedDict())


def _least_busy(runs: Iterable[RunKey], shares: Shares) -> RunKey | None:
    """The first of those with the fewest actions under way; one with none ends the search at once."""
    least, fewest = None, math.inf
    for run in runs:
        if (under_way := shares.of_run[run]) < fewest:
            least, fewest = run, under_way
            if not under_way:
                break
    return least
