"""What becomes of a task's triggers when it is deployed, or somebody asks for a change."""

from flyte_schemas.events import EventData
from flyte_schemas.task import TaskTemplate
from flyte_schemas.trigger_events import (
    CreateTrigger,
    DeleteTrigger,
    DeployTriggers,
    SwitchTrigger,
    TriggerCreated,
    TriggerDeleted,
    TriggerRefused,
    TriggersDeployed,
    TriggerSwitched,
)
from flyte_schemas.trigger_state import TaskTriggers, complaint
from flyte_schemas.users import asked_by

Change = DeployTriggers | CreateTrigger | SwitchTrigger | DeleteTrigger


def answer(
    user: str,
    request: Change,
    sequence: int,
    state: TaskTriggers,
    deployed: tuple[str, TaskTemplate] | None,
) -> EventData:
    """The word that answers a request, which stands at `sequence`; `user` has sent it.

    `deployed` is the version of the task that is spoken of, or its latest; None: there is none.
    """
    try:
        somebody = asked_by(user, request.requested_by)
    except ValueError as error:
        return TriggerRefused(reason=str(error))
    asked = getattr(request, "version", None)
    if deployed is None:
        said = f" in version {asked!r}" if asked else ""
        return TriggerRefused(reason=f"task {request.task} is not deployed{said}")
    found, template = deployed
    match request:
        case DeployTriggers(version=version):
            return TriggersDeployed(
                version=version,
                triggers=template.triggers,
                request_sequence=sequence,
                requested_by=somebody,
            )
        case CreateTrigger(trigger=trigger):
            if trigger.name in state.triggers:
                there = f"task {request.task} has a trigger {trigger.name!r} already"
                return TriggerRefused(reason=f"{there}: delete it first")
            if (wrong := complaint(trigger, template.interface)) is not None:
                return TriggerRefused(reason=wrong)
            is_pinned = request.version is not None
            return TriggerCreated(trigger=trigger, version=found, is_pinned=is_pinned, requested_by=somebody)
        case SwitchTrigger(name=name) | DeleteTrigger(name=name) if name not in state.triggers:
            return TriggerRefused(reason=f"task {request.task} has no trigger {name!r}")
        case SwitchTrigger(name=name, is_active=is_active):
            return TriggerSwitched(name=name, is_active=is_active, requested_by=somebody)
        case DeleteTrigger(name=name):
            return TriggerDeleted(name=name, requested_by=somebody)
