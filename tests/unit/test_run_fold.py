"""A run as a fold of its actions' events."""

from flyte_schemas.action import ActionState, fold
from flyte_schemas.events import ActionAborted, ActionQueued, ActionRequested, TraceSucceeded
from flyte_schemas.phase import ActionPhase
from flyte_schemas.run import RunFold
from flyte_schemas.task import TaskReference
from testkit.events import MORNING, action, event

TASK = TaskReference(name="env.fn", version="v1")


def requested(parent: str | None = None) -> ActionRequested:
    return ActionRequested(task=TASK, parent=parent)


def test_a_sequence_that_was_seen_changes_nothing() -> None:
    queued = ActionQueued(attempt=1, pool="default")
    run, told = RunFold(), [(event(action(), requested()), 1), (event(action(), queued), 2)]
    for one, sequence in (*told, *told):
        run.apply("a0", one, sequence)
    assert run.root == fold(told)
    assert run.phase is ActionPhase.WAITING_FOR_RESOURCES


def test_children_are_known_by_their_parents() -> None:
    run = RunFold()
    run.apply("a0", event(action(), requested()), 1)
    assert not run.has_children("a0")
    for sequence, child in enumerate(("c2", "c1"), start=2):
        run.apply(child, event(action(child), requested(parent="a0")), sequence)
    assert [name for name, _ in run.children("a0")] == ["c1", "c2"]
    assert run.has_children("a0")
    assert not run.has_children("c1")


def test_a_traced_step_stands_below_its_action_which_has_asked_nobody_for_it() -> None:
    run = RunFold()
    run.apply("a0", event(action(), requested()), 1)
    step = TraceSucceeded(name="m.fetch", parent="a0", parent_attempt=1, started_at=MORNING)
    run.apply("t", event(action("t"), step), 2)
    assert [name for name, _ in run.children("a0")] == ["t"]
    assert not run.has_children("a0")
    assert not run.is_settled


def test_a_run_is_settled_when_every_action_has_ended() -> None:
    run = RunFold()
    assert not run.is_settled
    run.apply("a0", event(action(), requested()), 1)
    run.apply("c", event(action("c"), requested(parent="a0")), 2)
    run.apply("a0", event(action(), ActionAborted(reason="")), 3)
    assert not run.is_settled
    run.apply("c", event(action("c"), ActionAborted(reason="")), 4)
    assert run.is_settled


def test_what_was_never_heard_of_is_empty() -> None:
    assert RunFold().get("a7") == ActionState()
    assert RunFold().phase is None
