"""An explanation as a value: what a person is told, and what a program reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from flyte._explaining.record import AttemptRecord
from flyte_schemas.failure import Failure
from flyte_schemas.failure_codes import PAGES, find_code
from flyte_schemas.phase import ActionPhase
from flyte_schemas.task import TaskReference, TaskTemplate

USERS_PAGE = f"{PAGES}/README.md"
"""Of codes that are the user's own."""


class WaitsFor(StrEnum):
    """What keeps an action from ending now."""

    EXECUTOR = "executor"
    SLOT = "slot"
    BACKOFF = "backoff"
    RESULT = "result"
    """That another action computes just now, and the cache will have."""
    START = "start"
    """A process has it, and fetches and imports its code."""
    FUNCTION = "function"
    CHILDREN = "children"
    PERSON = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """One action that is not over, and why."""

    action: str
    task: str
    waits_for: WaitsFor
    text: str
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """A time that the task has set, and what happens then."""

    at: datetime
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An action on the way from what was asked about to what really failed."""

    action: str
    task: str
    phase: ActionPhase


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What an explanation needs beside the run's events.

    `templates`: of the tasks that the log has. `waiting_elsewhere`: how many actions of other runs of the
    project and domain wait for a slot too (None: unknown). `computing`: who computes the result that an
    action waits for, by the action's name. `has_executor`: whether one answers (None: nobody asked).
    """

    now: datetime
    templates: Mapping[TaskReference, TaskTemplate]
    waiting_elsewhere: int | None = None
    computing: Mapping[str, str] = field(default_factory=dict)
    has_executor: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why an action ended as it did, or what it waits for. `str` gives all of it for a person.

    `cause` is the action that it is about in the end: the one that really failed, with its `attempts` and its
    `failure`; `path` leads there. `todo` is what to do; `log` holds the last lines that the cause printed.
    """

    run: str
    action: str
    task: str
    phase: ActionPhase
    summary: str
    notes: tuple[str, ...] = ()
    path: tuple[Step, ...] = ()
    attempts: tuple[AttemptRecord, ...] = ()
    failure: Failure | None = None
    todo: str = ""
    waits: tuple[Wait, ...] = ()
    clocks: tuple[Clock, ...] = ()
    log: tuple[str, ...] = ()

    @property
    def cause(self) -> str:
        return self.path[-1].action if self.path else self.action

    @property
    def page(self) -> str:
        """The page of the documentation on the failure's code; empty without a failure."""
        if self.failure is None:
            return ""
        known = find_code(self.failure.code)
        return known.page if known else USERS_PAGE

    def __str__(self) -> str:
        from flyte._explaining.text import text_of

        return text_of(self)

    def to_dict(self) -> dict[str, Any]:
        """The explanation as JSON data."""
        from flyte._explaining.document import document_of

        return document_of(self)
