"""What the console answers, as models: each answer is made of them, and so is the OpenAPI document.

Times are UTC, in ISO 8601 with milliseconds; those that end in `_ms` are milliseconds since the epoch.
`as_of` is the sequence of the log that an answer reflects.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, PlainSerializer, WithJsonSchema

from flyte_schemas.phase import ActionPhase

Moment = Annotated[
    datetime,
    PlainSerializer(lambda time: iso(time), return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]


def iso(time: datetime) -> str:
    """A time as the console writes it."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Answer(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Problem(Answer):
    """Why there is no answer: a stable code, what is wrong, and what to do."""

    code: str
    message: str
    hint: str = ""


class About(Answer):
    """What answers here, and what the page shows first. `nats`: whether the bus answers."""

    service: str
    version: str
    nats: Literal["connected", "away"]
    default_project: str
    default_domain: str
    as_of: int


# -- runs ----------------------------------------------------------------------------------------------------


class FailureLine(Answer):
    """Why something failed, in a line."""

    code: str
    message: str


class RunRow(Answer):
    """One run, in a line. `paused`: how many of its conditions wait for an answer."""

    name: str
    task: str
    version: str
    phase: ActionPhase
    requested_at: Moment
    started_at: Moment | None = None
    ended_at: Moment | None = None
    attempts: int = 0
    actions: int = 0
    paused: int = 0
    labels: dict[str, str] = {}
    requested_by: str = ""
    failure: FailureLine | None = None


class Runs(Answer):
    """A page of runs, newest first; `next` is the cursor of the following one. `counts`: runs by phase."""

    runs: tuple[RunRow, ...]
    next: str | None = None
    counts: dict[str, int] = {}
    as_of: int


class RunsChanged(Answer):
    """In a stream: these runs are now so."""

    runs: tuple[RunRow, ...]
    as_of: int


class Position(Answer):
    """In a stream: nothing but the position."""

    as_of: int


class InlineValue(Answer):
    """A value that is small; large parts of it are places, `{"$payload": …}`."""

    kind: Literal["inline"] = "inline"
    value: Any


class ReferencedValue(Answer):
    """A value that lies in the artifact store as JSON; `href` gives it."""

    kind: Literal["reference"] = "reference"
    uri: str
    size_bytes: int
    href: str


Values = dict[str, InlineValue | ReferencedValue]
"""Inputs or outputs, by name."""


class RunFacts(RunRow):
    """One run, in full. `url`: its address for the CLI."""

    inputs: Values = {}
    outputs: Values | None = None
    annotations: dict[str, str] = {}
    env_vars: dict[str, str] = {}
    report: bool = False
    rerun_of: str | None = None
    url: str


class RunAnswer(Answer):
    run: RunFacts
    as_of: int


# -- actions -------------------------------------------------------------------------------------------------


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
