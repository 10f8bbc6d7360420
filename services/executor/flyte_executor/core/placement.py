"""Who may run now: slots for processes of their own, and the seats of each pool, shared fairly (`lines`).

A run may want no more than so many of its actions at a time, and a project may be allowed no more than so
many; those that run elsewhere count too.

An action that has asked for children gives its slot up: it mostly waits for them, and if waiting parents
held every slot their children could never run. For the same reason it needs none when it is tried again. So
a pool has more workers than it has replicas while some of them wait.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator

from flyte_executor.core.lines import LimitOf, Line, Shares, unlimited
from flyte_schemas.limits import Place
from flyte_schemas.pools import PROCESS, Pool
from flyte_schemas.subjects import ActionKey, AttemptKey

UNDER_WAY_S = 0.2
"""For so long a worker of a pool is given work in advance, when its actions are brief …"""
MOST_UNDER_WAY = 32
"""… and never more than so many."""
PACE_WEIGHT = 0.1
"""What the last action counts in the mean of how long they take."""


class Placement:
    """The slots of one backend. Each call returns the attempts that must be launched now, in order.

    `slots` are for processes of their own; a pool brings its seats with it. `limit_of` says how many actions
    of a project and domain may be under way.
    """

    def __init__(self, slots: int, limit_of: LimitOf = unlimited) -> None:
        self._slots = {PROCESS: slots}
        self._holding: dict[ActionKey, str] = {}
        self._held: Counter[str] = Counter()
        self._elsewhere: set[ActionKey] = set()
        self._waiting: dict[str, Line] = {}
        self._pools: dict[ActionKey, str] = {}
        self._shares = Shares(limit_of)
        self._launched: dict[ActionKey, int] = {}
        self._parents: set[ActionKey] = set()
        self._above: Counter[str] = Counter()
        self._pace_s: dict[str, float] = {}
        self.listeners: list[Callable[[], None]] = []
        """They are told when somebody begins to wait."""

    @property
    def waiting(self) -> int:
        """How many attempts wait for a slot."""
        return sum(map(len, self._waiting.values()))

    @property
    def waiting_by_pool(self) -> Counter[str]:
        """How many attempts wait for a slot, by pool."""
        return Counter({pool: len(line) for pool, line in self._waiting.items()})

    @property
    def waiting_by_place(self) -> Counter[Place]:
        """How many attempts wait, by project and domain."""
        return sum((line.by_place() for line in self._waiting.values()), Counter())

    @property
    def under_way(self) -> Counter[Place]:
        """How many actions are under way, here and elsewhere, by project and domain."""
        return self._shares.of_place

    def held_back(self, most: int) -> Iterator[tuple[Place, AttemptKey]]:
        """The attempts that wait for the limit of their project and domain: the first `most` of each run."""
        for line in self._waiting.values():
            yield from line.held_back(self._shares, most)

    @property
    def waiting_for_limits(self) -> int:
        """How many attempts wait for the limit of their project and domain."""
        return sum(line.waiting_for_limits(self._shares) for line in self._waiting.values())

    def look(self) -> list[AttemptKey]:
        """A limit may be another than before."""
        return self._next()

    @property
    def held_by_pool(self) -> Counter[str]:
        """How many slots are held, by pool."""
        return self._held

    @property
    def slots_by_pool(self) -> Counter[str]:
        """How many slots there are, by pool."""
        return Counter(self._slots)

    @property
    def holding(self) -> frozenset[ActionKey]:
        """The actions that hold a slot."""
        return frozenset(self._holding)

    def workers(self, pool: Pool) -> int:
        """How many workers a pool may have: enough for its seats, and for the parents that have none."""
        return math.ceil((pool.seats + self._above[pool.name]) / pool.reuse.concurrency)

    def took(self, pool: Pool, seconds: float) -> None:
        """An action of a pool took so long. Where they are brief, some for each worker may be under way."""
        known = self._pace_s.get(pool.name, seconds)
        self._pace_s[pool.name] = pace = known + PACE_WEIGHT * (seconds - known)
        depth = max(1, min(MOST_UNDER_WAY, int(UNDER_WAY_S / max(pace, UNDER_WAY_S / MOST_UNDER_WAY))))
        if pool.name in self._slots:
            self._slots[pool.name] = pool.seats * depth

    def want(
        self, attempt: AttemptKey, limit: int | None = None, pool: Pool | None = None
    ) -> list[AttemptKey]:
        """This attempt is open and no worker has it; asking again changes nothing.

        `limit` is how many actions of its run may run at a time, parents that wait not counted.
        """
        key = attempt.action
        if self._launched.get(key, 0) >= attempt.attempt:
            return self._next()
        if key in self._elsewhere or self._is_pooled(key):  # an earlier attempt of it, which is over
            self._give_up(key)
        if key in self._parents:
            self.occupy(attempt, pool)
            return [attempt, *self._next()]
        self._join(key, pool)
        self._waiting.setdefault(self._pools[key], Line()).add(attempt)
        if limit is not None:
            self._shares.limit(key.run, limit)
        ready = self._next()
        if self._waiting:
            for tell in self.listeners:
                tell()
        return ready

    def occupy(self, attempt: AttemptKey, pool: Pool | None = None) -> None:
        """This attempt runs here (it is being launched, or was found after a restart)."""
        self._join(attempt.action, pool)
        self._occupy(attempt)

    def claimed(self, attempt: AttemptKey) -> list[AttemptKey]:
        """A worker has this attempt: if it is none of ours it holds no slot, and nothing is launched."""
        key = attempt.action
        if self._launched.get(key, 0) < attempt.attempt and key not in self._parents:
            self._wait_no_more(key)
            if key not in self._holding and key not in self._elsewhere:
                self._elsewhere.add(key)
                self._shares.begins(key.run)
        return self._next()

    def unclaimed(self, action: ActionKey) -> list[AttemptKey]:
        """No worker has this action: one that is elsewhere, or in a pool, is done with it.

        A process of its own has yet to end (`attempt_over`).
        """
        if action in self._elsewhere or self._is_pooled(action):
            self._give_up(action)
        return self._next()

    def has_children(self, action: ActionKey) -> list[AttemptKey]:
        """This action waits for others now."""
        if action not in self._parents:
            self._parents.add(action)
            self._above[self._pools.get(action, PROCESS)] += 1
        self._give_up(action)
        attempt = self._line(action).get(action)
        if attempt is not None:
            self._occupy(attempt)
            return [attempt, *self._next()]
        return self._next()

    def ended(self, action: ActionKey) -> list[AttemptKey]:
        """Nothing of this action runs any more, and nothing is wanted."""
        self._give_up(action)
        if action in self._parents:
            self._parents.discard(action)
            self._above[self._pools.get(action, PROCESS)] -= 1
        self._wait_no_more(action)
        self._launched.pop(action, None)
        self._leave(action)
        return self._next()

    def attempt_over(self, attempt: AttemptKey) -> list[AttemptKey]:
        """No process has this attempt any more, or none came of it; a later attempt keeps its slot."""
        if self._launched.get(attempt.action) == attempt.attempt:
            self._give_up(attempt.action)
        return self._next()

    def _next(self) -> list[AttemptKey]:
        ready: list[AttemptKey] = []
        for pool in tuple(self._waiting):
            line = self._waiting[pool]
            while self._held[pool] < self._slots[pool] and (attempt := line.first(self._shares)) is not None:
                line.had_its_turn(attempt.action.run)
                self._occupy(attempt)
                ready.append(attempt)
        return ready

    def _occupy(self, attempt: AttemptKey) -> None:
        key = attempt.action
        self._wait_no_more(key)
        self._launched[key] = attempt.attempt
        if key not in self._parents and key not in self._holding:
            self._holding[key] = pool = self._pools[key]
            self._held[pool] += 1
            self._shares.begins(key.run)

    def _is_pooled(self, action: ActionKey) -> bool:
        return self._holding.get(action, PROCESS) != PROCESS

    def _give_up(self, action: ActionKey) -> None:
        if action in self._holding or action in self._elsewhere:
            if (pool := self._holding.pop(action, None)) is not None:
                self._held[pool] -= 1
            self._elsewhere.discard(action)
            self._shares.ends(action.run)

    def _join(self, action: ActionKey, pool: Pool | None) -> None:
        """From now on the action's attempts run in this pool."""
        if pool is not None:
            self._slots.setdefault(pool.name, pool.seats)
        before, name = self._pools.get(action, PROCESS), PROCESS if pool is None else pool.name
        self._pools[action] = name
        if action in self._parents and name != before:
            self._above[before] -= 1
            self._above[name] += 1

    def _leave(self, action: ActionKey) -> None:
        pool = self._pools.pop(action, PROCESS)
        if pool != PROCESS and not self._held[pool] and pool not in self._waiting:
            del self._held[pool]
            for known in (self._slots, self._pace_s, self._above):
                known.pop(pool, None)

    def _line(self, action: ActionKey) -> Line:
        """Where an action waits, if it does."""
        return self._waiting.get(self._pools.get(action, PROCESS)) or Line()

    def _wait_no_more(self, action: ActionKey) -> None:
        line, pool = self._line(action), self._pools.get(action, PROCESS)
        line.discard(action)
        if not line:
            self._waiting.pop(pool, None)
        if not any(line.has(action.run) for line in self._waiting.values()):
            self._shares.forget_limit(action.run)
