"""Which triggers a task has: the fold of what was said of them, and what makes one unfit for a task."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from flyte_schemas import schedules
from flyte_schemas.envelope import AnyEvent
from flyte_schemas.task import Interface
from flyte_schemas.trigger import Trigger
from flyte_schemas.trigger_events import TriggerCreated, TriggerDeleted, TriggersDeployed, TriggerSwitched


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerState:
    """One trigger. It fires after `since`, when it was switched on or got its schedule, while it is active.

    `version` is what it runs: the last that was deployed, unless it `is_pinned`. `is_deployed`: that brought
    it, and not a person.
    `declared_by` is the event that made it what it is: the cause of its runs.
    """

    trigger: Trigger
    version: str
    is_pinned: bool
    is_deployed: bool
    is_active: bool
    since: datetime
    updated_at: datetime
    updated_by: str
    declared_by: str

    def next_instant(self, after: datetime) -> datetime | None:
        """When it fires next; None: never, as it is now."""
        if not self.is_active:
            return None
        return schedules.next_instant(self.trigger.automation, self.since, after)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskTriggers:
    """The triggers of one task by name. `sequence` is the last on their subject: what a decision expects."""

    sequence: int = 0
    triggers: Mapping[str, TriggerState] = field(default_factory=dict)
    deployed_at: int = 0
    """Where in REQUESTS the last deployment stands."""
    answered: frozenset[str] = frozenset()
    """The requests that were answered."""

    def agrees(self, version: str, declared: tuple[Trigger, ...]) -> bool:
        """Whether a deployment of this version, with these triggers, would change nothing."""
        there = {name: state for name, state in self.triggers.items() if state.is_deployed}
        return (
            there.keys() == {one.name for one in declared}
            and all(there[one.name].trigger == one for one in declared)
            and all(state.version == version for state in self.triggers.values() if not state.is_pinned)
        )


def evolve(state: TaskTriggers, event: AnyEvent, sequence: int) -> TaskTriggers:
    """The state after one more event; a sequence that was seen before changes nothing."""
    if sequence <= state.sequence:
        return state
    answered = state.answered | ({event.cause} if event.cause else frozenset())
    return replace(
        state,
        sequence=sequence,
        triggers=_triggers(state, event),
        deployed_at=max(state.deployed_at, getattr(event.data, "request_sequence", 0)),
        answered=answered,
    )


def skip(state: TaskTriggers, sequence: int) -> TaskTriggers:
    """The state after a message that nobody can read: a decision must expect it all the same."""
    return replace(state, sequence=max(state.sequence, sequence))


def _triggers(state: TaskTriggers, event: AnyEvent) -> Mapping[str, TriggerState]:
    known = state.triggers
    match event.data:
        case TriggersDeployed() as data if data.request_sequence > state.deployed_at:
            kept = {
                name: one if one.is_pinned else replace(one, version=data.version)
                for name, one in known.items()
                if not one.is_deployed
            }
            return kept | {
                trigger.name: _declared(trigger, data, event, known.get(trigger.name))
                for trigger in data.triggers
            }
        case TriggerCreated(trigger=trigger) as data:
            return {**known, trigger.name: _declared(trigger, data, event, known.get(trigger.name))}
        case TriggerSwitched(name=name, is_active=is_active, requested_by=somebody) if name in known:
            before = known[name]
            since = event.time if is_active and not before.is_active else before.since
            now = replace(
                before, is_active=is_active, since=since, updated_at=event.time, updated_by=somebody
            )
            return {**known, name: now}
        case TriggerDeleted(name=name):
            return {other: one for other, one in known.items() if other != name}
        case _:
            return known


def _declared(
    trigger: Trigger, data: TriggersDeployed | TriggerCreated, event: AnyEvent, before: TriggerState | None
) -> TriggerState:
    """A trigger that fires by the same schedule as before goes on; any other begins now."""
    goes_on = before is not None and before.is_active and before.trigger.automation == trigger.automation
    return TriggerState(
        trigger=trigger,
        version=data.version,
        is_pinned=isinstance(data, TriggerCreated) and data.is_pinned,
        is_deployed=isinstance(data, TriggersDeployed),
        is_active=trigger.is_active,
        since=before.since if before is not None and goes_on else event.time,
        updated_at=event.time,
        updated_by=data.requested_by,
        declared_by=event.id,
    )


def complaint(trigger: Trigger, interface: Interface) -> str | None:
    """Why a task with this interface cannot have the trigger; None when it can."""
    if (wrong := schedules.complaint(trigger.automation)) is not None:
        return f"trigger {trigger.name!r}: {wrong}"
    known = {parameter.name for parameter in interface.inputs}
    given = {*trigger.inputs, *trigger.time_inputs, *trigger.artifact_inputs}
    if strange := sorted(given - known):
        return f"trigger {trigger.name!r} gives {', '.join(strange)}, which the task does not take"
    missing = [one.name for one in interface.inputs if one.required and one.name not in given]
    if missing:
        return f"trigger {trigger.name!r} gives no {', '.join(missing)}"
    return None
