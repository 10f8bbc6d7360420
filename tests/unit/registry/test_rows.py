"""What an event changes in the read model."""

from datetime import timedelta
from functools import reduce
from typing import Any

import pytest

from flyte_registry.core.nearest import nearest
from flyte_registry.core.rows import (
    LINE_CHARACTERS,
    RunRow,
    concerns_run,
    fold_run,
    run_summary,
    task_row,
)
from flyte_schemas.envelope import Event
from flyte_schemas.events import (
    ActionAborted,
    ActionFailed,
    ActionQueued,
    ActionRecovered,
    ActionRequested,
    ActionTimedOut,
    AttemptFailed,
    AttemptStarted,
    AttemptSucceeded,
    ConditionRequested,
    ConditionSignalled,
    EventData,
    TaskDeployed,
    TaskDeployRejected,
)
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.literals import InlineLiteral
from flyte_schemas.phase import ActionPhase
from flyte_schemas.subjects import ActionKey, RunKey, action_subject, task_subject
from flyte_schemas.task import TaskOverrides, TaskReference
from testkit.tasks import NOON, event, template

RUN = RunKey("flytesnacks", "development", "r1")
ROOT = RUN.action("a0")
TASK = TaskReference(name="my_env.my_task", version="v1")
CRASH = Failure(code="ValueError", kind=FailureKind.USER, message="m" * 5_000, traceback="t" * 50_000)

OVERRIDES = TaskOverrides(env_vars={"A": "c"})
STARTED = [
    (
        ROOT,
        ActionRequested(
            task=TASK, inputs={"x": InlineLiteral(value=1)}, env_vars={"A": "b"}, overrides=OVERRIDES
        ),
    ),
    (ROOT, ActionQueued(attempt=1, pool="default")),
    (ROOT, AttemptStarted(attempt=1, worker="w")),
]
CHILD = (RUN.action("c1"), ActionRequested(task=TASK, parent="a0", parent_attempt=1))


def fold(*words: tuple[ActionKey, EventData], first: int = 1) -> RunRow:
    def step(row: RunRow, numbered: tuple[int, tuple[ActionKey, EventData]]) -> RunRow:
        sequence, (key, data) = numbered
        time = NOON + timedelta(seconds=sequence)
        return fold_run(row, key, event(action_subject(key), data, time=time), sequence)

    return reduce(step, enumerate(words, start=first), RunRow(key=RUN))


def test_a_run_is_what_its_root_action_is() -> None:
    run = run_summary(fold(*STARTED, (ROOT, AttemptSucceeded(attempt=1))), in_full=False)
    assert run is not None
    assert (run.name, run.task, run.version) == ("r1", "my_env.my_task", "v1")
    assert (run.phase, run.attempts, run.actions) == (ActionPhase.SUCCEEDED, 1, 1)
    seconds = [time and (time - NOON).seconds for time in (run.requested_at, run.started_at, run.ended_at)]
    assert seconds == [1, 3, 4]


def test_children_are_counted_and_their_ends_are_not_the_runs() -> None:
    end_of_child = (CHILD[0], ActionFailed(failure=CRASH))
    run = run_summary(fold(*STARTED, CHILD, end_of_child), in_full=False)
    assert run is not None
    assert (run.phase, run.actions, run.failure) == (ActionPhase.RUNNING, 2, None)


ASKED = ConditionRequested(prompt="?", parent="a0", parent_attempt=1)


@pytest.mark.parametrize(
    "end",
    [
        ConditionSignalled(value=True),
        ActionTimedOut(failure=CRASH),
        ActionAborted(reason=""),
        ActionRecovered(source="p/d/r/ok"),
    ],
    ids=lambda end: type(end).__name__,
)
def test_a_run_is_paused_by_each_condition_until_that_ends(end: EventData) -> None:
    paused = [(RUN.action("ok"), ASKED), (RUN.action("more"), ASKED)]
    row = fold(*STARTED, *paused)
    summary = run_summary(row, in_full=True)
    assert summary is not None
    assert (summary.actions, summary.paused, summary.phase) == (3, 2, ActionPhase.RUNNING)
    assert fold(*STARTED, *paused, (RUN.action("ok"), end)).paused == {"more"}
    ended = run_summary(fold(*STARTED, *paused, (ROOT, AttemptSucceeded(attempt=1))), in_full=True)
    assert ended is not None
    assert ended.paused == 0


def test_a_run_whose_root_was_not_seen_is_not_listed() -> None:
    assert run_summary(fold(CHILD), in_full=False) is None


def test_the_place_of_a_run_is_where_its_root_was_asked_for() -> None:
    assert fold(CHILD, *STARTED, first=40).sequence == 41


def test_a_root_that_is_asked_for_again_changes_neither_count_nor_place() -> None:
    once, twice = fold(*STARTED), fold(*STARTED, STARTED[0])
    assert (once.actions, once.sequence) == (twice.actions, twice.sequence)


def test_the_row_keeps_no_values() -> None:
    row = fold(*STARTED, (ROOT, AttemptSucceeded(attempt=1, outputs={"o": InlineLiteral(value=2)})))
    assert row.root.outputs is None
    assert row.root.requested is not None
    assert not row.root.requested.inputs
    assert not row.root.requested.env_vars
    assert row.root.requested.overrides is None


def test_a_failure_is_short_in_a_list_and_whole_in_a_single_answer() -> None:
    row = fold(*STARTED, (ROOT, AttemptFailed(attempt=1, failure=CRASH)), (ROOT, ActionFailed(failure=CRASH)))
    whole, short = run_summary(row, in_full=True), run_summary(row, in_full=False)
    assert whole is not None and whole.failure == CRASH
    assert short is not None and short.failure is not None
    assert len(short.failure.message) == LINE_CHARACTERS
    assert short.failure.traceback == ""


@pytest.mark.parametrize(
    ("key", "data", "concerned"),
    [
        (*STARTED[1], True),
        (*CHILD, True),
        (CHILD[0], AttemptStarted(attempt=1, worker="w"), False),
        (RunKey("p", "d", "r" * 129).action("a0"), STARTED[0][1], False),
    ],
)
def test_only_the_root_and_new_actions_concern_a_run(
    key: ActionKey, data: EventData, concerned: bool
) -> None:
    assert concerns_run(key, event(action_subject(key), data)) is concerned


def deployed(**attributes: Any) -> Event[Any]:
    data = TaskDeployed(version="v1", digest=template().digest(), template=template())
    return event(task_subject("p", "d", "my_env.my_task"), data, **attributes)


def test_a_version_has_a_row_under_the_name_in_its_subject() -> None:
    row = task_row(task_subject("p", "d", "my_env.my_task"), deployed(), 7)
    assert row is not None
    assert (row.project, row.domain, row.name, row.version, row.sequence) == (
        "p", "d", "my_env.my_task", "v1", 7,
    )  # fmt: skip


def test_a_refusal_has_no_row() -> None:
    refused = TaskDeployRejected(version="v1", digest=template().digest(), failure=CRASH)
    subject = task_subject("p", "d", "my_env.my_task")
    assert task_row(subject, event(subject, refused), 7) is None


def test_the_nearest_names_come_first_and_then_the_same_function_elsewhere() -> None:
    known = ["my_env.my_task", "zzz.unlike", "far_away_environment.my_tsk", "x.y"]
    assert nearest("my_env.my_tsk", known, 5) == ("my_env.my_task", "far_away_environment.my_tsk")
    assert nearest("my_env.my_tsk", known, 1) == ("my_env.my_task",)
    assert nearest("my_env.my_tsk", known, 0) == ()
    assert nearest("nothing.alike", known, 5) == ()
