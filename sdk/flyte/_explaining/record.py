"""A run as an explanation needs it: the states of its actions, and every attempt that each has had."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from flyte_schemas.action import ActionState
from flyte_schemas.envelope import AnyEvent
from flyte_schemas.events import (
    ActionQueued,
    ActionRetried,
    AttemptFailed,
    AttemptPlaced,
    AttemptStarted,
    AttemptSucceeded,
)
from flyte_schemas.failure import Failure
from flyte_schemas.pools import PROCESS
from flyte_schemas.run import RunFold


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRecord:
    """One attempt in `pool`, with the times of what happened to it. `ended_at` None: nobody said that it did.

    `is_cut_short`: its action ended before it did. `retry_at`: not before then the next one.
    """

    number: int
    queued_at: datetime
    pool: str = PROCESS
    placed_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    worker: str = ""
    failure: Failure | None = None
    is_cut_short: bool = False
    retry_at: datetime | None = None


class RunRecord:
    """Fed with a run's events, in the order of the log."""

    def __init__(self) -> None:
        self.fold = RunFold()
        self._attempts: dict[str, list[AttemptRecord]] = {}

    def take(self, action: str, event: AnyEvent, sequence: int) -> None:
        """Take note of one event; what the fold of the action does not count is not counted here."""
        before = self.fold.get(action)
        after = self.fold.apply(action, event, sequence)
        if before._replace(version=after.version) != after:
            self._note(self._attempts.setdefault(action, []), event, after)

    def state(self, action: str) -> ActionState:
        return self.fold.get(action)

    def attempts(self, action: str) -> tuple[AttemptRecord, ...]:
        """All attempts at an action, the first one first."""
        return tuple(self._attempts.get(action, ()))

    def children(self, action: str) -> Iterator[tuple[str, ActionState]]:
        """The children of an action, as they were asked for."""
        children = self.fold.children(action)
        return iter(sorted(children, key=lambda child: (_asked_at(child[1]), child[0])))

    def below(self, action: str) -> Iterator[tuple[str, ActionState]]:
        """All that was asked for below an action."""
        for child, state in self.children(action):
            yield child, state
            yield from self.below(child)

    def task(self, action: str) -> str:
        """The name of an action's task; of a condition, that it is one."""
        state = self.state(action)
        if state.condition is not None:
            return "a condition"
        return state.requested.task.name if state.requested else "a task that nobody asked for"

    def parent(self, action: str) -> str | None:
        return self.state(action).parent

    @staticmethod
    def _note(attempts: list[AttemptRecord], event: AnyEvent, after: ActionState) -> None:
        at = event.time
        match event.data:
            case ActionQueued(attempt=number, pool=pool):
                attempts.append(AttemptRecord(number=number, queued_at=at, pool=pool))
                return
            case _ if not attempts:
                return
            case AttemptPlaced(worker=worker):
                attempts[-1] = replace(attempts[-1], placed_at=at, worker=worker)
            case AttemptStarted(worker=worker):
                attempts[-1] = replace(attempts[-1], started_at=at, worker=worker)
            case AttemptSucceeded():
                attempts[-1] = replace(attempts[-1], ended_at=at)
            case AttemptFailed(failure=failure):
                attempts[-1] = replace(attempts[-1], ended_at=at, failure=failure)
            case ActionRetried(retry_at=retry_at):
                attempts[-1] = replace(attempts[-1], retry_at=retry_at)
            case _ if after.is_cut_short:
                attempts[-1] = replace(attempts[-1], ended_at=at, is_cut_short=True)


def _asked_at(state: ActionState) -> float:
    return state.requested_at.timestamp() if state.requested_at else 0.0
