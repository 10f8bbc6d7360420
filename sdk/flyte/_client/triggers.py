"""Triggers on the stack: give a task one, see when it fires, switch it on and off, remove it."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any

from flyte import errors
from flyte._client.client import Client
from flyte._client.deployed import fetch_task
from flyte._client.trigger_requests import ask_scheduler
from flyte._client.trouble import say_on_stderr, translated
from flyte._documents import Documented
from flyte._streams import Streamed
from flyte._syncify import Syncified, block_on
from flyte._triggers import Trigger as Declared
from flyte._triggers import TriggerTime
from flyte_bus.triggers import NONE_YET, read_triggers
from flyte_schemas.names import is_name, is_task_name
from flyte_schemas.subjects import TriggerKey
from flyte_schemas.trigger import Automation
from flyte_schemas.trigger_events import CreateTrigger, DeleteTrigger, SwitchTrigger
from flyte_schemas.trigger_state import TriggerState

USUAL_TIME_INPUT = "trigger_time"
"""An input of this name receives the time, where the command line says nothing else."""


async def _create(trigger: Declared, task_name: str, task_version: str | None = None) -> "Trigger":
    """Give a deployed task a trigger. Without `task_version` it runs what is deployed, now and later.

    Raises RemoteTaskNotFoundError, TypeError and ValueError for inputs that the task does not take, and
    RuntimeUserError (`TriggerRefused`) with the scheduler's reason.
    """
    from flyte._task_details import TaskDetails

    client, project, domain = _place()
    name = f"{task_name}:{task_version}" if task_version else task_name
    record = await fetch_task(client, project, domain, name)
    interface = TaskDetails.of(record).native_interface
    trigger.check_inputs(record.name, list(interface.inputs))
    request = CreateTrigger(task=record.name, version=task_version, trigger=trigger.to_wire(interface))
    with translated():
        await ask_scheduler(await client.bus(), project, domain, request, say_on_stderr)
    return await _get(name=trigger.name, task_name=record.name)


async def _get(*, name: str, task_name: str) -> "Trigger":
    """A trigger of a task. Raises RuntimeUserError (`TriggerNotFound`)."""
    client, project, domain = _place()
    with translated():
        known = await read_triggers((await client.bus()).log, project, domain, task_name)
    state = known.get(task_name, NONE_YET).triggers.get(name)
    if state is None:
        raise errors.RuntimeUserError(
            "TriggerNotFound",
            f"task {task_name!r} has no trigger {name!r} in {project}/{domain}: "
            "`flyte get trigger` lists those that there are",
        )
    return Trigger(TriggerKey(project, domain, task_name, name), state)


async def _list(
    task_name: str | None = None, task_version: str | None = None, limit: int = 100
) -> AsyncGenerator["Trigger"]:
    """The triggers by task and name: of all tasks or one; with `task_version`, those that run it."""
    client, project, domain = _place()
    with translated():
        known = await read_triggers((await client.bus()).log, project, domain, task_name)
    found = [
        Trigger(TriggerKey(project, domain, task, name), state)
        for task, triggers in sorted(known.items())
        for name, state in sorted(triggers.triggers.items())
        if task_version in (None, state.version)
    ]
    for one in found[:limit]:
        yield one


async def _update(name: str, task_name: str, active: bool) -> None:
    """Switch a trigger on or off. Raises RuntimeUserError (`TriggerRefused`) where there is none."""
    client, project, domain = _place()
    with translated():
        _named(name, task_name)
        request = SwitchTrigger(task=task_name, name=name, is_active=active)
        await ask_scheduler(await client.bus(), project, domain, request, say_on_stderr)


async def _delete(name: str, task_name: str, project: str | None = None, domain: str | None = None) -> None:
    """Remove a trigger; its runs stay. Raises RuntimeUserError (`TriggerRefused`) where there is none."""
    client, own_project, own_domain = _place()
    with translated():
        _named(name, task_name)
        request = DeleteTrigger(task=task_name, name=name)
        await ask_scheduler(
            await client.bus(), project or own_project, domain or own_domain, request, say_on_stderr
        )


def _named(name: str, task_name: str) -> None:
    """Raises ValueError for what can name no trigger of a task."""
    if not is_name(name) or not is_task_name(task_name):
        raise ValueError(
            f"trigger {name!r} of task {task_name!r}: the name of a trigger has no dots, "
            "that of its task is ENVIRONMENT.FUNCTION"
        )


class Trigger(Documented):
    """A trigger as it was when it was looked at. Methods block; each has an `.aio` form to be awaited."""

    def __init__(self, key: TriggerKey, state: TriggerState) -> None:
        self._key = key
        self._state = state

    def __repr__(self) -> str:
        return f"<trigger {self.id}: {'active' if self.is_active else 'inactive'}>"

    @property
    def id(self) -> str:
        """Project, domain, task and name."""
        return str(self._key)

    @property
    def name(self) -> str:
        return self._key.name

    @property
    def task_name(self) -> str:
        return self._key.task

    @property
    def task_version(self) -> str:
        """What it runs."""
        return self._state.version

    @property
    def automation_spec(self) -> Automation:
        """When it fires: `expression` and `timezone`, or `interval_minutes` and `start_time`."""
        return self._state.trigger.automation

    @property
    def description(self) -> str:
        return self._state.trigger.description

    @property
    def is_active(self) -> bool:
        return self._state.is_active

    @property
    def next_time(self) -> datetime | None:
        """When it fires next, in UTC; None when it is not active."""
        return self._state.next_instant(datetime.now(UTC))

    @property
    def updated_at(self) -> datetime:
        return self._state.updated_at

    def to_dict(self) -> dict[str, Any]:
        """The trigger as JSON data."""
        following = self.next_time
        declared = self._state.trigger.model_dump(mode="json", exclude={"name", "is_active"})
        return {
            "name": self.name,
            "task": self.task_name,
            "version": self.task_version,
            "is_pinned": self._state.is_pinned,
            "is_deployed": self._state.is_deployed,
            "is_active": self.is_active,
            "next_time": following.isoformat() if following else None,
            "since": self._state.since.isoformat(),
            "updated_at": self.updated_at.isoformat(),
            "updated_by": self._state.updated_by,
            **declared,
        }

    create = Syncified(_create)
    get = Syncified(_get)
    listall = Streamed(_list)
    update = Syncified(_update)
    delete = Syncified(_delete)


def time_inputs_of(task: str, wanted: str | None) -> dict[str, Any]:
    """The input of a deployed task that receives the time: the one that is wanted, or `trigger_time`.

    Raises ValueError when the task needs more than that.
    """
    client, project, domain = _place()
    record = block_on(fetch_task(client, project, domain, task))
    inputs = record.template.interface.inputs
    time_input = wanted or USUAL_TIME_INPUT
    missing = [one.name for one in inputs if one.required and one.name != time_input]
    if missing:
        raise ValueError(
            f"task {record.name} needs {', '.join(missing)}: --trigger-time-var names the input that "
            "receives the time; with other inputs, declare the trigger in the code, or use "
            "flyte.remote.Trigger.create"
        )
    return {time_input: TriggerTime} if wanted or time_input in {one.name for one in inputs} else {}


def _place() -> tuple[Client, str, str]:
    from flyte import _session

    client = _session.client()
    return client, client.config.project, client.config.domain
