"""What is said of two runs: each by itself in a line, and then only what differs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flyte._explaining.record import RunRecord
from flyte_schemas.phase import ActionPhase
from flyte_schemas.subjects import RunKey
from flyte_schemas.task import TaskReference, TaskTemplate


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two runs, as the log has it, with the templates of its tasks as far as the log has them."""

    run: RunKey
    record: RunRecord
    templates: Mapping[TaskReference, TaskTemplate] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that differs: its name, and what it is on either side as JSON data (None: not there)."""

    what: str
    left: Any
    right: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """A run in a line. `seconds`: from its request to its end; None while it goes on."""

    run: RunKey
    task: str
    version: str
    phase: ActionPhase
    seconds: float | None
    counts: tuple[tuple[ActionPhase, int], ...]

    @property
    def actions(self) -> int:
        return sum(count for _, count in self.counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDiff:
    """A task that both runs have called, in other versions, and what differs in its templates."""

    task: str
    left: tuple[str, ...]
    right: tuple[str, ...]
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSide:
    """An action on one side."""

    name: str
    phase: ActionPhase
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionDiff:
    """The same call on both sides, where something differs; or a call that only one run has made.

    `task` is what was called: a task, a traced function, or `condition NAME`. `path` are the calls above it.
    """

    task: str
    path: tuple[str, ...]
    left: ActionSide | None
    right: ActionSide | None
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two runs, and what differs. `alike` is how many calls are the same but for their times."""

    left: RunFacts
    right: RunFacts
    inputs: tuple[Change, ...]
    tasks: tuple[TaskDiff, ...]
    actions: tuple[ActionDiff, ...]
    alike: int

    @property
    def is_same(self) -> bool:
        """Whether nothing differs but times."""
        return not (self.inputs or self.tasks or self.actions)
