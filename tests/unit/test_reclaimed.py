"""A worker that comes back after a silence: it says so, and nothing else changes."""

import pytest

from flyte_schemas.action import ActionState, fold
from flyte_schemas.events import (
    ActionAborted,
    ActionQueued,
    ActionRequested,
    AttemptFailed,
    AttemptPlaced,
    AttemptReclaimed,
    AttemptStarted,
    AttemptSucceeded,
    EventData,
)
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.task import TaskReference
from testkit.events import action, event

CLAIMED: tuple[EventData, ...] = (
    ActionRequested(task=TaskReference(name="env.fn", version="v1")),
    ActionQueued(attempt=1, pool="process"),
    AttemptPlaced(attempt=1, worker="host/7"),
)
LOST = AttemptFailed(attempt=1, failure=Failure(code="WorkerLost", kind=FailureKind.SYSTEM))


def after(*happened: EventData) -> ActionState:
    return fold((event(action(), data), number) for number, data in enumerate(happened, 1))


def reclaimed(worker: str = "host/7") -> AttemptReclaimed:
    return AttemptReclaimed(attempt=1, worker=worker)


@pytest.mark.parametrize("last", [(), (AttemptStarted(attempt=1, worker="host/7"),)], ids=["before", "in"])
def test_only_the_version_moves_with_it(last: tuple[EventData, ...]) -> None:
    before, then = after(*CLAIMED, *last), after(*CLAIMED, *last, reclaimed())
    assert then == before._replace(version=before.version + 1)


@pytest.mark.parametrize("last", [LOST, AttemptSucceeded(attempt=1), ActionAborted(reason="")])
def test_an_attempt_that_is_over_is_not_reclaimed(last: EventData) -> None:
    before = after(*CLAIMED, last)
    assert after(*CLAIMED, last, reclaimed()) == before._replace(version=before.version + 1)


def test_nobody_gets_anothers_attempt_by_reclaiming_it() -> None:
    assert after(*CLAIMED, reclaimed("host/8")).worker == "host/7"
