"""What a drill forgives: that the task of a worker which nobody could hear ran on beside its successor."""

import time

import pytest

from flyte_schemas.run import RunFold
from flyte_schemas.subjects import RunKey
from testkit.chaos.absences import Absence, Absences
from testkit.chaos.verdict import Call, Verdict, check_calls
from testkit.events import event
from testkit.words import queued, requested

RUN = RunKey("p", "d", "r")
LOST, SUCCESSOR = 100, 200
"""Processes: the lost worker's and the next one's."""


def judged(calls: list[Call], *, lost: dict[tuple[str, int], int], absent: int | None = None) -> Verdict:
    """The verdict on executions of `a0`, when the agent `absent` was out of touch from 3 to 8."""
    fold = RunFold()
    for number, word in enumerate((requested(), queued()), 1):
        fold.apply("a0", event(f"{RUN}", word), number)
    absences = Absences()
    if absent is not None:
        absences.known.append(Absence(pid=absent, since=3, until=8))
    verdict = Verdict(lost=lost)
    check_calls({RUN: fold}, calls, absences, verdict)
    return verdict


def call(attempt: int, began: int, ended: int) -> Call:
    return Call("r/a0", attempt, 1, began, ended)


BESIDE = [call(1, 1, 9), call(2, 5, 6)]
LATE = [call(2, 5, 10), call(1, 9, 11)]
GIVEN_AWAY = {("r/a0", 1): LOST}


@pytest.mark.parametrize("calls", [BESIDE, LATE], ids=["runs on", "begins late"])
def test_a_task_of_a_lost_worker_that_was_out_of_touch_may_run_on(calls: list[Call]) -> None:
    verdict = judged(calls, lost=GIVEN_AWAY, absent=LOST)
    assert (verdict.broken, verdict.beside) == ([], 1)


@pytest.mark.parametrize(
    ("lost", "absent"),
    [({}, LOST), (GIVEN_AWAY, None), (GIVEN_AWAY, SUCCESSOR), ({("r/a0", 2): SUCCESSOR}, SUCCESSOR)],
    ids=["it was not given away", "it was in touch", "another was out of touch", "the successor was lost"],
)
def test_no_other_may(lost: dict[tuple[str, int], int], absent: int | None) -> None:
    verdict = judged(BESIDE, lost=lost, absent=absent)
    assert verdict.beside == 0
    assert len(verdict.broken) == 1
    assert "two at a time" in verdict.broken[0]


def test_a_third_execution_is_held_against_each_before_it() -> None:
    verdict = judged([call(1, 1, 9), call(2, 2, 3), call(3, 4, 5)], lost={})
    assert len(verdict.broken) == 2


def test_an_attempt_runs_once_whoever_was_out_of_touch() -> None:
    verdict = judged([call(1, 1, 2), call(1, 3, 4)], lost=GIVEN_AWAY, absent=LOST)
    assert "twice in one attempt" in verdict.broken[0]


def test_who_is_back_is_in_touch() -> None:
    absences = Absences()
    absence = absences.begin(LOST)
    absence.end()
    later = time.monotonic_ns() + 1
    assert absences.of(LOST, 0, later)
    assert not absences.of(LOST, later, later + 1)
    assert not absences.of(SUCCESSOR, absence.since, later)


def test_some_agents_out_of_touch_may_be_any() -> None:
    absences = Absences()
    absences.begin(None)
    assert absences.of(LOST, 0, time.monotonic_ns() + 1)
