"""The tree of a run: the same few rows whatever the run's size, and what a person looks for among them."""

from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from flyte._cli.progress import render, summary
from flyte._cli.tree import BUNCH_FROM, NOTABLE, Picture, draw
from flyte_schemas.action import ActionState
from flyte_schemas.events import ActionRequested
from flyte_schemas.phase import ActionPhase
from flyte_schemas.run import RunFold
from flyte_schemas.task import TaskReference

P = ActionPhase
START = datetime(2025, 1, 1, tzinfo=UTC)
NOW = START + timedelta(seconds=90)


class Story:
    """A run's fold, told action by action."""

    def __init__(self) -> None:
        self.fold = RunFold()
        self.add("a0", "main", P.RUNNING, parent=None)

    def add(
        self,
        action: str,
        task: str,
        phase: ActionPhase,
        *,
        parent: str | None = "a0",
        group: str | None = None,
        attempt: int = 1,
        after_s: float = 0,
    ) -> None:
        requested = ActionRequested(
            task=TaskReference(name=f"env.{task}", version="v1"), inputs={}, parent=parent, group=group
        )
        at = START + timedelta(seconds=after_s)
        self.fold.actions[action] = ActionState(
            phase=phase,
            requested=requested,
            attempt=attempt,
            requested_at=at,
            started_at=at,
            ended_at=NOW if phase.is_terminal else None,
        )
        if parent is not None:
            self.fold._children.setdefault(parent, set()).add(action)


def labels(picture: Picture) -> list[tuple[int, str, int]]:
    return [(row.depth, row.label, row.size) for row in picture.rows]


def text_of(picture: Picture, width: int = 100) -> list[str]:
    console = Console(width=width, record=True, file=None, force_terminal=True, color_system=None)
    with console.capture() as captured:
        console.print(render(picture))
    return captured.get().splitlines()


def test_a_few_children_are_a_row_each() -> None:
    story = Story()
    for number in range(BUNCH_FROM - 1):
        story.add(f"c{number}", "step", P.SUCCEEDED, after_s=number)
    picture = draw(story.fold, NOW, 30)
    assert labels(picture) == [(0, "main", 1), *[(1, "step", 1)] * (BUNCH_FROM - 1)]


def test_many_children_of_one_task_are_one_row_with_counts() -> None:
    story = Story()
    for number in range(100):
        story.add(f"c{number}", "step", P.SUCCEEDED if number < 90 else P.QUEUED)
    picture = draw(story.fold, NOW, 30)
    assert labels(picture) == [(0, "main", 1), (1, "step", 100)]
    assert dict(picture.rows[1].counts) == {P.SUCCEEDED: 90, P.QUEUED: 10}


def test_a_group_is_a_row_of_its_own_with_its_members_below() -> None:
    story = Story()
    story.add("c1", "process_item", P.SUCCEEDED, group="batch-processing")
    story.add("c2", "process_item", P.RUNNING, group="batch-processing", after_s=1)
    story.add("c3", "process_item", P.RUNNING, after_s=2)
    picture = draw(story.fold, NOW, 30)
    assert labels(picture) == [
        (0, "main", 1),
        (1, "batch-processing", 2),
        (2, "process_item", 1),
        (2, "process_item", 1),
        (1, "process_item", 1),
    ]


def test_below_a_large_bunch_stand_what_failed_and_what_has_run_the_longest() -> None:
    story = Story()
    for number in range(50):
        story.add(f"c{number:02}", "step", P.SUCCEEDED)
    story.add("d1", "step", P.RUNNING, after_s=60)
    story.add("d2", "step", P.RUNNING, after_s=30)
    story.add("d3", "step", P.RUNNING, after_s=40)
    story.add("d4", "step", P.FAILED, after_s=80)
    rows = draw(story.fold, NOW, 30).rows[2:]
    assert len(rows) == NOTABLE
    assert [(row.phase, row.seconds) for row in rows] == [(P.FAILED, 10), (P.RUNNING, 60), (P.RUNNING, 50)]


@pytest.mark.parametrize("grouped", [True, False])
def test_ten_thousand_actions_are_as_calm_as_ten(grouped: bool) -> None:
    story = Story()
    for number in range(10_000):
        phase = (P.SUCCEEDED, P.RUNNING, P.QUEUED, P.FAILED)[number % 4]
        group = f"group-{number % 100}" if grouped else None
        story.add(f"c{number}", "step", phase, group=group, attempt=1 + (number % 2))
    picture = draw(story.fold, NOW, 30)
    assert len(picture.rows) <= 30
    assert bool(picture.left_out) is grouped
    assert picture.size == 10_001
    assert picture.retried == 5_000
    lines = text_of(picture)
    assert len(lines) <= 32
    assert "10001 actions: 2500 failed, 2501 running, 2500 queued, 2500 succeeded" in lines[-1]


def test_a_deep_chain_of_calls_ends_at_the_limit() -> None:
    story = Story()
    parent = "a0"
    for number in range(2_000):
        story.add(f"c{number}", "deeper", P.RUNNING, parent=parent)
        parent = f"c{number}"
    picture = draw(story.fold, NOW, 20)
    assert len(picture.rows) == 20
    assert picture.left_out


def test_a_row_says_phase_attempt_and_duration() -> None:
    story = Story()
    story.add("c1", "flaky", P.RUNNING, attempt=3, after_s=30)
    line = text_of(draw(story.fold, NOW, 30))[1]
    assert "flaky" in line and "running" in line and "attempt 3" in line and "1m00s" in line


def test_a_row_is_never_wider_than_the_terminal() -> None:
    story = Story()
    story.add("c1", "x" * 100, P.RUNNING)
    assert all(len(line) <= 40 for line in text_of(draw(story.fold, NOW, 30), width=40))


def test_a_run_that_nobody_has_taken_has_no_rows() -> None:
    picture = draw(RunFold(), NOW, 30)
    assert picture.rows == ()
    assert text_of(picture) in ([], [""])
    assert summary("r1", picture).plain == "run r1 has not begun"


def test_the_summary_is_one_line() -> None:
    story = Story()
    for number in range(100):
        story.add(f"c{number}", "step", P.SUCCEEDED, attempt=1 + (number == 7))
    story.add("a0", "main", P.SUCCEEDED, parent=None)
    line = summary("r1", draw(story.fold, NOW, 1)).plain
    assert line == "✓ run r1 SUCCEEDED in 1m30s  101 actions: 101 succeeded  1 retried"
