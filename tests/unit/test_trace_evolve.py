"""What a traced step is for the fold: over with its first word; and what an attempt saves is for the next."""

from datetime import timedelta

import pytest

from flyte_schemas.action import ActionState, fold
from flyte_schemas.events import (
    ActionQueued,
    ActionRequested,
    ActionRetried,
    AttemptCheckpointed,
    AttemptFailed,
    AttemptStarted,
    EventData,
    TraceFailed,
    TraceSucceeded,
)
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.literals import InlineLiteral
from flyte_schemas.phase import ActionPhase
from flyte_schemas.task import TaskReference
from testkit.events import MORNING, action, event

WHY = Failure(code="Never", kind=FailureKind.USER, recoverable=False)
GOOD = TraceSucceeded(
    name="m.fetch",
    parent="a0",
    parent_attempt=1,
    group="g",
    inputs={"x": InlineLiteral(value=1)},
    outputs={"o0": InlineLiteral(value=2)},
    started_at=MORNING,
)
BAD = TraceFailed(name="m.fetch", parent="a0", parent_attempt=1, failure=WHY, started_at=MORNING)
REQUESTED = ActionRequested(task=TaskReference(name="env.fn", version="v1"))


def after(*happened: EventData) -> ActionState:
    told = [(event(action(), data, after_s=number), number) for number, data in enumerate(happened, 1)]
    return fold(told)._replace(version=0)


def test_a_step_that_succeeded() -> None:
    state = after(GOOD)
    assert (state.phase, state.outputs, state.failure) == (ActionPhase.SUCCEEDED, GOOD.outputs, None)
    assert (state.task_name, state.parent, state.group, state.inputs) == ("m.fetch", "a0", "g", GOOD.inputs)
    assert (state.requested, state.attempt, state.is_cut_short) == (None, 0, False)
    assert (state.requested_at, state.started_at) == (MORNING, MORNING)
    assert state.ended_at == MORNING + timedelta(seconds=1)


def test_a_step_that_failed() -> None:
    state = after(BAD)
    assert (state.phase, state.outputs, state.failure) == (ActionPhase.FAILED, None, WHY)


@pytest.mark.parametrize(
    "later",
    [GOOD, BAD, REQUESTED, ActionQueued(attempt=1, pool="p"), AttemptStarted(attempt=1, worker="w")],
    ids=lambda word: type(word).__name__,
)
def test_nothing_changes_a_step(later: EventData) -> None:
    assert after(GOOD, later) == after(GOOD)
    assert after(BAD, later) == after(BAD)


def test_an_action_that_was_asked_for_is_no_step() -> None:
    assert after(REQUESTED, GOOD) == after(REQUESTED)


def test_a_checkpoint_outlasts_its_attempt_until_a_later_one_saves() -> None:
    def saved(attempt: int, name: str) -> AttemptCheckpointed:
        return AttemptCheckpointed(attempt=attempt, uri="u", sha256="ab" * 32, size_bytes=1, name=name)

    first = (
        REQUESTED,
        ActionQueued(attempt=1, pool="p"),
        saved(1, "one"),
        saved(1, "two"),
        AttemptFailed(attempt=1, failure=WHY),
        saved(1, "too late"),
        ActionRetried(attempt=1, reason=""),
        ActionQueued(attempt=2, pool="p"),
        saved(1, "of a stranger"),
    )
    assert after(*first).checkpoint == saved(1, "two")
    assert after(*first, saved(2, "three")).checkpoint == saved(2, "three")
