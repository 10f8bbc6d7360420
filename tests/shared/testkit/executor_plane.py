"""A control plane in memory with executors on it, whose agents do what the test says."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

from flyte_bus.history import read_run
from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_bus.memory.log import MemoryLog
from flyte_bus.ports import Bus, Entry
from flyte_bus.settings import SERVICE_PATIENCE_S
from flyte_executor.backends.port import Backend
from flyte_executor.executor import Executor
from flyte_executor.requests import Admission, Begun, as_it_came
from flyte_executor.settings import ExecutorSettings
from flyte_schemas.action import ActionState
from flyte_schemas.envelope import AnyEvent, Event
from flyte_schemas.events import EventData, MessageRejected, RunSettings, StartRun, TaskDeployed
from flyte_schemas.literals import InlineLiteral
from flyte_schemas.phase import ActionPhase
from flyte_schemas.policies import SecretReference
from flyte_schemas.run import RunFold
from flyte_schemas.streams import REJECTED, RUNS
from flyte_schemas.subjects import (
    ActionKey,
    AttemptKey,
    RunKey,
    action_subject,
    run_request,
    task_subject,
)
from flyte_schemas.task import Policies, TaskReference
from testkit.cases.harness import GUARD_S
from testkit.events import event
from testkit.scripted_backend import TASK, Machine, ScriptedBackend
from testkit.tasks import template


class _SlowLog(MemoryLog):
    """A log whose acknowledgements are late."""

    async def append(self, event: AnyEvent, *, expected: int | None = None) -> int:
        sequence = await super().append(event, expected=expected)
        await asyncio.sleep(0.003)
        return sequence


class Life:
    """One life of an executor, from its start to its stop."""

    def __init__(
        self, bus: MemoryBus, backend: Backend, settings: ExecutorSettings, begun: Begun = as_it_came
    ) -> None:
        self.bus = bus
        self.executor = Executor(bus, backend, settings)
        self.admission = asyncio.create_task(Admission(bus, self.executor.allowance, begun=begun).run())
        self.is_over = False

    async def end(self) -> None:
        """Stop; raises what it died of."""
        if not self.is_over:
            self.is_over = True
            self.admission.cancel()
            (ended,) = await asyncio.gather(self.admission, return_exceptions=True)
            await self.executor.stop()
            await self.executor.wait()
            if isinstance(ended, Exception):
                raise ended


class Plane:
    """The log, the machine, and any number of executors.

    With `slow_acks` an executor reads its own words before it hears that they were written.
    """

    def __init__(
        self,
        tmp_path: Path,
        stack: AsyncExitStack,
        *,
        slow_acks: bool = False,
        server: MemoryServer | None = None,
    ) -> None:
        self._slow_acks = slow_acks
        self.server = server or MemoryServer()
        self.bus = MemoryBus(self.server, patience_s=SERVICE_PATIENCE_S)
        self.machine = Machine(self.bus)
        self._tmp_path = tmp_path
        self._stack = stack

    async def executor(
        self,
        *,
        slots: int = 8,
        losses: int = 4,
        checkpoint_s: float = 3600.0,
        stop_attempts: bool = False,
        cache_scope: str = "global",
        machine: Machine | None = None,
        backend: Callable[[Bus], Backend] | None = None,
        begun: Begun = as_it_came,
    ) -> Life:
        """Start an executor (on the plane's machine, another, or with that backend); the stack ends it."""
        bus = await self._stack.enter_async_context(MemoryBus(self.server, patience_s=SERVICE_PATIENCE_S))
        if self._slow_acks:
            bus._log = _SlowLog(bus._link)
        settings = ExecutorSettings(
            home=self._tmp_path,
            slots=slots,
            max_system_failures=losses,
            checkpoint_s=checkpoint_s,
            stop_attempts=stop_attempts,
            cache_scope=cache_scope,
        )
        place = ScriptedBackend(machine or self.machine) if backend is None else backend(bus)
        life = Life(bus, place, settings, begun)
        self._stack.push_async_callback(life.end)
        await life.executor.start()
        return life

    async def deploy(
        self,
        task: TaskReference,
        *,
        project: str = "project",
        secrets: tuple[SecretReference, ...] = (),
        **policies: object,
    ) -> None:
        """Put a version of a task into the log, with these policies."""
        deployed = template(task.name, policies=Policies.model_validate(policies), secrets=secrets)
        subject = task_subject(project, "domain", task.name)
        data = TaskDeployed(version=task.version, digest=deployed.digest(), template=deployed)
        await self.append(subject, data)

    async def append(self, subject: str, data: EventData, id: str | None = None) -> int:
        """Write an event as anybody might."""
        return await self.bus.log.append(event(subject, data, id=id or uuid4().hex))

    async def start(
        self,
        name: str = "run",
        task: TaskReference = TASK,
        id: str | None = None,
        *,
        x: object = None,
        project: str = "project",
        **settings: object,
    ) -> RunKey:
        """Ask for a run, with one input `x` and these settings."""
        run = RunKey(project, "domain", name)
        request = StartRun(
            task=task,
            inputs={} if x is None else {"x": InlineLiteral(value=x)},
            settings=RunSettings.model_validate(settings),
        )
        await self.append(run_request(run, "alice"), request, id)
        return run

    async def run(self, run: RunKey) -> RunFold:
        """The run as the log has it, folded afresh."""
        return await read_run(self.bus.log, run)

    async def events(self, key: ActionKey) -> list[str]:
        """The kinds of what happened to an action."""
        return [kind(entry) for entry in await self.entries() if entry.subject == action_subject(key)]

    async def entries(self) -> list[Entry]:
        return [entry async for entry in self.bus.log.read(RUNS, "flyte.run.>")]

    async def until(self, run: RunKey, condition: Callable[[RunFold], bool]) -> RunFold:
        """The run, once it is so."""
        async with asyncio.timeout(GUARD_S):
            while not condition(fold := await self.run(run)):
                await asyncio.sleep(0.002)
            return fold

    async def settled(self, run: RunKey) -> ActionState:
        """The root, once the whole run has ended."""
        return (await self.until(run, lambda fold: fold.is_settled)).root

    async def quiet(self) -> None:
        """Return once nothing has been written for a while."""
        last, unchanged = -1, 0
        while unchanged < 20:
            sequence = await self.bus.log.last_sequence(RUNS)
            unchanged = unchanged + 1 if sequence == last else 0
            last = sequence
            await asyncio.sleep(0.002)


def kind(entry: Entry) -> str:
    """What kind of word an entry is, in short."""
    return type(entry.content.data).__name__ if isinstance(entry.content, Event) else "Malformed"


def running(fold: RunFold, *actions: str) -> bool:
    """Whether the functions of all these actions run."""
    return all(fold.get(action).phase is ActionPhase.RUNNING for action in actions)


def first(run: RunKey, action: str = "a0", number: int = 1) -> AttemptKey:
    return AttemptKey(run.action(action), number)


async def rejections(plane: Plane) -> list[str]:
    """Why messages were set aside, in order."""
    entries = [entry async for entry in plane.bus.log.read(REJECTED, REJECTED.subjects[0])]
    return [
        data.reason
        for entry in entries
        if isinstance(data := getattr(entry.content, "data", None), MessageRejected)
    ]
