"""A backend whose agents are coroutines: they write what real agents write, and do what a script says.

A `Machine` is where they live. It outlasts executors: a new backend on the same machine finds what runs.
"""

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from flyte_bus.errors import Conflict
from flyte_bus.history import read_run
from flyte_bus.ports import Bus
from flyte_executor.backends.port import Gone, Launch, LaunchFailed, OnGone, OnWaiting
from flyte_schemas.envelope import Event
from flyte_schemas.events import (
    ActionRequested,
    AttemptFailed,
    AttemptPlaced,
    AttemptStarted,
    AttemptSucceeded,
    ConditionRequested,
    EventData,
)
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.literals import InlineLiteral
from flyte_schemas.run import RunFold
from flyte_schemas.subjects import AttemptKey, action_subject
from flyte_schemas.task import TaskReference

TASK = TaskReference(name="env.parent", version="v1")
CHILD = TaskReference(name="env.child", version="v1")


class Agent:
    """One agent, as its script sees it."""

    def __init__(self, bus: Bus, launch: Launch, pid: int, machine: str) -> None:
        self.attempt = launch.attempt
        self.fence = launch.fence
        self.template = launch.template
        self.launch = launch
        self.traceparent = launch.traceparent
        self.pid = pid
        self.name = f"{machine}/{pid}"
        self._bus = bus

    async def claim(self) -> bool:
        """Claim the attempt; False when somebody else has it."""
        try:
            await self.say(AttemptPlaced(attempt=self.attempt.attempt, worker=self.name), self.fence)
        except Conflict:
            return False
        return True

    async def enter(self) -> None:
        await self.say(AttemptStarted(attempt=self.attempt.attempt, worker=self.name))

    async def succeed(self, value: object = None) -> None:
        outputs = {} if value is None else {"o0": InlineLiteral(value=value)}
        await self.say(AttemptSucceeded(attempt=self.attempt.attempt, outputs=outputs))

    async def fail(
        self, code: str = "ValueError", kind: FailureKind = FailureKind.USER, recoverable: bool = True
    ) -> None:
        failure = Failure(code=code, kind=kind, message="on purpose", recoverable=recoverable)
        await self.say(AttemptFailed(attempt=self.attempt.attempt, failure=failure, log_end=0))

    async def ask(self, child: str, task: TaskReference) -> None:
        """Ask for a child action; nothing happens when it was asked for before."""
        key, this = self.attempt.action.run.action(child), self.attempt
        data = ActionRequested(task=task, parent=this.action.action, parent_attempt=this.attempt)
        with contextlib.suppress(Conflict):
            await self._append(action_subject(key), data, 0)

    async def pause(self, condition: str, **question: object) -> None:
        """Ask a person; nothing happens when the condition was asked for before."""
        key, this = self.attempt.action.run.action(condition), self.attempt
        asked = {"prompt": "Go on?", "parent": this.action.action, "parent_attempt": this.attempt} | question
        with contextlib.suppress(Conflict):
            await self._append(action_subject(key), ConditionRequested.model_validate(asked), 0)

    async def until(self, condition: Callable[[RunFold], bool]) -> RunFold:
        """The run, once it is so."""
        while not condition(fold := await read_run(self._bus.log, self.attempt.action.run)):
            await asyncio.sleep(0.002)
        return fold

    async def say(self, data: EventData, expected: int | None = None) -> None:
        """Append a word on the attempt's own action."""
        await self._append(action_subject(self.attempt.action), data, expected)

    async def _append(self, subject: str, data: EventData, expected: int | None) -> None:
        identity = f"{subject}.{self.name}.{data.TYPE}"
        event = Event(
            id=identity,
            source=self.name,
            subject=subject,
            time=datetime.now(UTC),
            traceparent=self.traceparent,
            data=data,
        )
        await self._bus.log.append(event, expected=expected)


Script = Callable[[Agent], Awaitable[None]]


async def succeed(agent: Agent) -> None:
    """The script of an agent to which nothing happens."""
    if await agent.claim():
        await agent.enter()
        await agent.succeed()


async def idle(agent: Agent) -> None:
    """Claim, enter, and never end."""
    if await agent.claim():
        await agent.enter()
        await asyncio.Event().wait()


def family(depth: int) -> Script:
    """Agents that ask for a child, which asks for one, down to `depth`, and then wait for ever."""

    async def script(agent: Agent) -> None:
        if not await agent.claim():
            return
        await agent.enter()
        level = len(agent.attempt.action.action) - 2
        if level < depth:
            await agent.ask(agent.attempt.action.action + "x", CHILD)
        await asyncio.Event().wait()

    return script


class Machine:
    """Where agents run: `launched` and `stopped` tell in order what became of whom.

    While the `door` is closed, agents begin but those who launched them do not hear of it yet.
    """

    def __init__(self, bus: Bus, script: Script = succeed, name: str = "machine") -> None:
        self.script = script
        self.name = name
        self.launched: list[AttemptKey] = []
        self.stopped: list[AttemptKey] = []
        self.is_broken = False
        self.door = asyncio.Event()
        self.door.set()
        self._bus = bus
        self._pids = itertools.count(1)
        self._running: dict[int, tuple[Agent, asyncio.Future[None]]] = {}
        self.untold: dict[int, Agent] = {}
        """Agents of whose end no backend has told yet, as the records of processes tell it."""

    @property
    def running(self) -> list[AttemptKey]:
        """The attempts whose agents run, in order of launch."""
        return [agent.attempt for agent, _ in self._running.values()]

    def agents(self) -> list[tuple[Agent, asyncio.Future[None]]]:
        return list(self._running.values())

    def launch(self, launch: Launch) -> tuple[Agent, asyncio.Future[None]]:
        """Start an agent. Raises LaunchFailed when the machine is broken."""
        self.launched.append(launch.attempt)
        if self.is_broken:
            raise LaunchFailed("the machine is broken")
        agent = Agent(self._bus, launch, next(self._pids), self.name)
        task = asyncio.ensure_future(self.script(agent))
        self._running[agent.pid] = agent, task
        self.untold[agent.pid] = agent
        task.add_done_callback(lambda _: self._running.pop(agent.pid))
        return agent, task

    def kill(self, attempt: AttemptKey) -> None:
        """End the agents of an attempt without a word."""
        for agent, task in self.agents():
            if agent.attempt == attempt:
                task.cancel()

    async def end(self) -> None:
        """End all agents; raises what went wrong in one."""
        tasks = [task for _, task in self.agents()]
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result


class ScriptedBackend:
    """Fills `Backend` on a machine that it may share."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._live: dict[int, AttemptKey] = {}
        self._watches: set[asyncio.Task[None]] = set()

    async def start(self, on_gone: OnGone, on_waiting: OnWaiting) -> frozenset[AttemptKey]:
        """See `Backend.start`."""
        self._on_gone = on_gone
        running = self._machine.agents()
        for agent, task in running:
            self._watch(agent, task)
        for agent in set(self._machine.untold.values()) - {agent for agent, _ in running}:
            await self._tell(agent)
        return frozenset(self._live.values())

    async def launch(self, launch: Launch) -> None:
        """See `Backend.launch`."""
        await asyncio.sleep(0)
        if launch.attempt not in self._live.values():
            agent, task = self._machine.launch(launch)
            await self._machine.door.wait()
            self._watch(agent, task)

    async def stop_attempt(self, attempt: AttemptKey) -> None:
        """See `Backend.stop_attempt`."""
        if attempt in self._live.values():
            self._machine.stopped.append(attempt)
            self._machine.kill(attempt)

    async def close(self, *, stop_attempts: bool) -> None:
        """See `Backend.close`."""
        if stop_attempts:
            for attempt in tuple(self._live.values()):
                await self.stop_attempt(attempt)
            await asyncio.gather(*self._watches)
        for watch in tuple(self._watches):
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)

    def _watch(self, agent: Agent, task: "asyncio.Future[None]") -> None:
        self._live[agent.pid] = agent.attempt
        watch = asyncio.create_task(self._until_gone(agent, task))
        self._watches.add(watch)
        watch.add_done_callback(self._watches.discard)

    async def _until_gone(self, agent: Agent, task: "asyncio.Future[None]") -> None:
        await asyncio.wait({task})
        del self._live[agent.pid]
        await self._tell(agent)

    async def _tell(self, agent: Agent) -> None:
        if await self._on_gone(Gone(attempt=agent.attempt, worker=agent.name, reason="its process ended")):
            self._machine.untold.pop(agent.pid, None)
