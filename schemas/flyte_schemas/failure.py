"""A failure as a value: a stable code, whose fault it is, and one sentence of what to do."""

from enum import StrEnum

from pydantic import Field

from flyte_schemas.words import Word

RAN_TOO_LONG = "TaskTimeout"
"""The code of an attempt that ran longer than its task's `max_runtime`."""
WAITED_TOO_LONG = "QueuedTimeout"
"""Of one that waited for a place longer than its task's `max_queued_time`."""
PAST_DEADLINE = "DeadlineExceeded"
"""Of an action that was not over within its task's `deadline`, all attempts together."""

TIMEOUTS = frozenset({RAN_TOO_LONG, WAITED_TOO_LONG, PAST_DEADLINE})
"""The codes of failures that end an action as timed out, when no retry is left."""


class FailureKind(StrEnum):
    """Whose budget a failure is charged to."""

    USER = "user"
    """The task's own doing: retried by the task's `retries`."""
    SYSTEM = "system"
    """The platform's doing (a lost process or node): retried by the platform, never charged to the user."""
    UNKNOWN = "unknown"
    """Nobody can tell, the task said so itself: retried as the task's own."""


class Failure(Word):
    """Why an attempt or an action failed.

    `code` is stable and fit for programs (`ValueError`, `AgentLost`, `TaskNotFound`); those of the platform
    stand in `flyte_schemas.failure_codes`. `message` says what happened; `hint` says what to do; `traceback`
    shows the user's own files and lines only.
    """

    code: str = Field(min_length=1, max_length=200)
    kind: FailureKind
    message: str = ""
    hint: str = ""
    traceback: str = ""
    recoverable: bool = True
