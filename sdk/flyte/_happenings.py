"""What happens in a local run, folded as the log's events are: so that it can be looked at while it runs.

Whoever tells what happened only writes it down, from whatever thread; who looks does the folding. So a run
with a view is hardly slower than one without.
"""

import itertools
import threading
from collections import deque
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any, TypeVar

from flyte._local_asking import Lend
from flyte._local_attempt import Failed, Outcome
from flyte._runtime.failure import failure_of
from flyte._runtime.questions import Question
from flyte._runtime.steps import Recorded
from flyte.errors import ConditionTimedoutError
from flyte_schemas.envelope import Event
from flyte_schemas.events import (
    ActionAborted,
    ActionCacheHit,
    ActionFailed,
    ActionQueued,
    ActionRequested,
    ActionRetried,
    ActionTimedOut,
    AttemptFailed,
    AttemptStarted,
    AttemptSucceeded,
    ConditionRequested,
    ConditionSignalled,
    EventData,
    TraceFailed,
    TraceSucceeded,
)
from flyte_schemas.literals import Answer
from flyte_schemas.phase import ActionPhase
from flyte_schemas.run import RunFold
from flyte_schemas.task import TaskReference

T = TypeVar("T")

_HERE = "local"


class Happenings:
    """The story of one local run. `lend` gives the terminal away to who asks a person."""

    def __init__(self) -> None:
        self.lend: Lend = nullcontext
        self._told: deque[tuple[str, datetime, EventData]] = deque()
        self._fold = RunFold()
        self._sequence = itertools.count(1)
        self._lock = threading.Lock()

    def look(self, question: Callable[[RunFold], T]) -> T:
        """The answer to a question about the run as it is now."""
        with self._lock:
            for _ in range(len(self._told)):  # more may be told meanwhile
                self._apply(*self._told.popleft())
            return question(self._fold)

    def requested(self, action: str, task: str, parent: str | None, group: str | None) -> None:
        """Somebody called a task."""
        reference = TaskReference(name=task, version=_HERE)
        self._take(action, ActionRequested(task=reference, parent=parent, group=group))

    def paused(self, question: Question, parent: str) -> None:
        """Somebody asks a person."""
        asked = ConditionRequested(
            prompt=question.prompt, data_type=question.data_type, parent=parent, parent_attempt=1
        )
        self._take(question.name, asked)

    def answered(self, condition: str, answer: Answer) -> None:
        """A person has answered."""
        self._take(condition, ConditionSignalled(value=answer))

    def unanswered(self, condition: str, error: BaseException) -> None:
        """A condition is over without an answer."""
        failure = failure_of(error)
        is_late = isinstance(error, ConditionTimedoutError)
        self._take(condition, ActionTimedOut(failure=failure) if is_late else ActionFailed(failure=failure))

    def found(self, action: str, source: str) -> None:
        """The action needs no attempt: `source` has computed the same."""
        self._take(action, ActionCacheHit(source=source))

    def queued(self, action: str, attempt: int) -> None:
        """An attempt waits for its place; `attempt` counts from 1."""
        self._take(action, ActionQueued(attempt=attempt, pool=_HERE))

    def started(self, action: str, attempt: int) -> None:
        """An attempt began."""
        self._take(action, AttemptStarted(attempt=attempt, worker=_HERE))

    def ended(self, action: str, attempt: int, outcome: Outcome, *, is_last: bool) -> None:
        """An attempt is over, and the action with it unless another attempt follows."""
        if not isinstance(outcome, Failed):
            self._take(action, AttemptSucceeded(attempt=attempt))
            return
        self._take(action, AttemptFailed(attempt=attempt, failure=outcome.failure))
        if not is_last:
            self._take(action, ActionRetried(attempt=attempt, reason=outcome.failure.message))
        elif outcome.phase is ActionPhase.TIMED_OUT:
            self._take(action, ActionTimedOut(failure=outcome.failure))
        else:
            self._take(action, ActionFailed(failure=outcome.failure))

    def traced(self, step: str, action: str, attempt: int, recorded: Recorded) -> None:
        """A step of an action is over; its values are not kept here."""
        said: dict[str, Any] = {
            "name": recorded.name,
            "parent": action,
            "parent_attempt": attempt,
            "group": recorded.group,
            "started_at": recorded.began,
        }
        failure = recorded.failure
        self._take(step, TraceSucceeded(**said) if failure is None else TraceFailed(**said, failure=failure))

    def given_up(self, action: str) -> None:
        """Whoever waited for the action was cancelled."""
        self._take(action, ActionAborted(reason="cancelled"))

    def _take(self, action: str, data: EventData) -> None:
        self._told.append((action, datetime.now(UTC), data))

    def _apply(self, action: str, time: datetime, data: EventData) -> None:
        sequence = next(self._sequence)
        event = Event(id=str(sequence), source=_HERE, subject=action, time=time, data=data)
        self._fold.apply(action, event, sequence)
