"""Actions of a run: all of them in a row each, one in full, and why it stands where it stands."""

from typing import Any, Literal

from flyte_console.answers.parts import Answer, Moment, Values
from flyte_schemas.failure import Failure
from flyte_schemas.phase import ActionPhase
from flyte_schemas.task import TaskTemplate


class ActionRow(Answer):
    """One action of a run, and when it entered which phase. In answers it is an array, in this order.

    `history`: where the log says so, when (ms), which phase, in which attempt.
    """

    name: str
    kind: Literal["task", "trace", "condition"]
    parent: str | None
    task: str
    group: str | None
    phase: ActionPhase
    attempt: int
    requested_at_ms: int
    history: list[tuple[int, int, ActionPhase, int]]
    ended_at_ms: int | None
    failure_code: str | None
    cached: bool
    recovered_from: str | None
    has_report: bool


class Actions(Answer):
    """All actions of a run. `settled`: none of them will change any more."""

    columns: tuple[str, ...]
    rows: list[list[Any]]
    settled: bool
    as_of: int


class ActionsChanged(Answer):
    """In a stream: these actions are now so; each row replaces the one of the same name."""

    rows: list[list[Any]]
    as_of: int


class AttemptFacts(Answer):
    """One attempt. `ended_at` None: nobody said that it did; `log_bytes` None: nobody knows, or not yet."""

    number: int
    pool: str
    queued_at: Moment
    placed_at: Moment | None
    started_at: Moment | None
    ended_at: Moment | None
    worker: str
    failure: Failure | None
    is_cut_short: bool
    retry_at: Moment | None
    log_bytes: int | None


class ReportFacts(Answer):
    """The report of an attempt; `href` shows it."""

    attempt: int
    size_bytes: int
    href: str


class ConditionFacts(Answer):
    """A question that somebody has to answer, or has answered."""

    prompt: str
    prompt_type: Literal["text", "markdown"]
    data_type: str
    description: str
    timeout_s: float | None
    signalled_by: str


class ActionFacts(Answer):
    """One action, in full. `waiting`: what its attempt waits for, as far as anybody said.

    `template` is the task's as this call wanted it; None where nothing was deployed (a trace, a condition).
    """

    row: ActionRow
    version: str | None
    inputs: Values
    outputs: Values | None
    attempts: tuple[AttemptFacts, ...]
    failure: Failure | None
    waiting: str
    abort_reason: str
    aborted_by: str
    cached_from: str
    recovered_from: str
    condition: ConditionFacts | None
    reports: tuple[ReportFacts, ...]
    template: TaskTemplate | None


class ActionAnswer(Answer):
    """One action, in full."""

    action: ActionFacts
    as_of: int


class ExplainedStep(Answer):
    """An action on the way to what really failed."""

    action: str
    task: str
    phase: ActionPhase


class ExplainedAttempt(Answer):
    """One attempt at the cause."""

    attempt: int
    queued_at: str | None
    placed_at: str | None
    started_at: str | None
    ended_at: str | None
    worker: str
    code: str | None
    message: str | None
    is_cut_short: bool
    retry_at: str | None


class ExplainedWait(Answer):
    """An action that is not over, and why."""

    action: str
    task: str
    waits_for: str
    text: str
    since: str | None
    until: str | None


class ExplainedClock(Answer):
    """A time that the task has set, and what happens then."""

    at: str | None
    text: str


class Explanation(Answer):
    """Why an action failed, or what it waits for: what `flyte explain -o json` prints."""

    run: str
    action: str
    task: str
    phase: ActionPhase
    summary: str
    notes: tuple[str, ...]
    cause: str
    path: tuple[ExplainedStep, ...]
    failure: Failure | None
    todo: str
    page: str
    attempts: tuple[ExplainedAttempt, ...]
    waits: tuple[ExplainedWait, ...]
    clocks: tuple[ExplainedClock, ...]
    log: tuple[str, ...]


class ExplanationAnswer(Answer):
    """An explanation, as the log is now."""

    explanation: Explanation
    as_of: int
