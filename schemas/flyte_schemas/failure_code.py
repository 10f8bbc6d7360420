"""What there is to know of one failure code: what it means, what to do, how it is retried."""

from dataclasses import dataclass
from enum import StrEnum

from flyte_schemas.failure import FailureKind

PAGES = "docs/failures"
"""The folder of the pages, in the source tree."""


class Retried(StrEnum):
    """Who tries again after a failure."""

    BY_THE_TASK = "as often as the task's retries allow"
    BY_THE_PLATFORM = "by the platform, at once; the 4th such failure in a row ends the action"
    NEVER = "never: it would fail again in the same way"
    BY_YOU = "by you: it is the answer to a command or a question, no attempt of a task"


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureCode:
    """One code. `meaning` and `remedy` are for people: what happened, and what to do about it."""

    code: str
    kind: FailureKind
    retried: Retried
    meaning: str
    remedy: str

    @property
    def page(self) -> str:
        """Where its page is, from the root of the source tree."""
        return f"{PAGES}/{self.code}.md"


def user_code(code: str, meaning: str, remedy: str, retried: Retried = Retried.BY_THE_TASK) -> FailureCode:
    return FailureCode(code=code, kind=FailureKind.USER, retried=retried, meaning=meaning, remedy=remedy)


def system_code(
    code: str, meaning: str, remedy: str, retried: Retried = Retried.BY_THE_PLATFORM
) -> FailureCode:
    return FailureCode(code=code, kind=FailureKind.SYSTEM, retried=retried, meaning=meaning, remedy=remedy)
