"""Tasks that are deployed already, known by their templates alone."""

from typing import TYPE_CHECKING, Any

from flyte import errors
from flyte._binding import did_you_mean
from flyte._client.client import Client
from flyte._client.listing import Listed, list_tasks
from flyte._client.starting import start_run
from flyte._client.trouble import reminding, say_on_stderr, translated
from flyte._limits import PATIENCE_S
from flyte._names import check_run_name, new_run_name
from flyte_schemas.endpoints import GET_TASK, GetTask, ListTasks, TaskRecord
from flyte_schemas.events import RunSettings
from flyte_schemas.literals import InlineLiteral
from flyte_schemas.subjects import RunKey
from flyte_schemas.task import TaskReference

if TYPE_CHECKING:
    from flyte._client.runs import Run


async def fetch_task(client: Client, project: str, domain: str, name: str) -> TaskRecord:
    """The same as `find_task`, without its place."""
    return (await find_task(client, project, domain, name)).found


async def find_task(client: Client, project: str, domain: str, name: str) -> Listed[TaskRecord]:
    """The task that `environment.function` or `environment.function:version` names.

    Raises RemoteTaskNotFoundError with the nearest names.
    """
    plain, _, version = name.partition(":")
    if plain.count(".") != 1 or not all(plain.split(".")):
        known = await _names(project, domain)
        near = [item for item in known if item.endswith(f".{plain}")]
        raise errors.RemoteTaskNotFoundError(
            f"{name!r} is no task's name (those are ENVIRONMENT.FUNCTION, or ENVIRONMENT.FUNCTION:VERSION)"
            + did_you_mean(plain, near or known)
        )
    with translated():
        bus = await client.bus()
        question = GetTask(project=project, domain=domain, name=plain, version=version or None)
        answer = await reminding(bus.ask(GET_TASK, question, timeout_s=PATIENCE_S), say_on_stderr, _WAITING)
    if answer.task is None and version:
        asked = ListTasks(project=project, domain=domain, name=plain, limit=20)
        versions = [task.found.version for task in await list_tasks(asked)]
        if versions:
            raise errors.RemoteTaskNotFoundError(
                f"no version {version!r} of task {plain!r} is deployed in {project}/{domain}: "
                f"there {'is' if len(versions) == 1 else 'are'} {', '.join(map(repr, versions))}"
            )
    if answer.task is None:
        what = f"task {plain!r}"
        similar = [item for item in answer.similar if item != plain]
        near_names = f": did you mean {' or '.join(map(repr, similar))}?" if similar else ""
        raise errors.RemoteTaskNotFoundError(f"no {what} is deployed in {project}/{domain}{near_names}")
    return Listed(answer.task, answer.as_of_sequence)


async def _names(project: str, domain: str) -> list[str]:
    return [task.found.name for task in await list_tasks(ListTasks(project=project, domain=domain))]


async def submit_deployed(
    client: Client,
    record: TaskRecord,
    values: dict[str, Any],
    *,
    run_name: str | None = None,
    env_vars: dict[str, str] | None = None,
    settings: RunSettings | None = None,
) -> "Run":
    """Ask for a run of a deployed task; `values` are JSON data by input name. Raises the SDK's errors."""
    key = RunKey(record.project, record.domain, check_run_name(run_name) if run_name else new_run_name())
    literals = {name: InlineLiteral(value=value) for name, value in values.items()}
    with translated():
        reference = TaskReference(name=record.name, version=record.version)
        request_id = await start_run(
            await client.bus(), key, reference, literals, env_vars=env_vars, settings=settings
        )
    from flyte._client.runs import Run  # loaded while the run begins

    return Run(client, key, request_id=request_id)


_WAITING = "waiting for the registry to answer"
