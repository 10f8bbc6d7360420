"""What follows from where an action stands."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from flyte_executor.core.decide import Surroundings, decide
from flyte_executor.core.times import WakeAt
from flyte_executor.settings import ExecutorSettings
from flyte_schemas.action import ActionState, fold
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
    RunSettings,
)
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.phase import ActionPhase
from flyte_schemas.task import Policies, TaskOverrides, TaskReference
from testkit.events import MORNING, action, event
from testkit.tasks import template

REQUESTED = ActionRequested(task=TaskReference(name="env.fn", version="v1"))
QUEUED = ActionQueued(attempt=1, pool="process")
PLACED = AttemptPlaced(attempt=1, worker="w")
STARTED = AttemptStarted(attempt=1, worker="w")


def after(*happened: EventData) -> ActionState:
    """The state after these events."""
    return fold((event(action(), data), number) for number, data in enumerate(happened, 1))


def around(
    *,
    parent_ended: bool = False,
    deployed: bool = True,
    after_s: float = 0.0,
    settings: RunSettings | None = None,
    **policies: object,
) -> Surroundings:
    """What surrounds an action `after_s` seconds after the morning began."""
    task = template("env.fn", policies=Policies.model_validate(policies))
    return Surroundings(
        now=MORNING + timedelta(seconds=after_s),
        template=task if deployed else None,
        settings=settings or RunSettings(),
        parent_ended=parent_ended,
        max_system_failures=3,
    )


def failed(attempt: int = 1, kind: FailureKind = FailureKind.USER, **changes: object) -> AttemptFailed:
    failure = Failure.model_validate({"code": "ValueError", "kind": kind, "message": "no"} | changes)
    return AttemptFailed(attempt=attempt, failure=failure)


def rounds(count: int, kind: FailureKind = FailureKind.USER) -> list[EventData]:
    """`count` attempts that failed, each but the last retried."""
    events: list[EventData] = [REQUESTED]
    for attempt in range(1, count + 1):
        events += [ActionQueued(attempt=attempt, pool="process"), failed(attempt, kind)]
        if attempt < count:
            events.append(ActionRetried(attempt=attempt, reason=""))
    return events


def test_of_nothing_nothing_follows() -> None:
    assert decide(ActionState(), around()) is None


def test_what_is_asked_for_is_queued() -> None:
    assert decide(after(REQUESTED), around()) == ActionQueued(attempt=1, pool="process")


@pytest.mark.parametrize("events", [[QUEUED], [QUEUED, PLACED], [QUEUED, PLACED, STARTED]])
def test_an_attempt_that_is_on_its_way_is_left_alone(events: list[EventData]) -> None:
    assert decide(after(REQUESTED, *events), around()) is None


@pytest.mark.parametrize(
    "last", [AttemptSucceeded(attempt=1), ActionAborted(reason=""), ActionFailed(failure=failed().failure)]
)
def test_what_has_ended_is_left_alone_whatever_is_around_it(last: EventData) -> None:
    state = after(REQUESTED, QUEUED, last)
    assert state.is_terminal
    assert decide(state, around(parent_ended=True, deployed=False)) is None


def test_a_version_that_was_never_deployed_fails_and_says_what_to_do() -> None:
    decision = decide(after(REQUESTED), around(deployed=False))
    assert isinstance(decision, ActionFailed)
    assert decision.failure.code == "TaskNotFound"
    assert "env.fn" in decision.failure.message
    assert "depends_on" in decision.failure.hint
    assert not decision.failure.recoverable


@pytest.mark.parametrize("events", [[], [QUEUED], [QUEUED, PLACED, STARTED], [QUEUED, failed()]])
def test_the_end_of_the_parent_is_the_end_of_the_child(events: list[EventData]) -> None:
    decision = decide(after(REQUESTED, *events), around(retries=5, parent_ended=True))
    assert isinstance(decision, ActionAborted)


@pytest.mark.parametrize("retries", [0, 1, 4])
def test_a_failing_task_has_its_retries_and_one_more_attempt(retries: int) -> None:
    for attempt in range(1, retries + 1):
        assert isinstance(decide(after(*rounds(attempt)), around(retries=retries)), ActionRetried)
    assert isinstance(decide(after(*rounds(retries + 1)), around(retries=retries)), ActionFailed)


def test_a_call_may_have_other_retries_than_its_task() -> None:
    overrides = TaskOverrides(policies=Policies(retries=2))
    asked = ActionRequested(task=REQUESTED.task, overrides=overrides)
    for attempt, wanted in ((1, ActionRetried), (2, ActionRetried), (3, ActionFailed)):
        assert isinstance(decide(after(asked, *rounds(attempt)[1:]), around(retries=0)), wanted)


def test_a_retry_is_followed_by_the_next_attempt() -> None:
    state = after(*rounds(1), ActionRetried(attempt=1, reason=""))
    assert state.phase is ActionPhase.QUEUED
    assert decide(state, around()) == ActionQueued(attempt=2, pool="process")


def test_a_failure_that_cannot_get_better_is_not_retried() -> None:
    state = after(REQUESTED, QUEUED, failed(recoverable=False))
    assert isinstance(decide(state, around(retries=5)), ActionFailed)


def test_the_platforms_losses_are_not_charged_to_the_task() -> None:
    for losses in (1, 2):
        assert isinstance(decide(after(*rounds(losses, FailureKind.SYSTEM)), around()), ActionRetried)


def test_the_platform_gives_up_after_its_own_budget_in_the_words_of_the_last_loss() -> None:
    lost = failed(3, FailureKind.SYSTEM, code="AgentLost", message="gone")
    decision = decide(after(*rounds(3, FailureKind.SYSTEM)[:-1], lost), around(retries=10))
    assert isinstance(decision, ActionFailed)
    failure = decision.failure
    assert (failure.code, failure.kind) == ("MaxSystemFailuresExceeded", FailureKind.SYSTEM)
    assert failure.message == "AgentLost: gone (the platform lost an attempt 3 times in a row, and gave up)"
    assert "tries no more" in failure.hint


def test_the_4th_loss_in_a_row_is_the_last_by_default(tmp_path: Path) -> None:
    budget = ExecutorSettings(home=tmp_path).max_system_failures
    for losses in (1, 2, 3, 4):
        surroundings = replace(around(), max_system_failures=budget)
        decision = decide(after(*rounds(losses, FailureKind.SYSTEM)), surroundings)
        assert isinstance(decision, ActionFailed if losses == 4 else ActionRetried)


def test_a_parent_whose_child_the_platform_gave_up_is_not_tried_again_to_meet_it_again() -> None:
    given_up = failed(1, FailureKind.SYSTEM, code="MaxSystemFailuresExceeded", message="gone")
    assert decide(after(REQUESTED, QUEUED, given_up), around()) == ActionFailed(failure=given_up.failure)


def test_losses_count_only_in_a_row() -> None:
    events = rounds(2, FailureKind.SYSTEM)
    events += [ActionRetried(attempt=2, reason=""), ActionQueued(attempt=3, pool="process"), failed(3)]
    events += [ActionRetried(attempt=3, reason=""), ActionQueued(attempt=4, pool="process")]
    state = after(*events, failed(4, FailureKind.SYSTEM))
    assert isinstance(decide(state, around(retries=1)), ActionRetried)


def test_a_task_that_ran_too_long_is_timed_out_when_no_retry_is_left() -> None:
    state = after(REQUESTED, QUEUED, failed(code="TaskTimeout"))
    assert isinstance(decide(state, around(retries=1)), ActionRetried)
    assert isinstance(decide(state, around()), ActionTimedOut)


# -- time -------------------------------------------------------------------------------------------------


def later(after_s: float) -> WakeAt:
    return WakeAt(MORNING + timedelta(seconds=after_s))


@pytest.mark.parametrize(("failures", "pause_s"), [(1, 2.0), (2, 6.0), (3, 10.0), (4, 10.0)])
def test_the_pause_before_a_retry_grows_up_to_its_cap(failures: int, pause_s: float) -> None:
    policies = {"retries": 9, "backoff": {"base_s": 2.0, "factor": 3.0, "cap_s": 10.0}}
    decision = decide(after(*rounds(failures)), around(after_s=100, **policies))
    assert isinstance(decision, ActionRetried)
    assert decision.retry_at == MORNING + timedelta(seconds=100 + pause_s)


def test_a_loss_of_the_platforms_is_retried_without_a_pause() -> None:
    state = after(*rounds(1, FailureKind.SYSTEM))
    decision = decide(state, around(backoff={"base_s": 9.0}))
    assert decision == ActionRetried(attempt=1, reason="ValueError: no")


def test_no_attempt_opens_before_its_pause_is_over() -> None:
    pause = ActionRetried(attempt=1, reason="", retry_at=MORNING + timedelta(seconds=5))
    state = after(*rounds(1), pause)
    assert decide(state, around(after_s=4.9)) == later(5)
    assert decide(state, around(after_s=5)) == ActionQueued(attempt=2, pool="process")


def test_an_attempt_that_waits_too_long_for_a_place_has_failed_and_may_be_retried() -> None:
    state = after(REQUESTED, QUEUED)
    assert decide(state, around(max_queued_s=3, after_s=2)) == later(3)
    failed_waiting = decide(state, around(max_queued_s=3, after_s=3))
    assert isinstance(failed_waiting, AttemptFailed)
    assert failed_waiting.failure.code == "QueuedTimeout"
    state = after(REQUESTED, QUEUED, failed_waiting)
    assert isinstance(decide(state, around(max_queued_s=3, after_s=3, retries=1)), ActionRetried)
    assert isinstance(decide(state, around(max_queued_s=3, after_s=3)), ActionTimedOut)


@pytest.mark.parametrize("events", [[QUEUED, PLACED], [QUEUED, PLACED, STARTED]])
def test_an_attempt_that_has_a_place_does_not_wait_any_more(events: list[EventData]) -> None:
    assert decide(after(REQUESTED, *events), around(max_queued_s=3, after_s=9)) is None


@pytest.mark.parametrize("events", [[], [QUEUED], [QUEUED, PLACED, STARTED], [QUEUED, failed()]])
def test_the_deadline_ends_an_action_wherever_it_is(events: list[EventData]) -> None:
    state = after(REQUESTED, *events)
    assert not isinstance(decide(state, around(deadline_s=60, after_s=59, retries=9)), ActionTimedOut)
    decision = decide(state, around(deadline_s=60, after_s=60, retries=9))
    assert isinstance(decision, ActionTimedOut)
    assert (decision.failure.code, decision.failure.recoverable) == ("DeadlineExceeded", False)


def test_of_several_times_the_first_is_waited_for() -> None:
    pause = ActionRetried(attempt=1, reason="", retry_at=MORNING + timedelta(seconds=50))
    assert decide(after(*rounds(1), pause), around(deadline_s=20)) == later(20)
    assert decide(after(REQUESTED, QUEUED), around(deadline_s=20, max_queued_s=7)) == later(7)
    assert decide(after(REQUESTED, QUEUED, PLACED), around(deadline_s=20, max_queued_s=7)) == later(20)


@pytest.mark.parametrize(
    ("of_task", "of_run", "expected"),
    [(False, None, False), (True, None, True), (False, True, True), (True, False, False)],
)
def test_the_run_has_the_last_word_on_whether_an_attempt_may_be_preempted(
    of_task: bool, of_run: bool | None, expected: bool
) -> None:
    settings = RunSettings(interruptible=of_run)
    queued = ActionQueued(attempt=1, pool="process", interruptible=expected)
    assert decide(after(REQUESTED), around(settings=settings, interruptible=of_task)) == queued


def test_the_last_attempt_that_the_platform_has_left_is_not_interruptible() -> None:
    """The budget here is of three losses in a row."""
    queued = []
    happened: list[EventData] = [REQUESTED]
    for attempt in (1, 2, 3):
        decision = decide(after(*happened), around(interruptible=True))
        assert isinstance(decision, ActionQueued)
        queued.append(decision.interruptible)
        lost = failed(attempt, FailureKind.SYSTEM)
        happened += [decision, lost, ActionRetried(attempt=attempt, reason="lost")]
    assert queued == [True, True, False]
