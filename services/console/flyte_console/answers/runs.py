"""Runs, in a line and in full."""

from flyte_console.answers.parts import Answer, FailureLine, Moment, Values
from flyte_schemas.phase import ActionPhase


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
    labels: dict[str, str]
    requested_by: str = ""
    failure: FailureLine | None = None


class Runs(Answer):
    """A page of runs, newest first; `next` is the cursor of the following one. `counts`: runs by phase."""

    runs: tuple[RunRow, ...]
    next: str | None = None
    counts: dict[str, int]
    as_of: int


class RunsChanged(Answer):
    """In a stream: these runs are now so."""

    runs: tuple[RunRow, ...]
    as_of: int


class RunFacts(RunRow):
    """One run, in full. `url`: its address for the CLI."""

    inputs: Values
    outputs: Values | None = None
    annotations: dict[str, str]
    env_vars: dict[str, str]
    report: bool = False
    rerun_of: str | None = None
    url: str


class RunAnswer(Answer):
    """One run, in full."""

    run: RunFacts
    as_of: int
