"""Run something again: the same task version with the same inputs, but for what is said anew."""

from collections.abc import Mapping
from typing import Any

from flyte._client.client import Client
from flyte._client.phases import read_history
from flyte._client.recovering import recovery_from
from flyte._client.runs import Run
from flyte._client.starting import start_run
from flyte._client.trouble import translated
from flyte._names import new_run_name
from flyte._rerun import Recover
from flyte._runtime.convert import inputs_to_wire
from flyte._runtime.described import described_interface, placed_for_others
from flyte._runtime.offload import restore
from flyte._runtime.publishing import published_aio
from flyte._runtime.transfer import Artifacts
from flyte._store import in_place
from flyte.errors import ActionNotFoundError, RemoteTaskNotFoundError
from flyte_bus.history import find_version
from flyte_bus.ports import Bus
from flyte_schemas.events import RunSettings
from flyte_schemas.literals import AnyLiteral, InlineLiteral
from flyte_schemas.subjects import ActionKey, RunKey
from flyte_schemas.task import TaskReference, TaskTemplate


async def start_again(
    client: Client,
    source: ActionKey,
    inputs: Mapping[str, Any],
    *,
    are_json: bool = False,
    name: str | None = None,
    env_vars: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    recover: Recover | None = None,
    task_version: str | None = None,
) -> Run:
    """A new run of what the action `source` ran; `inputs` win over its own (JSON data if `are_json`).

    With `recover` it takes over what had succeeded there. `task_version` is another version of the task,
    "latest" the one deployed last.

    Raises ActionNotFoundError, RemoteTaskNotFoundError, RuntimeUserError (`RunNotOver`), TypeError and
    ValueError for inputs that do not fit.
    """
    with translated():
        bus = await client.bus()
        requested = (await read_history(bus, source)).state.requested
        if requested is None:
            raise ActionNotFoundError(f"{source.action} of run {source.run.run} is no task: it cannot run")
        place = (source.run.project, source.run.domain)
        task, template = await task_of(bus, source, requested.task, task_version)
        recovery = None if recover is None else await recovery_from(bus, source, recover)
        literals = await restore(requested.inputs, Artifacts(bus.ask, *place), payloads=False)
    settings = requested.settings or RunSettings()
    settings = settings.model_copy(
        update={
            "labels": settings.labels | dict(labels or {}),
            "rerun_of": source.run.run,
            "recovery": recovery,
            "on_behalf_of": "",
            "trigger": "",
        }
    )
    key = RunKey(*place, name or new_run_name())
    with in_place(*place):
        merged = await published_aio(lambda: _merged(template, literals, inputs, are_json=are_json))
    with translated():
        request_id = await start_run(
            bus,
            key,
            task,
            merged,
            env_vars={**requested.env_vars, **(env_vars or {})},
            custom_context=requested.custom_context,
            overrides=requested.overrides,
            settings=settings,
        )
    return Run(client, key, request_id=request_id)


async def task_of(
    bus: Bus, source: ActionKey, task: TaskReference, version: str | None
) -> tuple[TaskReference, TaskTemplate]:
    """The version of an action's task that is to run, its own unless another is named, and its template.

    Raises RemoteTaskNotFoundError.
    """
    place = (source.run.project, source.run.domain)
    wanted = None if version == "latest" else version or task.version
    found = await find_version(bus.log, *place, task.name, wanted)
    if found is None:
        name = f"{task.name}:{wanted}" if wanted else task.name
        raise RemoteTaskNotFoundError(f"{name} is not deployed; run {source.run.run} ran {task}")
    return TaskReference(name=task.name, version=found[0]), found[1]


def _merged(
    template: TaskTemplate, old: Mapping[str, AnyLiteral], new: Mapping[str, Any], *, are_json: bool
) -> dict[str, InlineLiteral]:
    kept = {name: literal for name, literal in old.items() if isinstance(literal, InlineLiteral)}
    interface = described_interface(template)
    if are_json:
        return kept | {
            name: InlineLiteral(value=placed_for_others(interface.inputs[name].codec, value))
            for name, value in new.items()
        }
    for name in new:
        if name not in interface.inputs:
            raise ValueError(f"task {template.name} has no input {name!r}")
    return kept | inputs_to_wire(interface, new)
