"""Details of actions and of runs: found by name or by id, and followed while they change."""

import dataclasses
from collections.abc import AsyncGenerator
from contextlib import aclosing

from flyte._client.details import Connected, Details
from flyte._client.phases import read_history
from flyte._client.trouble import translated
from flyte._runtime.context import ActionID, ctx
from flyte._runtime.interface import NativeInterface
from flyte._streams import Streamed, streamed
from flyte._syncify import Syncified
from flyte_schemas.streams import RUNS
from flyte_schemas.subjects import ROOT_ACTION, ActionKey, RunKey, action_subject


async def _get_details(
    uri: str | None = None, run_name: str | None = None, name: str | None = None
) -> "ActionDetails":
    """The details of an action as it is now; for what is given, and what is raised, see `Action.get`."""
    from flyte._client.actions import get_action

    return await (await get_action(uri, run_name, name))._details()


async def _get_details_by_id(action_id: ActionID) -> "ActionDetails":
    """The details of the action that an id names (that of a `TaskContext`, or of other details).

    Raises ActionNotFoundError.
    """
    connected, key = _place_of(action_id)
    with translated():
        return ActionDetails(connected, key, await read_history(await connected.bus(), key))


async def _watch_by_id(action_id: ActionID) -> AsyncGenerator["ActionDetails"]:
    """The details of an action now and after each change, until it has ended."""
    connected, key = _place_of(action_id)
    async with aclosing(watch_details(connected, key)) as pictures:
        async for details in pictures:
            yield details


def _place_of(action_id: ActionID) -> tuple[Connected, ActionKey]:
    """Where the log has an action, and who can ask it; what the id leaves open is as configured."""
    from flyte import _session

    client = _session.client()
    if not action_id.run_name:
        raise ValueError(f"the id of action {action_id.name} names no run")
    project, domain = action_id.project or client.config.project, action_id.domain or client.config.domain
    return client, RunKey(project, domain, action_id.run_name).action(action_id.name)


async def watch_details(
    connected: Connected,
    key: ActionKey,
    interface: NativeInterface | None = None,
    *,
    until_running: bool = False,
) -> AsyncGenerator["ActionDetails"]:
    """Pictures of an action, now and after each change, until it has ended (or runs, if that is enough)."""
    with translated():
        bus = await connected.bus()
        async with aclosing(bus.log.follow(RUNS, action_subject(key))) as entries:
            async for entry in entries:
                history = await read_history(bus, key, entry.sequence)
                details = ActionDetails(connected, key, history, interface)
                yield details
                if details.done() or (until_running and details.is_running):
                    return


class ActionDetails(Details):
    """A picture of an action: it does not change; ask the action for another one."""

    @property
    def name(self) -> str:
        return self._key.action

    def __repr__(self) -> str:
        task = f" of {self.task_name}" if self.task_name else ""
        return f"<action {self.run_name}/{self.name}{task}: {self.status}, {self.attempts} attempt(s)>"

    async def _watch_updates(self, cache_data_on_done: bool = False) -> AsyncGenerator["ActionDetails"]:
        """It now and after each change, until it has ended."""
        async with aclosing(watch_details(self._connected, self._key, self._interface)) as pictures:
            async for details in pictures:
                yield details

    get = Syncified(_get_details)
    get_details = Syncified(_get_details_by_id)
    watch = Streamed(_watch_by_id)
    watch_updates = streamed(_watch_updates)


async def _get_run_details(name: str | None = None) -> "RunDetails":
    """The details of the run of this name or URL; within a task, without a name, of its own run.

    Raises RuntimeUserError (`RunNotFound`), ValueError without a name outside of a task.
    """
    from flyte._client.runs import get_run

    running = ctx()
    name = name or (running.action.run_name if running else None)
    if not name:
        raise ValueError("RunDetails.get needs the name of a run")
    return await (await get_run(name))._details()


async def _get_run_details_by_id(run_id: ActionID | str) -> "RunDetails":
    """The details of the run that an id names: that of any of its actions, or a run's name or URL."""
    if isinstance(run_id, str):
        return await _get_run_details(run_id)
    return RunDetails.of(await _get_details_by_id(dataclasses.replace(run_id, name=ROOT_ACTION)))


class RunDetails(Details):
    """A picture of a run: it does not change; ask the run for another one."""

    @classmethod
    def of(cls, details: Details) -> "RunDetails":
        """A picture of a root action, as one of its run."""
        return cls(details._connected, details._key, details._history, details._interface)

    @property
    def name(self) -> str:
        return self._key.run.run

    @property
    def action_details(self) -> ActionDetails:
        """The same picture, as one of the root action."""
        return ActionDetails(self._connected, self._key, self._history, self._interface)

    def __repr__(self) -> str:
        return f"<run {self.name} of {self.task_name}: {self.status}, {self.attempts} attempt(s)>"

    get = Syncified(_get_run_details)
    get_details = Syncified(_get_run_details_by_id)
