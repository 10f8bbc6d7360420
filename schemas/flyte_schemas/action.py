"""The life of an action: one table of phases, and a fold over the events of one subject.

`TRANSITIONS` is the only place where a phase follows from an event. `evolve` is total: whatever is not in
the table, comes from an attempt that is not the current one, or follows a terminal phase changes nothing
but the version. So a repeated event changes nothing either, and every replay ends in the same state.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce

from flyte_schemas.envelope import AnyEvent
from flyte_schemas.events import (
    ActionAborted,
    ActionFailed,
    ActionQueued,
    ActionRequested,
    ActionRetried,
    ActionTimedOut,
    AttemptFailed,
    AttemptPlaced,
    AttemptStarted,
    AttemptSucceeded,
    EventData,
)
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.literals import Literals
from flyte_schemas.phase import ActionPhase

_P = ActionPhase

_OPEN = (_P.WAITING_FOR_RESOURCES, _P.INITIALIZING, _P.RUNNING)
_LIVE = (_P.QUEUED, *_OPEN)

TRANSITIONS: dict[tuple[ActionPhase | None, type[EventData]], ActionPhase] = {
    (None, ActionRequested): _P.QUEUED,
    (_P.QUEUED, ActionQueued): _P.WAITING_FOR_RESOURCES,
    (_P.WAITING_FOR_RESOURCES, AttemptPlaced): _P.INITIALIZING,
    (_P.WAITING_FOR_RESOURCES, AttemptStarted): _P.RUNNING,
    (_P.INITIALIZING, AttemptStarted): _P.RUNNING,
    **{(phase, AttemptSucceeded): _P.SUCCEEDED for phase in _OPEN},
    **{(phase, AttemptFailed): phase for phase in _OPEN},
    **{(phase, ActionRetried): _P.QUEUED for phase in _OPEN},
    **{(phase, ActionFailed): _P.FAILED for phase in _LIVE},
    **{(phase, ActionTimedOut): _P.TIMED_OUT for phase in _LIVE},
    **{(phase, ActionAborted): _P.ABORTED for phase in _LIVE},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionState:
    """What the log says of one action.

    `version` is the sequence of the last event on its subject: what a decision expects. `attempt` counts
    from 1 (0: none opened yet); `fence` is the sequence of the event that opened it; `attempt_over` says
    that the current attempt failed and the executor has yet to decide.
    """

    version: int = 0
    phase: ActionPhase | None = None
    requested: ActionRequested | None = None
    request_id: str = ""
    cause: str | None = None
    attempt: int = 0
    attempt_over: bool = False
    fence: int = 0
    worker: str = ""
    user_failures: int = 0
    system_failures: int = 0
    failure: Failure | None = None
    abort_reason: str = ""
    outputs: Literals | None = None
    log_end: int | None = None
    requested_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def is_terminal(self) -> bool:
        return self.phase is not None and self.phase.is_terminal

    @property
    def is_live(self) -> bool:
        """Asked for, and not ended."""
        return self.phase is not None and not self.phase.is_terminal

    @property
    def has_open_attempt(self) -> bool:
        """Whether some worker should be running, or about to run, the current attempt."""
        return self.phase in _OPEN and not self.attempt_over


def evolve(state: ActionState, event: AnyEvent, sequence: int) -> ActionState:
    """The state after `event`, which stands at `sequence` in the log."""
    data = event.data
    state = replace(state, version=max(state.version, sequence))
    phase = TRANSITIONS.get((state.phase, type(data)))  # type: ignore[arg-type]
    if phase is None or _is_fenced(state, data):
        return state
    ended_at = event.time if phase.is_terminal else None
    match data:
        case ActionRequested():
            return replace(
                state,
                phase=phase,
                requested=data,
                request_id=event.id,
                cause=event.cause,
                requested_at=event.time,
            )
        case ActionQueued(attempt=attempt):
            return replace(state, phase=phase, attempt=attempt, fence=sequence, attempt_over=False, worker="")
        case AttemptPlaced(worker=worker):
            return replace(state, phase=phase, worker=worker)
        case AttemptStarted(worker=worker):
            return replace(state, phase=phase, worker=worker, started_at=state.started_at or event.time)
        case AttemptSucceeded():
            return replace(
                state,
                phase=phase,
                outputs=data.outputs,
                log_end=data.log_end,
                failure=None,
                ended_at=ended_at,
            )
        case AttemptFailed():
            return replace(_charge(state, data.failure), attempt_over=True, log_end=data.log_end)
        case ActionRetried():
            return replace(state, phase=phase)
        case ActionFailed(failure=failure) | ActionTimedOut(failure=failure):
            return replace(state, phase=phase, failure=failure, ended_at=ended_at)
        case ActionAborted(reason=reason):
            return replace(state, phase=phase, abort_reason=reason, ended_at=ended_at)
        case _:  # the table names no other type
            raise AssertionError(f"{type(data).__name__} is in the table but has no meaning")


def _is_fenced(state: ActionState, data: object) -> bool:
    """Whether this word belongs to another attempt than the one it could change."""
    match data:
        case ActionQueued(attempt=attempt):
            return attempt != state.attempt + 1
        case ActionRetried(attempt=attempt):
            return attempt != state.attempt or not state.attempt_over
        case AttemptPlaced() | AttemptStarted() | AttemptSucceeded() | AttemptFailed():
            return data.attempt != state.attempt or state.attempt_over
        case _:
            return False


def _charge(state: ActionState, failure: Failure) -> ActionState:
    """Count a failure against the budget of its kind; system failures count only while consecutive."""
    if failure.kind is FailureKind.USER:
        return replace(state, failure=failure, user_failures=state.user_failures + 1, system_failures=0)
    return replace(state, failure=failure, system_failures=state.system_failures + 1)


def fold(events: Iterable[tuple[AnyEvent, int]], start: ActionState | None = None) -> ActionState:
    """The state after all of `events`, each with its sequence."""
    return reduce(lambda state, item: evolve(state, *item), events, start or ActionState())
