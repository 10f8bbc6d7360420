"""Whose request is next: projects take turns, and none more often than it may. Pure: time is an argument.

A rate may be saved up for a moment (`BURST_S`). What comes above it waits, for `WAIT_S` at that rate, and
beyond that it is not let in. What tells running work to change (an abort, an answer) costs nothing and goes
before the rest, unless what it is about still waits here.

Times are in seconds, by a clock that never jumps.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from flyte_schemas.limits import Place

T = TypeVar("T")

BURST_S = 2.0
"""For so long a project may save up what it does not use."""
WAIT_S = 15.0
"""So many requests may wait as are let through in this time …"""
LEAST_WAITING = 10
"""… and always so many."""
ABOUT_NOW_S = 0.001
"""A wait that is shorter is none: a clock may not tell its end from its beginning. What is ahead is owed."""

RateOf = Callable[[Place], float | None]
"""How many requests a second a place may make; None: any number."""


def most_waiting(per_s: float) -> int:
    """How many requests of a place may wait at that rate."""
    return max(LEAST_WAITING, int(per_s * WAIT_S))


@dataclass(slots=True)
class Savings:
    """What a place has left of its rate."""

    left: float
    at: float

    def look(self, per_s: float, now: float) -> float:
        """In how many seconds there is enough for one more; 0: now."""
        most = max(1.0, per_s * BURST_S)
        self.left = min(most, self.left + max(0.0, now - self.at) * per_s)
        self.at = max(now, self.at)
        wait_s = (1.0 - self.left) / per_s
        return wait_s if wait_s > ABOUT_NOW_S else 0.0


@dataclass(frozen=True, slots=True)
class Ticket(Generic[T]):
    """Something that waits; `name` is what it is about, `is_free` whether it costs nothing."""

    place: Place
    name: str
    item: T
    is_free: bool


@dataclass(slots=True)
class _Queue(Generic[T]):
    free: "deque[Ticket[T]]" = field(default_factory=deque)
    paid: "deque[Ticket[T]]" = field(default_factory=deque)
    names: "Counter[str]" = field(default_factory=Counter)
    """What is asked for in `paid`."""


class Turns(Generic[T]):
    """Those who wait."""

    def __init__(self, rate_of: RateOf) -> None:
        self._rate_of = rate_of
        self._queues: OrderedDict[Place, _Queue[T]] = OrderedDict()
        self._savings: dict[Place, Savings] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[T]:
        for queue in self._queues.values():
            yield from (one.item for one in (*queue.free, *queue.paid))

    def waiting(self) -> dict[Place, int]:
        """How many wait, by place."""
        return {place: len(queue.free) + len(queue.paid) for place, queue in self._queues.items()}

    def put(self, ticket: Ticket[T]) -> bool:
        """Wait for a turn; False: too many of its place wait already, and it does not."""
        queue = self._queues.get(ticket.place) or _Queue()
        per_s = self._rate_of(ticket.place)
        if not ticket.is_free and per_s and len(queue.paid) >= most_waiting(per_s):
            return False
        self._queues.setdefault(ticket.place, queue)
        self._count += 1
        if ticket.is_free and not queue.names[ticket.name]:
            queue.free.append(ticket)
        else:
            queue.paid.append(ticket)
            queue.names[ticket.name] += 1
        return True

    def next(self, now: float) -> T | None:
        """Whose turn it is; None when nobody waits, or nobody may now."""
        for place, queue in self._queues.items():
            if (ticket := self._first(place, queue, now)) is not None:
                self._count -= 1
                if queue.free or queue.paid:
                    self._queues.move_to_end(place)
                else:
                    del self._queues[place]
                return ticket.item
        return None

    def due_in(self, now: float) -> float | None:
        """In how many seconds the first of those that wait may go on; None: nobody waits."""
        waits = [self._wait(place, queue, now) for place, queue in self._queues.items()]
        return min(waits, default=None)

    def _first(self, place: Place, queue: _Queue[T], now: float) -> Ticket[T] | None:
        if self._wait(place, queue, now) > 0:
            return None
        if queue.free:
            return queue.free.popleft()
        ticket = queue.paid.popleft()
        queue.names[ticket.name] -= 1
        if not queue.names[ticket.name]:
            del queue.names[ticket.name]
        if not ticket.is_free and place in self._savings:
            self._savings[place].left -= 1.0
        return ticket

    def _wait(self, place: Place, queue: _Queue[T], now: float) -> float:
        """In how many seconds the first of a place may go on."""
        per_s = self._rate_of(place)
        if not per_s:
            self._savings.pop(place, None)
            return 0.0
        if queue.free or queue.paid[0].is_free:
            return 0.0
        savings = self._savings.get(place)
        if savings is None:
            self._forget_the_rich(now)
            savings = self._savings[place] = Savings(max(1.0, per_s * BURST_S), now)
        return savings.look(per_s, now)

    def _forget_the_rich(self, now: float) -> None:
        """Who has made no request for long has all that it can save, as one that is not known."""
        if len(self._savings) >= PLACES_KEPT:
            idle = [place for place, one in self._savings.items() if now - one.at > 2 * BURST_S]
            for place in idle:
                if place not in self._queues:
                    del self._savings[place]


PLACES_KEPT = 10_000
