"""Who may run now: a fixed number of slots, shared fairly by the runs.

A free slot goes to the run that holds the fewest, and within a run to who came first: a run with thousands of
actions does not keep one with a single action waiting.

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
        self._waiting: OrderedDict[RunKey, OrderedDict[ActionKey, AttemptKey]] = OrderedDict()
        self._held: Counter[RunKey] = Counter()
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

    def want(self, attempt: AttemptKey) -> list[AttemptKey]:
        """This attempt is open and no worker has it; asking again changes nothing."""
        key = attempt.action
        if self._launched.get(key, 0) >= attempt.attempt:
            return self._next()
        if key in self._parents:
            self.occupy(attempt)
            return [attempt, *self._next()]
        self._waiting.setdefault(key.run, OrderedDict())[key] = attempt
        return self._next()

    def occupy(self, attempt: AttemptKey) -> None:
        """This attempt runs already (found after a restart)."""
        key = attempt.action
        self._wait_no_more(key)
        self._launched[key] = attempt.attempt
        if key not in self._parents and key not in self._holding:
            self._holding.add(key)
            self._held[key.run] += 1

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
        while self._waiting and len(self._holding) < self._slots:
            run = min(self._waiting, key=lambda run: self._held[run])  # of equals the one that waits longest
            attempt = next(iter(self._waiting[run].values()))
            self._waiting.move_to_end(run)
            self.occupy(attempt)
            ready.append(attempt)
        return ready

    def _give_up(self, action: ActionKey) -> None:
        if action in self._holding:
            self._holding.discard(action)
            self._held[action.run] -= 1
            if not self._held[action.run]:
                del self._held[action.run]

    def _wait_no_more(self, action: ActionKey) -> None:
        of_run = self._waiting.get(action.run, OrderedDict())
        of_run.pop(action, None)
        if not of_run:
            self._waiting.pop(action.run, None)
