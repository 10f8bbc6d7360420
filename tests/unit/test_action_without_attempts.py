"""Actions that need no attempt: conditions, which people answer, and what an earlier run has given."""

from flyte_schemas.action import ActionState, fold
from flyte_schemas.events import (
    ActionQueued,
    ActionRecovered,
    ActionRequested,
    AttemptStarted,
    AttemptSucceeded,
    ConditionAnnounced,
    ConditionRequested,
    ConditionSignalled,
    EventData,
)
from flyte_schemas.literals import InlineLiteral
from flyte_schemas.phase import ActionPhase as P
from flyte_schemas.task import TaskReference
from testkit.events import action, event

REQUESTED = ActionRequested(task=TaskReference(name="env.fn", version="v1"), parent="a0")
QUEUED = ActionQueued(attempt=1, pool="p")
STARTED = AttemptStarted(attempt=1, worker="w")
RECOVERED = ActionRecovered(source="p/d/r/a0", outputs={"o0": InlineLiteral(value=1)})
ASKED = ConditionRequested(prompt="Go on?", parent="a0", parent_attempt=1, group="g")
YES = ConditionSignalled(value=True, signalled_by="somebody")


def after(*happened: EventData) -> ActionState:
    told = ((event(action(), data, id=str(number)), number) for number, data in enumerate(happened, 1))
    return fold(told)


def test_a_recovered_action_has_the_result_of_another_run_and_no_attempt() -> None:
    state = after(REQUESTED, RECOVERED)
    assert (state.phase, state.attempt, state.recovered_from) == (P.RECOVERED, 0, "p/d/r/a0")
    assert (state.outputs, state.is_terminal, state.is_cut_short) == (RECOVERED.outputs, True, False)


def test_a_result_of_another_run_comes_too_late_for_an_attempt_that_is_open() -> None:
    assert after(REQUESTED, QUEUED, RECOVERED).phase is P.WAITING_FOR_RESOURCES


def test_a_condition_pauses_until_it_is_answered_and_the_answer_is_its_output() -> None:
    state = after(ASKED)
    assert (state.phase, state.parent, state.group, state.is_live) == (P.PAUSED, "a0", "g", True)
    assert not state.has_open_attempt
    state = after(ASKED, YES)
    assert (state.phase, state.signalled_by) == (P.SUCCEEDED, "somebody")
    assert state.outputs == {"o0": InlineLiteral(value=True)}


def test_of_two_answers_the_first_counts() -> None:
    state = after(ASKED, YES, ConditionSignalled(value=False, signalled_by="another"))
    assert (state.outputs, state.signalled_by) == ({"o0": InlineLiteral(value=True)}, "somebody")


def test_a_webhook_is_told_when_somebody_took_it() -> None:
    assert not after(ASKED, ConditionAnnounced(error="HTTP 500")).is_announced
    assert after(ASKED, ConditionAnnounced(error="HTTP 500"), ConditionAnnounced()).is_announced
    assert after(ASKED, ConditionAnnounced(), ConditionAnnounced(error="again")).is_announced


def test_a_task_cannot_be_answered_and_a_condition_cannot_be_run() -> None:
    assert after(REQUESTED, QUEUED, STARTED, YES).phase is P.RUNNING
    assert after(ASKED, QUEUED, STARTED, AttemptSucceeded(attempt=1)).phase is P.PAUSED
