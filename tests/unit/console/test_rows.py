"""The rows of a run: what each holds, and that whoever comes back gets what he has missed."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from flyte_console.core.rows import COLUMNS, RunRows
from flyte_schemas.envelope import AnyEvent
from flyte_schemas.events import ActionAborted, ActionFailed, AttemptStopped, EventData
from flyte_schemas.run import RunFold
from testkit.events import action, event
from testkit.words import (
    ANSWERED,
    ASKED,
    HIT,
    THEIRS,
    TRACED,
    failed,
    placed,
    queued,
    reported,
    requested,
    retried,
    started,
    succeeded,
)

Told = tuple[str, AnyEvent, int]

A_LIFE: tuple[EventData, ...] = (requested("a0"), queued(), placed(), started(), reported(), succeeded())
TWO_ATTEMPTS: tuple[EventData, ...] = (
    requested("a0"),
    queued(),
    placed(),
    started(),
    failed(),
    retried(),
    queued(2),
    placed(2),
    started(2),
    succeeded(2),
)
LIVES: tuple[tuple[EventData, ...], ...] = (
    A_LIFE,
    A_LIFE[:3],
    TWO_ATTEMPTS,
    (requested("a0"), HIT),
    (requested("a0"), queued(), ActionAborted(reason="enough"), AttemptStopped(attempt=1)),
    (*TWO_ATTEMPTS[:5], ActionFailed(failure=THEIRS)),
    (TRACED,),
    (ASKED, ANSWERED),
)


def folded(told: list[Told]) -> RunRows:
    rows = RunRows()
    for name, one, sequence in told:
        rows.apply(name, one, sequence)
    return rows


def row_of(*happened: EventData) -> dict[str, Any]:
    rows = folded([("a1", event(action("a1"), one), at) for at, one in enumerate(happened, 1)])
    row = rows.row("a1")
    assert row is not None
    return dict(zip(COLUMNS, row.values(), strict=True))


def pictures(rows: RunRows) -> dict[str, list[Any]]:
    return {row.name: row.values() for row in rows}


@st.composite
def logs(draw: st.DrawFn) -> list[Told]:
    """A log of several actions whose words stand between each other's."""
    lives = draw(st.lists(st.sampled_from(LIVES), min_size=1, max_size=5))
    left = {f"a{number}": list(life) for number, life in enumerate(lives)}
    told: list[Told] = []
    while left:
        name = draw(st.sampled_from(sorted(left)))
        told.append((name, event(action(name), left[name].pop(0)), len(told) + 1))
        if not left[name]:
            del left[name]
    return told


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[list[Told], list[Told]]:
    """A log, and an order in which it may arrive: each action's words in order, some of them late."""
    log = draw(logs())
    arriving = list(log)
    for _ in range(draw(st.integers(0, 3))):
        late = draw(st.sampled_from(sorted({name for name, _, _ in log})))
        at = draw(st.integers(0, len(arriving)))
        some = [one for one in arriving[:at] if one[0] == late]
        arriving = [one for one in arriving[:at] if one[0] != late] + some + arriving[at:]
    return log, arriving


class TestARow:
    """What a row holds."""

    def test_it_says_when_each_phase_was_entered_and_in_which_attempt(self) -> None:
        row = row_of(*TWO_ATTEMPTS)
        assert [(at, phase, attempt) for at, _, phase, attempt in row["history"]] == [
            (1, "queued", 0),
            (2, "waiting_for_resources", 1),
            (3, "initializing", 1),
            (4, "running", 1),
            (6, "queued", 1),
            (7, "waiting_for_resources", 2),
            (8, "initializing", 2),
            (9, "running", 2),
            (10, "succeeded", 2),
        ]
        assert row["failure_code"] is None
        assert row["ended_at_ms"] == row["history"][-1][1]

    def test_a_failure_stays_with_what_failed_for_it(self) -> None:
        row = row_of(*TWO_ATTEMPTS[:5], ActionFailed(failure=THEIRS))
        assert (row["phase"], row["failure_code"]) == ("failed", "ValueError")

    def test_a_step_has_run_from_its_own_beginning_on(self) -> None:
        row = row_of(TRACED)
        assert row["kind"] == "trace"
        assert [phase for _, _, phase, _ in row["history"]] == ["running", "succeeded"]
        assert row["requested_at_ms"] == row["history"][0][1]

    def test_a_condition_waits_until_it_is_answered(self) -> None:
        assert (row_of(ASKED)["kind"], row_of(ASKED)["phase"]) == ("condition", "paused")
        assert row_of(ASKED, ANSWERED)["phase"] == "succeeded"

    def test_what_comes_after_the_end_changes_nothing(self) -> None:
        assert row_of(requested("a0"), HIT)["cached"]
        assert row_of(requested("a0"), HIT, started(), AttemptStopped(attempt=1))["cached"]

    def test_a_report_is_there(self) -> None:
        assert row_of(*A_LIFE)["has_report"]
        assert not row_of(*TWO_ATTEMPTS)["has_report"]


def test_a_word_before_the_request_makes_no_row() -> None:
    rows = folded([("a1", event(action("a1"), placed()), 1)])
    assert (len(rows), rows.is_settled, rows.as_of) == (0, False, 1)


@given(logs())
def test_the_phases_are_those_of_the_fold(log: list[Told]) -> None:
    rows, fold = folded(log), RunFold()
    for name, one, sequence in log:
        fold.apply(name, one, sequence)
    assert {row.name: row.phase for row in rows} == {
        name: state.phase for name, state in fold.actions.items() if state.phase
    }
    assert rows.is_settled == fold.is_settled
    assert rows.as_of == len(log)


@given(logs())
def test_what_comes_again_changes_nothing(log: list[Told]) -> None:
    rows = folded(log)
    before, tick = pictures(rows), rows.tick
    for name, one, sequence in log:
        rows.apply(name, one, sequence)
    assert (pictures(rows), rows.tick, rows.as_of) == (before, tick, len(log))


@given(arrivals(), st.data())
def test_whenever_a_reader_comes_back_it_has_the_rows_in_the_end(
    arrived: tuple[list[Told], list[Told]], data: st.DataObject
) -> None:
    log, arriving = arrived
    rows, has, tick, last_id = RunRows(), dict[str, list[Any]](), 0, 0

    def read(limit: int) -> None:
        nonlocal tick, last_id
        for row in rows.changed_after(tick, limit):
            has[row.name] = row.values()
            tick, last_id = row.tick, row.stamp // 2

    for name, one, sequence in arriving:
        rows.apply(name, one, sequence)
        if data.draw(st.booleans()):
            read(data.draw(st.integers(1, 3)))
        if data.draw(st.booleans()):
            tick = rows.tick_of(last_id)  # it was away, and knows its last id and no more
    read(1000)
    assert has == pictures(rows) == pictures(folded(log))
