"""Run something again: the same task version with the same inputs, but for what is said anew."""

from collections.abc import Mapping
from typing import Any

from flyte._client.client import Client
from flyte._client.phases import read_history
from flyte._client.runs import Run
from flyte._client.starting import start_run
from flyte._client.trouble import translated
from flyte._names import new_run_name
from flyte._runtime.convert import inputs_to_wire
from flyte._runtime.described import described_interface, placed_for_others
from flyte._runtime.offload import restore
from flyte._runtime.publishing import published_aio
from flyte._runtime.transfer import Artifacts
from flyte._store import in_place
from flyte.errors import RemoteTaskNotFoundError
from flyte_bus.history import find_task
from flyte_schemas.events import RunSettings
from flyte_schemas.literals import AnyLiteral, InlineLiteral
from flyte_schemas.subjects import ActionKey, RunKey
from flyte_schemas.task import TaskTemplate


async def start_again(
    client: Client,
    source: ActionKey,
    inputs: Mapping[str, Any],
    *,
    are_json: bool = False,
    name: str | None = None,
    env_vars: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
) -> Run:
    """A new run of what the action `source` ran; `inputs` win over its own (JSON data if `are_json`).

    Raises ActionNotFoundError, RemoteTaskNotFoundError, TypeError and ValueError for inputs that do not fit.
    """
    with translated():
        bus = await client.bus()
        requested = (await read_history(bus, source)).state.requested
        assert requested is not None  # it has a history
        place = (source.run.project, source.run.domain)
        template = await find_task(bus.log, *place, requested.task)
        if template is None:
            raise RemoteTaskNotFoundError(f"{requested.task} of run {source.run.run} is not deployed")
        literals = await restore(requested.inputs, Artifacts(bus.ask, *place), payloads=False)
    settings = requested.settings or RunSettings()
    settings = settings.model_copy(
        update={"labels": settings.labels | dict(labels or {}), "rerun_of": source.run.run}
    )
    key = RunKey(*place, name or new_run_name())
    with in_place(*place):
        merged = await published_aio(lambda: _merged(template, literals, inputs, are_json=are_json))
    with translated():
        request_id = await start_run(
            bus,
            key,
            requested.task,
            merged,
            env_vars={**requested.env_vars, **(env_vars or {})},
            custom_context=requested.custom_context,
            overrides=requested.overrides,
            settings=settings,
        )
    return Run(client, key, request_id=request_id)


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
