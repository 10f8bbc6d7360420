"""The audit finds what must not be in a log, and nothing where all is well."""

import pytest

import flyte_schemas.action
from flyte_schemas.audit import INVARIANTS, Audit
from flyte_schemas.events import (
    ActionAborted,
    ActionCacheHit,
    ActionFailed,
    ActionQueued,
    ActionRecovered,
    ActionRequested,
    ActionRetried,
    AttemptFailed,
    AttemptPlaced,
    AttemptStarted,
    AttemptSucceeded,
    ConditionRequested,
    ConditionSignalled,
    EventData,
    TraceFailed,
    TraceSucceeded,
)
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.literals import InlineLiteral
from flyte_schemas.task import TaskReference
from testkit.events import MORNING, action, event

TASK = TaskReference(name="env.fn", version="v1")
REQUESTED = ActionRequested(task=TASK)
CHILD = ActionRequested(task=TASK, parent="a0", parent_attempt=1)
QUEUED = ActionQueued(attempt=1, pool="p")
PLACED = AttemptPlaced(attempt=1, worker="w")
STARTED = AttemptStarted(attempt=1, worker="w")
DONE = AttemptSucceeded(attempt=1, outputs={"o0": InlineLiteral(value=1)})
TRACED = TraceSucceeded(name="m.fetch", parent="a0", parent_attempt=1, started_at=MORNING)
NOT_TRACED = TraceFailed(
    name="m.fetch",
    parent="a0",
    parent_attempt=1,
    started_at=MORNING,
    failure=Failure(code="ValueError", kind=FailureKind.USER),
)
ASKED = ConditionRequested(prompt="Go on?", parent="a0", parent_attempt=1)
ANSWERED = ConditionSignalled(value=True)
LOST = Failure(code="AgentLost", kind=FailureKind.SYSTEM)
SECOND = (
    ("a0", AttemptFailed(attempt=1, failure=LOST)),
    ("a0", ActionRetried(attempt=1, reason="")),
    ("a0", ActionQueued(attempt=2, pool="p")),
    ("a0", AttemptStarted(attempt=2, worker="v")),
)
LIFE = (("a0", REQUESTED), ("a0", QUEUED), ("a0", PLACED), ("a0", STARTED))


def audited(*told: tuple[str, EventData], ids: dict[int, str] | None = None) -> list[str]:
    """The invariants that this log breaks."""
    audit = Audit()
    for number, (name, data) in enumerate(told, 1):
        id = (ids or {}).get(number, f"e{number}")
        audit.take(action(name), number, event(action(name), data, id=id))
    audit.finish()
    return [violation.invariant for violation in audit.violations]


def test_an_honest_log_breaks_nothing() -> None:
    hit = ActionCacheHit(source="project/domain/run/a0", outputs=DONE.outputs)
    child = (("c", CHILD), ("c", QUEUED), ("c", ActionAborted(reason="")))
    traces = (("t", TRACED), ("t", TRACED), ("u", NOT_TRACED))
    assert audited(*LIFE, *child, *traces, ("a0", DONE), ("a0", STARTED), ("b", REQUESTED), ("b", hit)) == []


def test_late_words_of_an_attempt_that_has_failed_break_nothing() -> None:
    late = (("a0", AttemptFailed(attempt=1, failure=LOST)), ("a0", STARTED))
    end = (("a0", AttemptFailed(attempt=2, failure=LOST)), ("a0", ActionFailed(failure=LOST)))
    assert audited(*LIFE, *SECOND, *late, *end) == []


def test_a_fold_that_believes_earlier_attempts_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flyte_schemas.action, "_is_fenced", lambda state, data: False)
    late = (("a0", AttemptFailed(attempt=1, failure=LOST)), ("a0", ActionRetried(attempt=2, reason="")))
    assert audited(*LIFE, *SECOND, *late) == ["attempt"]


def test_an_honest_log_with_people_and_recoveries_breaks_nothing() -> None:
    recovered = ActionRecovered(source="project/domain/run/c", outputs=DONE.outputs)
    child = (("c", CHILD), ("c", QUEUED), ("c", PLACED), ("c", STARTED), ("c", DONE))
    assert audited(*LIFE, *child, ("d", CHILD), ("d", recovered), ("ok", ASKED), ("ok", ANSWERED)) == []


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ("request", (*LIFE, ("a0", REQUESTED))),
        ("request", (("a0", QUEUED),)),
        ("decision", (*LIFE, ("a0", QUEUED))),
        ("decision", (*LIFE, ("a0", DONE), ("a0", ActionAborted(reason="")))),
        ("claim", (*LIFE, ("a0", AttemptPlaced(attempt=1, worker="other")))),
        ("no repetition", (*LIFE, ("a0", DONE), ("a0", AttemptStarted(attempt=2, worker="w")))),
        ("attempt", (*LIFE, *SECOND, ("a0", ActionFailed(failure=LOST)))),
        ("parent", (("c", CHILD),)),
        ("parent", (("a0", REQUESTED), ("c", CHILD))),
        ("trace", (("t", TRACED),)),
        ("trace", (("a0", REQUESTED), ("t", TRACED))),
        ("trace", (*LIFE, ("t", TRACED), ("t", NOT_TRACED))),
        ("request", (*LIFE, ("t", TRACED), ("t", CHILD))),
        ("decision", (*LIFE, ("t", TRACED), ("t", QUEUED))),
        ("parent", (("a0", REQUESTED), ("ok", ASKED))),
        ("family", (*LIFE, ("c", CHILD), ("a0", DONE))),
        ("family", (*LIFE, ("ok", ASKED), ("a0", DONE))),
        ("request", (*LIFE, ("ok", ASKED), ("ok", ASKED))),
        ("request", (*LIFE, ("ok", ANSWERED))),
        ("decision", (*LIFE, ("ok", ASKED), ("ok", ANSWERED), ("ok", ANSWERED))),
        (
            "cache",
            (
                *LIFE,
                ("a0", DONE),
                ("b", REQUESTED),
                ("b", ActionRecovered(source="project/domain/run/a0", outputs={})),
            ),
        ),
        (
            "cache",
            (
                *LIFE,
                ("a0", DONE),
                ("b", REQUESTED),
                ("b", ActionCacheHit(source="project/domain/run/a0", outputs={})),
            ),
        ),
    ],
)
def test_what_must_not_be_is_found(broken: str, told: tuple[tuple[str, EventData], ...]) -> None:
    assert audited(*told) == [broken]


def test_an_id_stands_for_one_content() -> None:
    assert audited(*LIFE, ("a0", DONE), ("a0", DONE), ids={5: "x", 6: "x"}) == []
    assert audited(*LIFE, ids={2: "x", 3: "x"}) == ["identity"]


def test_every_invariant_that_is_reported_is_explained() -> None:
    reported = {"identity", "request", "decision", "claim", "no repetition", "parent", "family", "cache"}
    assert reported | {"trace", "attempt"} == set(INVARIANTS)
