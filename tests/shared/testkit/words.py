"""Words of an action, in short, and what a sequence of them means."""

from flyte_schemas.action import ActionState, fold
from flyte_schemas.envelope import AnyEvent, Event
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
    AttemptStarted,
    AttemptSucceeded,
    AttemptWaiting,
    ConditionRequested,
    ConditionSignalled,
    EventData,
    TraceFailed,
    TraceSucceeded,
)
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.literals import InlineLiteral
from flyte_schemas.phase import ActionPhase
from flyte_schemas.task import TaskReference
from flyte_schemas.vocabulary import UnknownData
from testkit.events import MORNING, action, event

P = ActionPhase
LIVE = (P.QUEUED, P.WAITING_FOR_RESOURCES, P.INITIALIZING, P.RUNNING)
TASK = TaskReference(name="env.fn", version="v1")
OURS = Failure(code="AgentLost", kind=FailureKind.SYSTEM)
THEIRS = Failure(code="ValueError", kind=FailureKind.USER)


def requested(parent: str | None = None) -> ActionRequested:
    return ActionRequested(task=TASK, parent=parent)


def queued(attempt: int = 1) -> ActionQueued:
    return ActionQueued(attempt=attempt, pool="default")


def waiting(attempt: int = 1, message: str = "no room") -> AttemptWaiting:
    return AttemptWaiting(attempt=attempt, message=message)


def placed(attempt: int = 1) -> AttemptPlaced:
    return AttemptPlaced(attempt=attempt, worker="w")


def reclaimed(attempt: int = 1, worker: str = "w") -> AttemptReclaimed:
    return AttemptReclaimed(attempt=attempt, worker=worker)


def started(attempt: int = 1) -> AttemptStarted:
    return AttemptStarted(attempt=attempt, worker="w")


def succeeded(attempt: int = 1) -> AttemptSucceeded:
    return AttemptSucceeded(attempt=attempt, outputs={"o0": InlineLiteral(value=attempt)}, log_end=7)


def reported(attempt: int = 1, sha256: str = "ab" * 32, *, serial: int = 0) -> AttemptReported:
    return AttemptReported(attempt=attempt, uri="x", sha256=sha256, size_bytes=1, serial=serial)


def checkpointed(attempt: int = 1, *, serial: int = 0) -> AttemptCheckpointed:
    return AttemptCheckpointed(
        attempt=attempt, uri="x", sha256="ab" * 32, size_bytes=1, name="c", serial=serial
    )


def failed(attempt: int = 1, failure: Failure = THEIRS) -> AttemptFailed:
    return AttemptFailed(attempt=attempt, failure=failure, log_end=5)


def retried(attempt: int = 1) -> ActionRetried:
    return ActionRetried(attempt=attempt, reason="again")


RECOVERED = ActionRecovered(source="p/d/r/a0", outputs={"o0": InlineLiteral(value=1)})
ASKED = ConditionRequested(prompt="Go on?", parent="a0", parent_attempt=1, group="g")
ANSWERED = ConditionSignalled(value=True, signalled_by="somebody")
HIT = ActionCacheHit(source="p/d/r/a0", outputs={"o0": InlineLiteral(value=1)})

TRACED = TraceSucceeded(name="m.fetch", parent="a0", parent_attempt=1, started_at=MORNING)
NOT_TRACED = TraceFailed(name="m.fetch", parent="a0", parent_attempt=1, failure=THEIRS, started_at=MORNING)

FINALS: tuple[EventData, ...] = (
    ActionFailed(failure=THEIRS),
    ActionTimedOut(failure=OURS),
    ActionAborted(reason="enough"),
)
TO_PHASE: dict[ActionPhase, tuple[EventData, ...]] = {
    P.QUEUED: (requested(),),
    P.WAITING_FOR_RESOURCES: (requested(), queued()),
    P.INITIALIZING: (requested(), queued(), placed()),
    P.RUNNING: (requested(), queued(), placed(), started()),
    P.PAUSED: (ASKED,),
}


def words(*happened: EventData | UnknownData) -> list[tuple[AnyEvent, int]]:
    """Events in this order, a second apart, at sequences 10, 20, 30, … of the log."""
    return [
        (Event(id=f"e{n}", source="test", subject=action(), time=at(n), data=data), n * 10)
        for n, data in enumerate(happened, start=1)
    ]


def at(number: int):  # type: ignore[no-untyped-def]
    """When the `number`-th event happened."""
    return event(action(), requested(), after_s=number).time


def after(*happened: EventData | UnknownData) -> ActionState:
    return fold(words(*happened))


def meaning(state: ActionState) -> ActionState:
    """The state but for how far in the log it is."""
    return state._replace(version=0)
