"""A failure as a value: a stable code, whose fault it is, and one sentence of what to do."""

from enum import StrEnum

from pydantic import Field

from flyte_schemas.words import Word


class FailureKind(StrEnum):
    """Whose budget a failure is charged to."""

    USER = "user"
    """The task's own doing: retried by the task's `retries`."""
    SYSTEM = "system"
    """The platform's doing (a lost process or node): retried by the platform, never charged to the user."""


class Failure(Word):
    """Why an attempt or an action failed.

    `code` is stable and fit for programs (`ValueError`, `AgentLost`, `TaskNotFound`); `message` says what
    happened; `hint` says what to do; `traceback` shows the user's own files and lines only.
    """

    code: str = Field(min_length=1, max_length=200)
    kind: FailureKind
    message: str = ""
    hint: str = ""
    traceback: str = ""
    recoverable: bool = True
