"""The life of an action: one table of phases, and a fold over the events of one subject.

`TRANSITIONS` is the only place where a phase follows from an event. `evolve` is total: whatever is not in
the table, comes from an attempt that is not the current one, or follows a terminal phase changes nothing
but the version. So a repeated event changes nothing either, and every replay ends in the same state.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial, reduce
from typing import Annotated, Any, NamedTuple

from pydantic import PlainSerializer
from typing_extensions import TypedDict  # pydantic reads this one only, before Python 3.12

from flyte_schemas.envelope import AnyEvent
from flyte_schemas.events import (
    ActionAborted,
    ActionCacheHit,
    ActionFailed,
    ActionQueued,
    ActionRecovered,
    ActionRequested,
    ActionRetried,
    ActionTimedOut,
    AttemptCheckpointed,
    AttemptFailed,
    AttemptPlaced,
    AttemptReclaimed,
    AttemptReported,
    AttemptSaved,
    AttemptStarted,
    AttemptSucceeded,
    AttemptWaiting,
    ConditionAnnounced,
    ConditionRequested,
    ConditionSignalled,
    EventData,
    TraceEnded,
    TraceFailed,
    TraceSucceeded,
)
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.imported import RunImported
from flyte_schemas.literals import InlineLiteral, Literals
from flyte_schemas.phase import ActionPhase

ENDS = (
    AttemptSucceeded,
    ActionFailed,
    ActionTimedOut,
    ActionAborted,
    ActionCacheHit,
    ActionRecovered,
    ConditionSignalled,
    TraceEnded,
)
"""What may end an action. An attempt that failed does not: a decision follows."""

_P = ActionPhase

_OPEN = (_P.WAITING_FOR_RESOURCES, _P.INITIALIZING, _P.RUNNING)
_LIVE = (_P.QUEUED, *_OPEN, _P.PAUSED)

TRANSITIONS: dict[tuple[ActionPhase | None, type[EventData]], ActionPhase] = {
    (None, ActionRequested): _P.QUEUED,
    (None, TraceSucceeded): _P.SUCCEEDED,
    (None, TraceFailed): _P.FAILED,
    (_P.QUEUED, ActionQueued): _P.WAITING_FOR_RESOURCES,
    (_P.QUEUED, ActionCacheHit): _P.SUCCEEDED,
    (_P.QUEUED, ActionRecovered): _P.RECOVERED,
    (None, ConditionRequested): _P.PAUSED,
    (_P.PAUSED, ConditionAnnounced): _P.PAUSED,
    (_P.PAUSED, ConditionSignalled): _P.SUCCEEDED,
    (_P.PAUSED, ActionRecovered): _P.RECOVERED,
    (_P.WAITING_FOR_RESOURCES, AttemptWaiting): _P.WAITING_FOR_RESOURCES,
    (_P.WAITING_FOR_RESOURCES, AttemptPlaced): _P.INITIALIZING,
    (_P.WAITING_FOR_RESOURCES, AttemptStarted): _P.RUNNING,
    (_P.INITIALIZING, AttemptStarted): _P.RUNNING,
    (_P.INITIALIZING, AttemptReclaimed): _P.INITIALIZING,
    (_P.RUNNING, AttemptReclaimed): _P.RUNNING,
    **{(phase, AttemptReported): phase for phase in _OPEN},
    **{(phase, AttemptCheckpointed): phase for phase in _OPEN},
    **{(phase, AttemptSucceeded): _P.SUCCEEDED for phase in _OPEN},
    **{(phase, AttemptFailed): phase for phase in _OPEN},
    **{(phase, ActionRetried): _P.QUEUED for phase in _OPEN},
    **{(phase, ActionFailed): _P.FAILED for phase in _LIVE},
    **{(phase, ActionTimedOut): _P.TIMED_OUT for phase in _LIVE},
    **{(phase, ActionAborted): _P.ABORTED for phase in _LIVE},
}


class ActionState(NamedTuple):
    """What the log says of one action.

    `version` is the sequence of the last event on its subject: what a decision expects. `attempt` counts
    from 1 (0: none opened yet); `fence` is the sequence of the event that opened it; `attempt_over` says
    that the current attempt failed and the executor has yet to decide, `interruptible` that it may run on a
    machine which can be taken away. `user_failures` counts all failures of
    the task's own, `system_failures` those of the platform's in a row. No attempt opens before `retry_at`.
    `waiting` is what the attempt that was opened last waited for, as far as anybody said.
    `cached_from` and `recovered_from` name the action whose outputs were taken instead of an attempt.
    `reports` has the last one of each attempt, `checkpoint` is the last of all. A condition has a `condition`
    for its `requested`, and no attempts. `traceparent` names the span of whoever asked, if there is one.
    `traced` is all there is to a step that nobody asked for: a call of a traced function. `imported`, of a
    root action: what happened to it, and to all below, did so elsewhere.
    """

    version: int = 0
    phase: ActionPhase | None = None
    requested: ActionRequested | None = None
    traced: TraceEnded | None = None
    condition: ConditionRequested | None = None
    is_announced: bool = False
    signalled_by: str = ""
    request_id: str = ""
    cause: str | None = None
    traceparent: str | None = None
    attempt: int = 0
    attempt_over: bool = False
    interruptible: bool = False
    fence: int = 0
    waiting: str = ""
    worker: str = ""
    user_failures: int = 0
    system_failures: int = 0
    failure: Failure | None = None
    abort_reason: str = ""
    aborted_by: str = ""
    outputs: Literals | None = None
    cached_from: str = ""
    recovered_from: str = ""
    reports: tuple[AttemptReported, ...] = ()
    checkpoint: AttemptCheckpointed | None = None
    log_end: int | None = None
    requested_at: datetime | None = None
    queued_at: datetime | None = None
    retry_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    imported: RunImported | None = None

    @property
    def is_terminal(self) -> bool:
        return self.phase is not None and self.phase.is_terminal

    @property
    def abort_words(self) -> str:
        """Why it was aborted, and by whom; empty when nobody said."""
        by = f" (by {self.aborted_by})" if self.aborted_by else ""
        return f"{self.abort_reason or 'nobody said why'}{by}" if by or self.abort_reason else ""

    @property
    def is_live(self) -> bool:
        """Asked for, and not ended."""
        return self.phase is not None and not self.phase.is_terminal

    @property
    def parent(self) -> str | None:
        """The action that asked for this one, or of which it is a step."""
        origin = self.requested or self.condition or self.traced
        return origin.parent if origin else None

    @property
    def group(self) -> str | None:
        origin = self.requested or self.condition or self.traced
        return origin.group if origin else None

    @property
    def task_name(self) -> str | None:
        """What runs: a task by its full name, a traced function by its module's and its own."""
        if self.requested is not None:
            return self.requested.task.name
        return self.traced.name if self.traced else None

    @property
    def inputs(self) -> Literals:
        origin = self.requested or self.traced
        return origin.inputs if origin else {}

    @property
    def has_open_attempt(self) -> bool:
        """Whether some worker should be running, or about to run, the current attempt."""
        return self.phase in _OPEN and not self.attempt_over

    @property
    def is_claimed(self) -> bool:
        """Whether a worker has the current attempt."""
        return self.has_open_attempt and self.phase is not _P.WAITING_FOR_RESOURCES

    def has_open(self, attempt: int) -> bool:
        """Whether this is the current attempt, and open."""
        return self.has_open_attempt and self.attempt == attempt

    @property
    def is_cut_short(self) -> bool:
        """Whether the action ended before its attempt did, so that a process may still be there."""
        ended_by_itself = self.attempt == 0 or self.attempt_over or self.phase is _P.SUCCEEDED
        return self.is_terminal and not ended_by_itself


_Document: Any = TypedDict("_Document", ActionState.__annotations__)  # type: ignore[misc]
StateDocument = Annotated[ActionState, PlainSerializer(ActionState._asdict, return_type=_Document)]
"""A state as pydantic keeps it: an object with the names of the fields."""

_PLACES = {name: place for place, name in enumerate(ActionState._fields)}
_NOWHERE: dict[ActionPhase | None, ActionPhase] = {}
_NEXT: dict[type, dict[ActionPhase | None, ActionPhase]] = {
    kind: {before: after for (before, one), after in TRANSITIONS.items() if one is kind}
    for _, kind in TRANSITIONS
}


def _changed(state: ActionState, **changes: Any) -> ActionState:
    """As `_replace`, at a third of its price: every event of every fold pays it."""
    values: list[Any] = [*state]
    for name, value in changes.items():
        values[_PLACES[name]] = value
    return tuple.__new__(ActionState, values)


def evolve(state: ActionState, event: AnyEvent, sequence: int) -> ActionState:
    """The state after `event`, which stands at `sequence` in the log."""
    data = event.data
    version = sequence if sequence > state.version else state.version
    phase = _NEXT.get(type(data), _NOWHERE).get(state.phase)
    if phase is None or _is_fenced(state, data):
        if isinstance(data, RunImported) and state.phase is None:
            return _changed(state, version=version, imported=state.imported or data)
        return _changed(state, version=version)
    then = partial(_changed, state, version=version, phase=phase)
    match data:
        case ActionRequested():
            return then(requested=data, requested_at=event.time, **_origin(event))
        case ActionQueued(attempt=attempt):
            return then(
                attempt=attempt,
                interruptible=data.interruptible,
                fence=sequence,
                attempt_over=False,
                waiting="",
                worker="",
                queued_at=event.time,
                retry_at=None,
            )
        case AttemptWaiting(message=message):
            return then(waiting=message)
        case AttemptPlaced(worker=worker) | AttemptReclaimed(worker=worker):
            return then(worker=worker)
        case AttemptStarted(worker=worker):
            return then(worker=worker, started_at=state.started_at or event.time)
        case AttemptReported(attempt=attempt):
            earlier = (report for report in state.reports if report.attempt != attempt)
            return then(reports=(*earlier, data))
        case AttemptCheckpointed():
            return then(checkpoint=data)
        case AttemptSucceeded(outputs=outputs, log_end=log_end):
            return then(outputs=outputs, log_end=log_end, failure=None, ended_at=event.time)
        case AttemptFailed(failure=failure, log_end=log_end):
            return then(
                attempt_over=True,
                failure=failure,
                log_end=log_end,
                user_failures=state.user_failures + (failure.kind is not FailureKind.SYSTEM),
                system_failures=state.system_failures + 1 if failure.kind is FailureKind.SYSTEM else 0,
            )
        case ActionRetried(retry_at=retry_at):
            return then(retry_at=retry_at)
        case ActionFailed(failure=failure) | ActionTimedOut(failure=failure):
            return then(failure=failure, ended_at=event.time)
        case ActionAborted(reason=reason, requested_by=somebody):
            return then(abort_reason=reason, aborted_by=somebody, ended_at=event.time)
        case _:
            return _without_attempts(state, event, then)


def _origin(event: AnyEvent) -> dict[str, Any]:
    """Where an action's first event comes from."""
    return {"request_id": event.id, "cause": event.cause, "traceparent": event.traceparent}


def _without_attempts(state: ActionState, event: AnyEvent, then: Callable[..., ActionState]) -> ActionState:
    """The state after a word on steps, on questions, or on what another action gave."""
    match data := event.data:
        case ActionCacheHit(outputs=outputs, source=source):
            return then(outputs=outputs, cached_from=source, failure=None, ended_at=event.time)
        case TraceEnded(outputs=outputs, started_at=began):
            why = data.failure if isinstance(data, TraceFailed) else None
            return then(
                traced=data,
                outputs=outputs if why is None else None,
                failure=why,
                recovered_from=data.recovered_from if isinstance(data, TraceSucceeded) else "",
                requested_at=began,
                started_at=began,
                ended_at=event.time,
            )
        case ActionRecovered(outputs=outputs, source=source):
            return then(outputs=outputs, recovered_from=source, failure=None, ended_at=event.time)
        case ConditionRequested():
            return then(condition=data, requested_at=event.time, **_origin(event))
        case ConditionAnnounced(error=error):
            return then(is_announced=state.is_announced or not error)
        case ConditionSignalled(value=value, signalled_by=somebody):
            outputs = {"o0": InlineLiteral(value=value)}
            return then(outputs=outputs, signalled_by=somebody, ended_at=event.time)
        case _:  # the table names no other type
            raise AssertionError(f"{type(data).__name__} is in the table but has no meaning")


def _is_fenced(state: ActionState, data: object) -> bool:
    """Whether this word belongs to another attempt than the one it could change."""
    match data:
        case ActionQueued(attempt=attempt):
            return attempt != state.attempt + 1
        case ActionRetried(attempt=attempt):
            return attempt != state.attempt or not state.attempt_over
        case AttemptReclaimed():
            return data.attempt != state.attempt or state.attempt_over or data.worker != state.worker
        case AttemptWaiting() | AttemptPlaced() | AttemptStarted() | AttemptSucceeded() | AttemptFailed():
            return data.attempt != state.attempt or state.attempt_over
        case AttemptSaved():
            return data.attempt != state.attempt or state.attempt_over or _is_overtaken(state, data)
        case _:
            return False


def _is_overtaken(state: ActionState, data: AttemptSaved) -> bool:
    """Whether what this attempt said later is known already: the network had held this word back."""
    known = (*state.reports, state.checkpoint)
    return data.serial > 0 and any(
        type(one) is type(data) and one.attempt == data.attempt and one.serial >= data.serial for one in known
    )


def skip(state: ActionState, sequence: int) -> ActionState:
    """The state after a message that nobody can read: nothing happened, but it is the last on its subject."""
    return _changed(state, version=max(state.version, sequence))


def fold(events: Iterable[tuple[AnyEvent, int]], start: ActionState | None = None) -> ActionState:
    """The state after all of `events`, each with its sequence."""
    return reduce(lambda state, item: evolve(state, *item), events, start or ActionState())
