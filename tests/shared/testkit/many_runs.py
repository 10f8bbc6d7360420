"""Runs as the log has them, without a stack that runs them: all kinds of events, in thousands."""

from collections.abc import Iterator
from datetime import timedelta

from flyte_schemas.envelope import AnyEvent, Event
from flyte_schemas.events import (
    ActionAborted,
    ActionCacheHit,
    ActionFailed,
    ActionQueued,
    ActionRequested,
    ActionRetried,
    AttemptFailed,
    AttemptPlaced,
    AttemptStarted,
    AttemptStopped,
    AttemptSucceeded,
    ConditionRequested,
    ConditionSignalled,
    EventData,
    TraceSucceeded,
)
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.literals import InlineLiteral
from flyte_schemas.subjects import ActionKey, RunKey, action_subject
from flyte_schemas.task import TaskReference
from testkit.events import MORNING

_TASK = TaskReference(name="fleet.main", version="v1")
_STEP = TaskReference(name="fleet.step", version="v1")
_FAILURE = Failure(code="ValueError", kind=FailureKind.USER, message="no such ship", hint="Look again.")
_ONE = {"o0": InlineLiteral(value=1)}


def story_of(run: RunKey, number: int, *, children: int = 3) -> list[AnyEvent]:
    """What happens in the `number`-th run: a root action, its children side by side, and its end.

    Some fail and are tried again, fail for good, are aborted, taken from the cache, traced, or ask a person.
    """
    told: list[AnyEvent] = []

    def say(action: str, data: EventData) -> None:
        key = ActionKey(run, action)
        told.append(
            Event(
                id=f"{run.run}/{action}/{len(told)}",
                source="/fleet",
                subject=action_subject(key),
                time=MORNING + timedelta(seconds=number, milliseconds=len(told)),
                data=data,
            )
        )

    say("a0", ActionRequested(task=_TASK, requested_by="captain"))
    for data in _opened(1):
        say("a0", data)
    stories = [list(_child(number, place)) for place in range(children)]
    for turn in range(max(map(len, stories))):
        for place, story in enumerate(stories):
            if turn < len(story):
                say(f"c{place}", story[turn])
    say("a0", AttemptSucceeded(attempt=1, outputs=_ONE))
    return told


def _opened(attempt: int) -> Iterator[EventData]:
    yield ActionQueued(attempt=attempt, pool="fleet")
    yield AttemptPlaced(attempt=attempt, worker="host/1")
    yield AttemptStarted(attempt=attempt, worker="host/1")


def _child(number: int, place: int) -> Iterator[EventData]:
    kind = (number + place) % 8
    if kind == 5:
        yield TraceSucceeded(name="fleet.look", parent="a0", parent_attempt=1, started_at=MORNING)
        return
    if kind == 6:
        yield ConditionRequested(prompt="Sail on?", parent="a0", parent_attempt=1)
        yield ConditionSignalled(value=True, signalled_by="captain")
        return
    yield ActionRequested(task=_STEP, inputs=_ONE, parent="a0", parent_attempt=1, group="steps")
    if kind == 4:
        yield ActionCacheHit(source="p/d/earlier/c1", outputs=_ONE)
        return
    yield from _opened(1)
    match kind:
        case 1:
            yield AttemptFailed(attempt=1, failure=_FAILURE)
            yield ActionRetried(attempt=1, reason="ValueError")
            yield from _opened(2)
            yield AttemptSucceeded(attempt=2, outputs=_ONE)
        case 2:
            yield AttemptFailed(attempt=1, failure=_FAILURE)
            yield ActionFailed(failure=_FAILURE)
        case 3:
            yield ActionAborted(reason="enough", requested_by="captain")
            yield AttemptStopped(attempt=1, worker="host/1")
        case _:
            yield AttemptSucceeded(attempt=1, outputs=_ONE)
