"""Lists of runs and tasks, page by page, against a plain filter over the same rows."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flyte_registry.core.cursors import WrongCursor, cursor_of, place_of
from flyte_registry.core.projects import overview
from flyte_registry.core.rows import RunRow, TaskRow, run_summary
from flyte_registry.model_file import SCHEMA
from flyte_registry.run_table import RunTable, place_size
from flyte_registry.task_table import TaskTable
from flyte_schemas.action import ActionState
from flyte_schemas.endpoints import ListRuns, ListTasks, RunSummary
from flyte_schemas.events import ActionRequested, RunSettings
from flyte_schemas.overview import DomainSummary
from flyte_schemas.phase import ActionPhase
from flyte_schemas.projects import ProjectBook, ProjectRecord
from flyte_schemas.subjects import RunKey
from flyte_schemas.task import TaskReference
from testkit.tasks import template

MORNING = datetime(2024, 1, 2, 6, 0, 0, tzinfo=UTC)
PHASES = (ActionPhase.QUEUED, ActionPhase.RUNNING, ActionPhase.SUCCEEDED, ActionPhase.FAILED)
WORDS = ("a", "b", "Ä")

words = st.sampled_from(WORDS)
moments = st.integers(0, 12).map(lambda hours: MORNING + timedelta(hours=hours))
maybe_moments = st.none() | moments


@contextmanager
def table_of_runs() -> Iterator[RunTable]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.executescript(SCHEMA)
        yield RunTable(db)


@st.composite
def rows(draw: st.DrawFn) -> RunRow:
    """A run whose sequence and name are yet to be given."""
    phase, asked_at = draw(st.sampled_from(PHASES)), draw(moments)
    asked = ActionRequested(
        task=TaskReference(name=f"env.{draw(words)}", version=f"v{draw(st.integers(1, 3))}"),
        requested_by=draw(words),
        settings=RunSettings(labels=draw(st.dictionaries(words, words, max_size=2))),
    )
    root = ActionState(
        phase=phase,
        requested=asked,
        requested_at=asked_at,
        started_at=None if phase is ActionPhase.QUEUED else asked_at + timedelta(minutes=1),
        ended_at=asked_at + timedelta(hours=draw(st.integers(1, 9))) if phase.is_terminal else None,
    )
    paused = frozenset({"ok"}) if draw(st.booleans()) else frozenset[str]()
    return RunRow(key=RunKey("p", "d", f"run-{draw(words)}"), actions=1, root=root, paused=paused)


@st.composite
def questions(draw: st.DrawFn) -> ListRuns:
    """A question with few of the filters, most of the time."""
    some: Callable[[st.SearchStrategy[Any], Any], Any] = lambda what, nothing: draw(st.just(nothing) | what)  # noqa: E731
    return ListRuns(
        project="p",
        domain="d",
        limit=draw(st.integers(1, 4)),
        in_phase=some(st.lists(st.sampled_from(PHASES), max_size=3).map(tuple), ()),
        task_name=some(words.map("env.{}".format), None),
        task_version=some(st.just("v1"), None),
        requested_by=some(words, None),
        requested_after=draw(maybe_moments),
        requested_before=some(moments, None),
        updated_after=some(moments, None),
        updated_before=some(moments, None),
        labels=some(st.dictionaries(words, words, max_size=2), {}),
        label_keys=some(st.lists(words, max_size=2).map(tuple), ()),
        paused_only=some(st.just(True), False),
        search=some(st.sampled_from(["A", "run-", "v.ä", "N.", "%", "zz"]), ""),
        sort_by=draw(st.sampled_from(["created_at", "updated_at"])),
        ascending=draw(st.booleans()),
    )


def put(table: RunTable, given_rows: Sequence[RunRow], first: int = 1) -> list[RunRow]:
    """Put runs one after the other; as they were put."""
    found = []
    for sequence, row in enumerate(given_rows, start=first):
        key = RunKey("p", "d", f"{row.key.run}{sequence}")
        found.append(RunRow(key=key, sequence=sequence, actions=1, root=row.root, paused=row.paused))
        table.put(found[-1])
    return found


def meets(run: RunSummary, asked: ListRuns) -> bool:
    """What a question means, said once more and plainly."""
    updated_at = run.ended_at or run.started_at or run.requested_at
    return (
        (not asked.in_phase or run.phase in asked.in_phase)
        and asked.task_name in (None, run.task)
        and asked.task_version in (None, run.version)
        and asked.requested_by in (None, run.requested_by)
        and (asked.requested_after is None or run.requested_at > asked.requested_after)
        and (asked.requested_before is None or run.requested_at < asked.requested_before)
        and (asked.updated_after is None or updated_at > asked.updated_after)
        and (asked.updated_before is None or updated_at < asked.updated_before)
        and asked.labels.items() <= run.labels.items()
        and set(asked.label_keys) <= run.labels.keys()
        and (not asked.paused_only or run.paused > 0)
        and any(asked.search.casefold() in text.casefold() for text in (run.name, run.task))
    )


def expected(given_rows: Sequence[RunRow], asked: ListRuns) -> list[RunSummary]:
    """All runs that meet the question, in its order."""

    def rank(pair: tuple[int, RunSummary]) -> tuple[Any, ...]:
        sequence, run = pair
        updated_at = run.ended_at or run.started_at or run.requested_at
        return (updated_at, sequence) if asked.sort_by == "updated_at" else (sequence,)

    summaries = [(row.sequence, run_summary(row, in_full=False)) for row in given_rows]
    met = [(sequence, run) for sequence, run in summaries if run is not None and meets(run, asked)]
    return [run for _, run in sorted(met, key=rank, reverse=not asked.ascending)]


def pages(table: RunTable, asked: ListRuns, between: Callable[[], object]) -> list[RunSummary]:
    """All pages, each behind the cursor of the one before."""
    found: list[RunSummary] = []
    while True:
        page = table.listed(asked, asked.limit, place_of(asked, place_size(asked)))
        found += [run.summary for run in page]
        if len(page) < asked.limit:
            return found
        asked = asked.model_copy(update={"cursor": cursor_of(asked, page[-1].place(asked))})
        between()


@given(st.lists(rows(), max_size=12), questions())
@settings(max_examples=60)
def test_pages_show_each_run_that_meets_the_question_once(known: list[RunRow], asked: ListRuns) -> None:
    with table_of_runs() as table:
        put_rows = put(table, known)
        assert pages(table, asked, lambda: None) == expected(put_rows, asked)
        assert table.counts(asked) == Counter(run.phase for run in expected(put_rows, asked))


@given(st.lists(rows(), max_size=8), st.lists(rows(), min_size=8, max_size=8), questions())
@settings(max_examples=60)
def test_runs_that_begin_while_somebody_pages_move_no_page(
    known: list[RunRow], coming: list[RunRow], asked: ListRuns
) -> None:
    with table_of_runs() as table:
        before = put(table, known)
        added: list[RunRow] = []

        def one_more() -> None:
            if len(added) < len(coming):
                added.extend(put(table, [coming[len(added)]], first=100 + len(added)))

        found = pages(table, asked, one_more)
    names = {row.key.run for row in before}
    assert [run for run in found if run.name in names] == expected(before, asked)
    assert len({run.name for run in found}) == len(found)
    if asked.sort_by == "created_at" and asked.ascending:
        assert found == expected([*before, *added], asked)[: len(found)]


@given(st.text(min_size=1, max_size=30) | st.text("eyJbMSw0XQ=-_", min_size=1))
def test_a_text_that_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(WrongCursor, match="leave it out to begin anew"):
        place_of(ListRuns(project="p", domain="d", cursor=text), 1)


def test_a_cursor_is_that_of_its_question_however_long_the_pages_are() -> None:
    asked = ListRuns(project="p", domain="d", task_name="env.a")
    cursor = cursor_of(asked, (7,))
    same = ListRuns(project="p", domain="d", task_name="env.a", cursor=cursor, limit=3, counts=True)
    assert place_of(same, 1) == (7,)
    for part in (2**63, 7.5, "7"):
        with pytest.raises(WrongCursor):
            place_of(same.model_copy(update={"cursor": cursor_of(asked, (part,))}), 1)  # type: ignore[arg-type]
    for other in (
        ListRuns(project="p", domain="d", cursor=cursor),
        ListRuns(project="p", domain="d", task_name="env.a", ascending=True, cursor=cursor),
        ListTasks(project="p", domain="d", cursor=cursor),
    ):
        with pytest.raises(WrongCursor):
            place_of(other, 1)


def test_pages_of_tasks_show_what_there_was_when_the_first_was_asked_for() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.executescript(SCHEMA)
        table = TaskTable(db)

        def deploy(sequence: int, name: str) -> None:
            table.put(
                TaskRow(
                    project="p",
                    domain="d",
                    name=name,
                    version=f"v{sequence}",
                    sequence=sequence,
                    deployed_at=MORNING,
                    template=template(name),
                )
            )

        for sequence, name in enumerate(["env.a", "env.b", "env.a", "env.C"], start=1):
            deploy(sequence, name)
        asked = ListTasks(project="p", domain="d")
        first = table.listed(asked, 1, 4)
        deploy(5, "env.b")  # it would be the newest now, and is yet to be shown
        deploy(6, "env.new")
        rest = table.listed(asked, 10, 4, (4, first[0][1]))
        assert [(task.name, task.version) for task, _ in (*first, *rest)] == [
            ("env.C", "v4"), ("env.a", "v3"), ("env.b", "v2"),
        ]  # fmt: skip
        search = ListTasks(project="p", domain="d", search=".c")
        assert [task.name for task, _ in table.listed(search, 10, 6)] == ["env.C"]
        assert list(table.counts_by_place()) == [("p", "d", 4)]


def test_an_overview_has_what_was_written_down_and_what_the_log_knows() -> None:
    record = ProjectRecord(id="b", name="The b")
    book = ProjectBook(projects={"b": record})
    found = list(overview(book, {("a", "dev"): 2, ("b", "dev"): 1}, {("a", "prod"): 7, ("no name", "d"): 1}))
    assert [(one.record.name, one.written) for one in found] == [("a", False), ("The b", True)]
    assert found[0].domains == (DomainSummary(name="dev", tasks=2), DomainSummary(name="prod", runs=7))
    assert found[1].domains == (DomainSummary(name="dev", tasks=1),)
