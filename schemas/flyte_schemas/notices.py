"""Notifications that an operator configures, those that are on their way, and those that reached nobody."""

from fnmatch import fnmatchcase
from typing import Any, ClassVar, Literal

from pydantic import NonNegativeInt, PositiveInt

from flyte_schemas.events import EventData
from flyte_schemas.phase import ActionPhase
from flyte_schemas.words import Moment, Name, Word

RULES_KEY = "notifications"
"""Where the rules stand that were created by a command, in the settings' bucket."""

Kind = Literal["webhook", "slack", "teams", "email", "command"]


class Rule(Word):
    """Tells somebody of runs that end in one of `phases` (none: of any end), or of events of these `types`.

    Only of what its patterns for project, domain and task match, and nothing from before `created_at`. With
    `only_by_name` it tells of runs that name it, and of no other. `settings` are what `kind` needs, as
    `flyte.notify` checks them; of a command its words.
    """

    name: Name
    project: str = "*"
    domain: str = "*"
    task: str = "*"
    phases: tuple[ActionPhase, ...] = ()
    types: tuple[str, ...] = ()
    only_by_name: bool = False
    kind: Kind
    settings: dict[str, Any] = {}
    created_at: Moment | None = None

    def concerns(self, project: str, domain: str, task: str) -> bool:
        """Whether its patterns match."""
        return (
            fnmatchcase(project, self.project)
            and fnmatchcase(domain, self.domain)
            and fnmatchcase(task, self.task)
        )


class RuleBook(Word):
    """All rules by name."""

    rules: dict[str, Rule] = {}


class Delivery(Word):
    """One event on its way to one target: a rule (`rule:NAME`), or what a run itself asks for (`run:NUMBER`).

    `sequence` is where in RUNS the event stands. Not to be tried before `next_at`; until `claimed_until` a
    notifier is at it.
    """

    target: str
    event_id: str
    subject: str
    sequence: PositiveInt
    tries: NonNegativeInt = 0
    next_at: Moment
    claimed_until: Moment | None = None
    error: str = ""


class NotificationFailed(EventData):
    """Nobody took a notification, and it is tried no more. Its address is not told: it may be a secret."""

    TYPE: ClassVar[str] = "flyte.notification.failed.v1"
    target: str
    event_id: str
    sequence: PositiveInt
    tries: NonNegativeInt
    error: str
