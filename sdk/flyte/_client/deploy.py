"""Make a plan true: upload the code, ask for the versions, wait until the log holds them.

A client waits by state and not by reply: whoever wrote the version, and whenever, its being there with the
wanted digest is the answer.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime

from flyte import errors
from flyte._client.identity import who
from flyte._client.racing import first_of
from flyte._client.trouble import Say, reminding, say_nothing
from flyte._limits import DEPLOY_PATIENCE_S, QUIET_WAIT_S
from flyte._plan import Plan
from flyte._runtime.transfer import Artifacts
from flyte_bus.errors import NoAnswer, TooLarge
from flyte_bus.ports import Bus, Entry
from flyte_schemas.endpoints import GET_TASK, GetTask
from flyte_schemas.envelope import Event, Malformed
from flyte_schemas.events import DeployTask, TaskDeployed, TaskDeployRejected
from flyte_schemas.failure import Failure
from flyte_schemas.streams import TASKS
from flyte_schemas.subjects import deploy_request, task_subject
from flyte_schemas.task import TaskTemplate

LOOK_TIMEOUT_S = 1.0
"""How long a look into the registry may take; the log has the answer anyway."""
RESCAN_S = 5.0
"""How often the whole history of a task is read while its verdict is missing."""
SOURCE = "/flyte/client"

Rehearse = Callable[[], Awaitable[None]]
Build = Callable[[], Awaitable[None]]


async def deploy_plan(
    bus: Bus,
    plan: Plan,
    project: str,
    domain: str,
    *,
    say: Say = say_nothing,
    patience_s: float = DEPLOY_PATIENCE_S,
    rehearse: Rehearse | None = None,
    build: Build | None = None,
) -> Plan:
    """Deploy all tasks of `plan` that are not there yet; the plan as it was deployed.

    `rehearse` is awaited before anything is sent, and only then; `build` in any case. Raises what they raise,
    DeploymentError when the registry refuses, RuntimeSystemError when it stays silent for `patience_s`; the
    bus's and the artifact store's own errors.
    """
    position = bus.log.last_sequence(TASKS)
    after = await reminding(position, say, "waiting for the registry to make its streams")
    if not await _missing(bus, plan, project, domain):
        if build is not None:
            await build()  # it may have been deployed where no image was needed
        return replace(plan, unchanged=True)
    if rehearse is not None:
        await rehearse()
    if build is not None:
        await build()
    if plan.bundle is not None:
        artifacts = Artifacts(bus.ask, project, domain)
        storing = artifacts.put(plan.bundle.data, "code_bundle.tgz")
        stored = await reminding(storing, say, "waiting for the dataproxy to take the code")
        plan = plan.stored_at(stored.uri)
    wanted = await _missing(bus, plan, project, domain)
    verdicts = _Verdicts(bus, plan.version, wanted, project, domain)
    await verdicts.request()
    try:
        async with asyncio.timeout(patience_s):
            await reminding(verdicts.wait(after), say, "waiting for the registry to take the tasks")
    except TimeoutError as error:
        raise errors.RuntimeSystemError(
            "SystemUnavailableError",
            f"the registry did not answer within {patience_s:g} s: is it running? The requests are kept, "
            "and are answered when it is back",
        ) from error
    return plan


async def _missing(bus: Bus, plan: Plan, project: str, domain: str) -> tuple[TaskTemplate, ...]:
    """The templates whose version is not there with the same content."""
    there = await asyncio.gather(
        *(_is_there(bus, template, plan.version, project, domain) for template in plan.templates)
    )
    return tuple(template for template, found in zip(plan.templates, there, strict=True) if not found)


async def _is_there(bus: Bus, template: TaskTemplate, version: str, project: str, domain: str) -> bool:
    last = await bus.log.last(TASKS, task_subject(project, domain, template.name))
    if last is None:
        return False
    if _says(last, template, version):
        return True
    try:
        answer = await bus.ask(
            GET_TASK,
            GetTask(project=project, domain=domain, name=template.name, version=version),
            timeout_s=LOOK_TIMEOUT_S,
        )
    except NoAnswer:
        return False
    there = answer.task
    return there is not None and not there.is_imported and there.template.digest() == template.digest()


def _says(entry: Entry, template: TaskTemplate, version: str) -> bool:
    if isinstance(entry.content, Malformed):
        return False
    match entry.content.data:
        case TaskDeployed(version=found, digest=digest):
            return found == version and digest == template.digest()
        case _:
            return False


class _Verdicts:
    """The registry's answers to the requests of one deployment."""

    def __init__(
        self, bus: Bus, version: str, wanted: tuple[TaskTemplate, ...], project: str, domain: str
    ) -> None:
        self._bus = bus
        self._version = version
        self._project = project
        self._domain = domain
        self._open = {task_subject(project, domain, template.name): template for template in wanted}
        self._requests: dict[str, str] = {}

    async def request(self) -> None:
        """Publish one request for each task. Raises DeploymentError for a template that is too large."""
        user = who()
        for subject, template in self._open.items():
            event = Event(
                id=f"deploy.{uuid.uuid4().hex}",
                source=SOURCE,
                subject=deploy_request(self._project, self._domain, template.environment, user),
                time=datetime.now(UTC),
                data=DeployTask(version=self._version, template=template),
            )
            self._requests[event.id] = subject
            try:
                await self._bus.log.append(event)
            except TooLarge as error:
                raise errors.DeploymentError(
                    f"task {template.name} is too large to deploy: shorten its docstring, its defaults or "
                    "its environment variables"
                ) from error

    async def wait(self, after: int) -> None:
        """Return when every task is deployed. Raises DeploymentError."""
        if self._open:
            await first_of(self._follow(after), self._rescan())

    async def _follow(self, after: int) -> None:
        everything = task_subject(self._project, self._domain, "*.*")
        async with aclosing(self._bus.log.follow(TASKS, everything, after=after)) as entries:
            async for entry in entries:
                self._take(entry)
                if not self._open:
                    return

    async def _rescan(self) -> None:
        """A version that was there before we looked gives no event to wait for: read the history."""
        await asyncio.sleep(QUIET_WAIT_S)
        while self._open:
            for subject in list(self._open):
                async for entry in self._bus.log.read(TASKS, subject):
                    self._take(entry)
            if self._open:
                await asyncio.sleep(RESCAN_S)

    def _take(self, entry: Entry) -> None:
        template = self._open.get(entry.subject)
        if isinstance(entry.content, Malformed):
            return
        if template is not None and _says(entry, template, self._version):
            del self._open[entry.subject]
        data, cause = entry.content.data, entry.content.cause
        if isinstance(data, TaskDeployRejected) and cause in self._requests:
            raise _refused(entry.subject, data.failure)


def _refused(subject: str, failure: Failure) -> errors.DeploymentError:
    task = ".".join(subject.split(".")[4:])
    hint = f": {failure.hint}" if failure.hint else ""
    error = errors.DeploymentError(f"task {task} was refused: {failure.message}{hint}")
    error.code = failure.code
    error.failure = failure
    return error
