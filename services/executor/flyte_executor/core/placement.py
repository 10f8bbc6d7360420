"""Who may run now: a fixed number of slots, shared fairly by the runs.

A free slot goes to the run that holds the fewest, and within a run to who came first: a run with thousands of
actions does not keep one with a single action waiting. A run may want no more than so many of its actions at
a time; those that run elsewhere count too.

An action that has asked for children gives its slot up: it mostly waits for them, and if waiting parents
held every slot their children could never run. For the same reason it needs none when it is tried again.
"""

from collections import Counter, OrderedDict

from flyte_schemas.subjects import ActionKey, AttemptKey, RunKey


class Placement:
    """The slots of one backend. Each call returns the attempts that must be launched now, in order."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._holding: set[ActionKey] = set()
        self._elsewhere: set[ActionKey] = set()
        self._waiting: OrderedDict[RunKey, OrderedDict[ActionKey, AttemptKey]] = OrderedDict()
        self._running: Counter[RunKey] = Counter()
        self._limits: dict[RunKey, int] = {}
        self._launched: dict[ActionKey, int] = {}
        self._parents: set[ActionKey] = set()

    @property
    def waiting(self) -> int:
        """How many attempts wait for a slot."""
        return sum(map(len, self._waiting.values()))

    @property
    def holding(self) -> frozenset[ActionKey]:
        """The actions that hold a slot."""
        return frozenset(self._holding)

    def want(self, attempt: AttemptKey, limit: int | None = None) -> list[AttemptKey]:
        """This attempt is open and no worker has it; asking again changes nothing.

        `limit` is how many actions of its run may run at a time, parents that wait not counted.
        """
        key = attempt.action
        if self._launched.get(key, 0) >= attempt.attempt:
            return self._next()
        if key in self._elsewhere:  # an earlier attempt of it
            self._give_up(key)
        if key in self._parents:
            self.occupy(attempt)
            return [attempt, *self._next()]
        self._waiting.setdefault(key.run, OrderedDict())[key] = attempt
        if limit is not None:
            self._limits[key.run] = limit
        return self._next()

    def occupy(self, attempt: AttemptKey) -> None:
        """This attempt runs here (it is being launched, or was found after a restart)."""
        key = attempt.action
        self._wait_no_more(key)
        self._launched[key] = attempt.attempt
        if key not in self._parents and key not in self._holding:
            self._holding.add(key)
            self._count(key)

    def claimed(self, attempt: AttemptKey) -> list[AttemptKey]:
        """A worker has this attempt: if it is none of ours it holds no slot, and nothing is launched."""
        key = attempt.action
        if self._launched.get(key, 0) < attempt.attempt and key not in self._parents:
            self._wait_no_more(key)
            if key not in self._holding and key not in self._elsewhere:
                self._elsewhere.add(key)
                self._count(key)
        return self._next()

    def unclaimed(self, action: ActionKey) -> list[AttemptKey]:
        """No worker has this action: if one elsewhere had it, it counts no more."""
        if action in self._elsewhere:
            self._give_up(action)
        return self._next()

    def has_children(self, action: ActionKey) -> list[AttemptKey]:
        """This action waits for others now."""
        self._parents.add(action)
        self._give_up(action)
        of_run = self._waiting.get(action.run)
        attempt = of_run.get(action) if of_run else None
        if attempt is not None:
            self.occupy(attempt)
            return [attempt, *self._next()]
        return self._next()

    def ended(self, action: ActionKey) -> list[AttemptKey]:
        """Nothing of this action runs any more, and nothing is wanted."""
        self._give_up(action)
        self._parents.discard(action)
        self._wait_no_more(action)
        self._launched.pop(action, None)
        return self._next()

    def attempt_over(self, attempt: AttemptKey) -> list[AttemptKey]:
        """No process has this attempt any more, or none came of it; a later attempt keeps its slot."""
        if self._launched.get(attempt.action) == attempt.attempt:
            self._give_up(attempt.action)
        return self._next()

    def _next(self) -> list[AttemptKey]:
        ready: list[AttemptKey] = []
        while len(self._holding) < self._slots:
            runs = [run for run in self._waiting if self._has_room(run)]
            if not runs:
                break
            run = min(runs, key=lambda run: self._running[run])  # of equals the one that waits longest
            attempt = next(iter(self._waiting[run].values()))
            self._waiting.move_to_end(run)
            self.occupy(attempt)
            ready.append(attempt)
        return ready

    def _has_room(self, run: RunKey) -> bool:
        return run not in self._limits or self._running[run] < self._limits[run]

    def _count(self, action: ActionKey) -> None:
        self._running[action.run] += 1

    def _give_up(self, action: ActionKey) -> None:
        if action in self._holding or action in self._elsewhere:
            self._holding.discard(action)
            self._elsewhere.discard(action)
            self._running[action.run] -= 1
            if not self._running[action.run]:
                del self._running[action.run]

    def _wait_no_more(self, action: ActionKey) -> None:
        of_run = self._waiting.get(action.run, OrderedDict())
        of_run.pop(action, None)
        if not of_run:
            self._waiting.pop(action.run, None)
            self._limits.pop(action.run, None)
