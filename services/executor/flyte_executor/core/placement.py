"""Who may run now: a fixed number of slots, first come first served.

An action that has asked for children gives its slot up: it mostly waits for them, and if waiting parents
held every slot their children could never run. For the same reason it needs none when it is tried again.
"""

from collections import OrderedDict

from flyte_schemas.subjects import ActionKey, AttemptKey


class Placement:
    """The slots of one backend. Each call returns the attempts that must be launched now, in order."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._holding: set[ActionKey] = set()
        self._waiting: OrderedDict[ActionKey, AttemptKey] = OrderedDict()
        self._launched: dict[ActionKey, int] = {}
        self._parents: set[ActionKey] = set()

    @property
    def waiting(self) -> int:
        """How many attempts wait for a slot."""
        return len(self._waiting)

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
        self._waiting[key] = attempt
        return self._next()

    def occupy(self, attempt: AttemptKey) -> None:
        """This attempt runs already (found after a restart)."""
        key = attempt.action
        self._waiting.pop(key, None)
        self._launched[key] = attempt.attempt
        if key not in self._parents:
            self._holding.add(key)

    def has_children(self, action: ActionKey) -> list[AttemptKey]:
        """This action waits for others now."""
        self._parents.add(action)
        self._holding.discard(action)
        if action in self._waiting:
            attempt = self._waiting[action]
            self.occupy(attempt)
            return [attempt, *self._next()]
        return self._next()

    def ended(self, action: ActionKey) -> list[AttemptKey]:
        """Nothing of this action runs any more, and nothing is wanted."""
        for known in (self._holding, self._parents):
            known.discard(action)
        self._waiting.pop(action, None)
        self._launched.pop(action, None)
        return self._next()

    def attempt_over(self, attempt: AttemptKey) -> list[AttemptKey]:
        """No process has this attempt any more, or none came of it; a later attempt keeps its slot."""
        if self._launched.get(attempt.action) == attempt.attempt:
            self._holding.discard(attempt.action)
        return self._next()

    def _next(self) -> list[AttemptKey]:
        ready: list[AttemptKey] = []
        while self._waiting and len(self._holding) < self._slots:
            attempt = next(iter(self._waiting.values()))
            self.occupy(attempt)
            ready.append(attempt)
        return ready
