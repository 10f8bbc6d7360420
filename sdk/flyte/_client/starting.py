"""Ask for a run; apart from what follows one, so that the request is on its way before that is loaded."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime

from flyte._client.identity import SOURCE, who
from flyte._runtime import telemetry
from flyte._runtime.offload import offload
from flyte._runtime.transfer import Artifacts
from flyte.errors import RuntimeUserError
from flyte_bus.ports import Bus
from flyte_schemas.envelope import Event
from flyte_schemas.events import RunSettings, StartRun
from flyte_schemas.literals import InlineLiteral
from flyte_schemas.streams import RUNS
from flyte_schemas.subjects import ROOT_ACTION, RunKey, action_subject, run_request
from flyte_schemas.task import TaskOverrides, TaskReference


async def start_run(
    bus: Bus,
    key: RunKey,
    task: TaskReference,
    inputs: dict[str, InlineLiteral],
    *,
    env_vars: Mapping[str, str] | None = None,
    custom_context: Mapping[str, str] | None = None,
    overrides: TaskOverrides | None = None,
    settings: RunSettings | None = None,
) -> str:
    """Ask for a run of a deployed task version; the id of the request.

    It is enough that the bus has the request: the run starts when the executor takes it. Raises
    RuntimeUserError (`RunAlreadyExistsError`) for a name that is taken; the bus's errors.
    """
    last = await bus.log.last(RUNS, action_subject(key.action(ROOT_ACTION)))
    if last is not None:
        raise already_exists(key.run)
    with telemetry.asking(key, task.name):
        user = who()
        literals = await offload(inputs, Artifacts(bus.ask, key.project, key.domain))
        request: Event[StartRun] = Event(
            id=f"run.{uuid.uuid4().hex}",
            source=SOURCE,
            subject=run_request(key, user),
            time=datetime.now(UTC),
            traceparent=telemetry.current() or telemetry.inherited(),
            data=StartRun(
                task=task,
                inputs=literals,
                env_vars=dict(env_vars or {}),
                custom_context=dict(custom_context or {}),
                overrides=overrides,
                settings=settings,
                requested_by=user,
            ),
        )
        await bus.log.append(request)
    return request.id


def already_exists(name: str) -> RuntimeUserError:
    """The error for a run's name that another run has."""
    return RuntimeUserError(
        "RunAlreadyExistsError", f"a run named {name!r} exists already: choose another name"
    )
