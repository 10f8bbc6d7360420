"""When a process that is gone means that its attempt failed."""

import pytest

from flyte_executor.core.lost import attempt_lost
from flyte_schemas.action import ActionState, fold
from flyte_schemas.events import (
    ActionAborted,
    ActionQueued,
    ActionRequested,
    ActionTimedOut,
    AttemptFailed,
    AttemptPlaced,
    AttemptStopped,
    AttemptSucceeded,
    EventData,
)
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.task import TaskReference
from testkit.events import action, event

REQUESTED = ActionRequested(task=TaskReference(name="env.fn", version="v1"))
QUEUED = ActionQueued(attempt=1, pool="process")
PLACED = AttemptPlaced(attempt=1, worker="host/7")
FAILED = AttemptFailed(attempt=1, failure=Failure(code="ValueError", kind=FailureKind.USER))


def after(*happened: EventData) -> ActionState:
    return fold((event(action(), data), number) for number, data in enumerate(happened, 1))


def test_the_loss_of_the_worker_is_a_failure_of_the_platforms() -> None:
    lost = attempt_lost(after(REQUESTED, QUEUED, PLACED), 1, "host/7", "process 7 ended")
    assert isinstance(lost, AttemptFailed)
    assert (lost.attempt, lost.log_end) == (1, None)
    assert (lost.failure.code, lost.failure.kind) == ("AgentLost", FailureKind.SYSTEM)
    assert "process 7 ended" in lost.failure.message


@pytest.mark.parametrize("worker", ["host/8", ""])
def test_the_loss_of_another_worker_means_nothing(worker: str) -> None:
    assert attempt_lost(after(REQUESTED, QUEUED, PLACED), 1, worker, "") is None


@pytest.mark.parametrize("worker", ["host/7", ""])
def test_an_attempt_that_nobody_claimed_is_lost_with_its_process(worker: str) -> None:
    assert attempt_lost(after(REQUESTED, QUEUED), 1, worker, "") is not None


@pytest.mark.parametrize(
    "last", [[AttemptSucceeded(attempt=1)], [FAILED], [FAILED, ActionAborted(reason="")]]
)
def test_an_attempt_that_has_ended_is_not_lost(last: list[EventData]) -> None:
    assert attempt_lost(after(REQUESTED, QUEUED, PLACED, *last), 1, "host/7", "") is None


@pytest.mark.parametrize(
    "end", [ActionAborted(reason=""), ActionTimedOut(failure=FAILED.failure)], ids=lambda end: end.TYPE
)
def test_the_process_of_an_action_that_was_ended_has_been_stopped(end: EventData) -> None:
    state = after(REQUESTED, QUEUED, PLACED, end)
    assert attempt_lost(state, 1, "host/7", "") == AttemptStopped(attempt=1, worker="host/7")
    assert attempt_lost(state, 1, "host/8", "") is None


def test_only_the_current_attempt_can_be_lost() -> None:
    state = after(REQUESTED, QUEUED, PLACED)
    assert attempt_lost(state, 2, "host/7", "") is None
    assert attempt_lost(ActionState(), 1, "host/7", "") is None
