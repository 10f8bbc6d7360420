"""What is said of triggers: requests by users, and the scheduler's facts, which are all that a trigger is."""

from typing import ClassVar

from pydantic import PositiveInt

from flyte_schemas.events import EventData
from flyte_schemas.trigger import Trigger
from flyte_schemas.words import Name, TaskName, Version


class DeployTriggers(EventData):
    """Please let this version of a task say which triggers the task has: it was deployed."""

    TYPE: ClassVar[str] = "flyte.request.deploy-triggers.v1"
    task: TaskName
    version: Version
    requested_by: str = ""


class CreateTrigger(EventData):
    """Please give this task a trigger; it runs `version`, or, without one, what is deployed."""

    TYPE: ClassVar[str] = "flyte.request.create-trigger.v1"
    task: TaskName
    version: Version | None = None
    trigger: Trigger
    requested_by: str = ""


class SwitchTrigger(EventData):
    """Please switch a trigger on or off."""

    TYPE: ClassVar[str] = "flyte.request.switch-trigger.v1"
    task: TaskName
    name: Name
    is_active: bool
    requested_by: str = ""


class DeleteTrigger(EventData):
    """Please remove a trigger."""

    TYPE: ClassVar[str] = "flyte.request.delete-trigger.v1"
    task: TaskName
    name: Name
    requested_by: str = ""


class TriggersDeployed(EventData):
    """A version of the task was deployed with these triggers; what earlier ones had brought is gone.

    `request_sequence` is where the request stands in REQUESTS: an earlier one changes nothing any more.
    """

    TYPE: ClassVar[str] = "flyte.trigger.deployed.v1"
    version: Version
    triggers: tuple[Trigger, ...] = ()
    request_sequence: PositiveInt
    requested_by: str = ""


class TriggerCreated(EventData):
    """Somebody gave the task a trigger; it runs `version`, and what is deployed later, unless pinned."""

    TYPE: ClassVar[str] = "flyte.trigger.created.v1"
    trigger: Trigger
    version: Version
    is_pinned: bool = False
    requested_by: str = ""


class TriggerSwitched(EventData):
    """Somebody switched one on or off."""

    TYPE: ClassVar[str] = "flyte.trigger.switched.v1"
    name: Name
    is_active: bool
    requested_by: str = ""


class TriggerDeleted(EventData):
    """Somebody removed one."""

    TYPE: ClassVar[str] = "flyte.trigger.deleted.v1"
    name: Name
    requested_by: str = ""


class TriggerRefused(EventData):
    """A request (the event's cause) changed nothing, and why."""

    TYPE: ClassVar[str] = "flyte.trigger.refused.v1"
    reason: str
