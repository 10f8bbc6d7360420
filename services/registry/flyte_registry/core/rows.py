"""What an event changes in the read model, as values: one row a task version, one row a run.

A run's row holds the folded state of its root action, so that the next event needs this row and nothing
else. Inputs and outputs are left out: they are the log's to tell, and can be large.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from flyte_schemas.action import ActionState, evolve
from flyte_schemas.endpoints import RunSummary
from flyte_schemas.envelope import AnyEvent
from flyte_schemas.events import (
    ActionAborted,
    ActionFailed,
    ActionRecovered,
    ActionRequested,
    ActionTimedOut,
    ConditionRequested,
    ConditionSignalled,
    TaskDeployed,
)
from flyte_schemas.failure import Failure
from flyte_schemas.imported import TaskImported
from flyte_schemas.names import is_name
from flyte_schemas.subjects import ActionKey, RunKey, parse_task
from flyte_schemas.task import TaskTemplate

LINE_CHARACTERS = 300
"""How much of a text stands in a list."""

NOTHING_YET = ActionState()

BEFORE_ALL_DEPLOYED = 2**62
"""What the place of an imported version is put back by: any that was deployed here counts as later."""

_ENDS_OF_CONDITIONS = (ConditionSignalled, ActionTimedOut, ActionAborted, ActionFailed, ActionRecovered)
"""How a condition ends; the end of any other action is the same to a run's row, but for its root's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """One version of a task; `sequence` is where the log says so, far below 0 when it was only imported."""

    project: str
    domain: str
    name: str
    version: str
    sequence: int
    deployed_at: datetime
    template: TaskTemplate

    @property
    def is_imported(self) -> bool:
        """Whether it came with a run, and nobody has deployed it."""
        return self.sequence < 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run: the state of its root action, how many actions it has, and where in the log it began.

    `paused` are its conditions that wait for an answer, by name.

    `sequence` is 0 while only child actions were seen, which a gap in reading can cause.
    """

    key: RunKey
    sequence: int = 0
    actions: int = 0
    root: ActionState = NOTHING_YET
    paused: frozenset[str] = frozenset()


def task_row(subject: str, event: AnyEvent, sequence: int) -> TaskRow | None:
    """The row of a task version, when this event makes one."""
    place = parse_task(subject)
    if place is None or not isinstance(event.data, TaskDeployed | TaskImported):
        return None
    project, domain, name = place
    if not all(is_name(part) for part in name.split(".")):
        return None
    return TaskRow(
        project=project,
        domain=domain,
        name=name,
        version=event.data.version,
        sequence=sequence - BEFORE_ALL_DEPLOYED if isinstance(event.data, TaskImported) else sequence,
        deployed_at=event.time,
        template=event.data.template,
    )


def concerns_run(key: ActionKey, event: AnyEvent) -> bool:
    """Whether the run's row can change: by an event of its root, one more action, or the end of a condition.

    A run whose name could not stand in an answer has no row (the server lets longer tokens through).
    """
    of_any_action = isinstance(event.data, (ActionRequested, ConditionRequested, *_ENDS_OF_CONDITIONS))
    return (key.is_root or of_any_action) and is_name(key.run.run)


def fold_run(row: RunRow, key: ActionKey, event: AnyEvent, sequence: int) -> RunRow:
    """The run's row after an event of one of its actions."""
    if not key.is_root:
        return _fold_below(row, key.action, event)
    root = evolve(row.root, event, sequence)
    began = root.requested is not None and row.root.requested is None
    return RunRow(
        key=row.key,
        sequence=sequence if began else row.sequence,
        actions=row.actions + 1 if began else row.actions,
        root=_without_values(root),
        paused=row.paused,
    )


def _fold_below(row: RunRow, action: str, event: AnyEvent) -> RunRow:
    match event.data:
        case ActionRequested():
            return replace(row, actions=row.actions + 1)
        case ConditionRequested():
            return replace(row, actions=row.actions + 1, paused=row.paused | {action})
        case data if isinstance(data, _ENDS_OF_CONDITIONS):
            return replace(row, paused=row.paused - {action})
        case _:
            return row


def run_summary(row: RunRow, *, in_full: bool) -> RunSummary | None:
    """The run in a line, its failure whole only when `in_full`; None while its root was not seen."""
    root = row.root
    if root.requested is None or root.phase is None or root.requested_at is None:
        return None
    return RunSummary(
        name=row.key.run,
        task=root.requested.task.name,
        version=root.requested.task.version,
        phase=root.phase,
        requested_at=root.requested_at,
        started_at=root.started_at,
        ended_at=root.ended_at,
        attempts=root.attempt,
        actions=row.actions,
        paused=0 if root.is_terminal else len(row.paused),
        labels=root.requested.settings.labels if root.requested.settings else {},
        requested_by=root.requested.requested_by,
        failure=root.failure if in_full else _in_a_line(root.failure),
    )


def shortened(text: str) -> str:
    """At most `LINE_CHARACTERS` of a text."""
    return text if len(text) <= LINE_CHARACTERS else text[: LINE_CHARACTERS - 1] + "…"


def _without_values(root: ActionState) -> ActionState:
    requested = root.requested
    if requested is not None and requested.settings is not None and requested.settings.notifications:
        settings = requested.settings.model_copy(update={"notifications": ()})
        requested = requested.model_copy(update={"settings": settings})
    if requested is not None and (requested.inputs or requested.env_vars or requested.overrides):
        requested = requested.model_copy(update={"inputs": {}, "env_vars": {}, "overrides": None})
    if requested is root.requested and root.outputs is None:
        return root
    return root._replace(requested=requested, outputs=None)


def _in_a_line(failure: Failure | None) -> Failure | None:
    if failure is None:
        return None
    changes = {"message": shortened(failure.message), "hint": shortened(failure.hint), "traceback": ""}
    return failure.model_copy(update=changes)
