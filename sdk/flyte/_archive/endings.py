"""Whether every action of a run has ended, told event by event: only those that live are held in full."""

from flyte_schemas.action import ActionState, evolve
from flyte_schemas.envelope import AnyEvent
from flyte_schemas.subjects import ROOT_ACTION


class Endings:
    """Takes a run's events in order."""

    def __init__(self) -> None:
        self._live: dict[str, ActionState] = {}
        self._ended: set[str] = set()

    def take(self, action: str, event: AnyEvent, sequence: int) -> None:
        """Take note of one event."""
        if action in self._ended:
            return
        state = evolve(self._live.get(action, ActionState()), event, sequence)
        if state.is_terminal:
            self._live.pop(action, None)
            self._ended.add(action)
        else:
            self._live[action] = state

    @property
    def live(self) -> int:
        """How many actions have not ended."""
        return sum(state.is_live for state in self._live.values())

    @property
    def is_finished(self) -> bool:
        """Whether the run is over, and nothing of it lives on."""
        return ROOT_ACTION in self._ended and not self.live
