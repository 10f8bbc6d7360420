"""Who may run now: a fixed number of slots, first come first served.

An action that has asked for children gives its slot up: it mostly waits for them, and if waiting parents
held every slot their children could never run.
"""

from collections import OrderedDict

from flyte_schemas.subjects import ActionKey, AttemptKey


class Placement:
    """The slots of one backend. Each call returns the attempts that may be launched now, in order."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._holding: set[ActionKey] = set()
        self._waiting: OrderedDict[ActionKey, AttemptKey] = OrderedDict()
        self._launched: dict[ActionKey, int] = {}
        self._parents: set[ActionKey] = set()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def want(self, attempt: AttemptKey) -> list[AttemptKey]:
        """This attempt is open and no worker has it; asking again changes nothing."""
        key = attempt.action
        if self._launched.get(key, 0) < attempt.attempt:
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
        return self._next()

    def ended(self, action: ActionKey) -> list[AttemptKey]:
        """Nothing of this action runs any more, and nothing is wanted."""
        for known in (self._holding, self._parents):
            known.discard(action)
        self._waiting.pop(action, None)
        self._launched.pop(action, None)
        return self._next()

    def attempt_over(self, attempt: AttemptKey) -> list[AttemptKey]:
        """This attempt's process is gone; a later attempt of the action keeps its slot."""
        if self._launched.get(attempt.action) == attempt.attempt:
            self._holding.discard(attempt.action)
        return self._next()

    def _next(self) -> list[AttemptKey]:
        ready: list[AttemptKey] = []
        for key in list(self._waiting):
            if key not in self._parents and len(self._holding) >= self._slots:
                break
            attempt = self._waiting.pop(key)
            self.occupy(attempt)
            ready.append(attempt)
        return ready
