"""The machine on which agents run, and what is known there that the log cannot tell: whose code runs now.

Agents use the real agent's code for what they write and for their children; instead of a user's function they
run a `Program`. The machine outlasts executors, as processes do.
"""

import asyncio
import itertools
import platform
from collections.abc import Callable
from datetime import datetime

from flyte._runtime.messages import Ask, ChildEnded
from flyte_agent.children import Children
from flyte_agent.order import Order
from flyte_agent.reports import Reports
from flyte_bus.history import read_action
from flyte_executor.backends.port import Gone, Launch, LaunchFailed, OnGone
from flyte_schemas.events import ActionRequested, AttemptFailed, AttemptStarted, AttemptSucceeded
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.literals import InlineLiteral
from flyte_schemas.phase import ActionPhase
from flyte_schemas.subjects import ActionKey, AttemptKey
from testkit.simulation.chance import Chance
from testkit.simulation.faulty_bus import FaultyBus
from testkit.simulation.programs import Ending, Program
from testkit.simulation.steps import StepsTaken


class Machine:
    """Runs agents, and notes each entry into a user's code and what was wrong with it."""

    def __init__(
        self,
        connect: Callable[[], FaultyBus],
        chance: Chance,
        programs: dict[str, Program],
        now: Callable[[], datetime],
    ) -> None:
        self._connect = connect
        self.chance = chance
        self.programs = programs
        self.now = now
        self.wrongs: list[str] = []
        self.entries = 0
        self._pids = itertools.count(1)
        self._tasks: dict[int, tuple[AttemptKey, asyncio.Task[None]]] = {}
        self._inside: dict[ActionKey, int] = {}
        self._done: set[ActionKey] = set()
        self.steps: dict[tuple[ActionKey, str], str] = {}

    @property
    def running(self) -> list[tuple[int, AttemptKey, "asyncio.Task[None]"]]:
        return [(pid, attempt, task) for pid, (attempt, task) in self._tasks.items()]

    def launch(self, launch: Launch) -> int:
        """Start an agent; its process id."""
        pid = next(self._pids)
        task = asyncio.create_task(self._live(launch, pid), name=f"agent {pid}")
        self._tasks[pid] = (launch.attempt, task)
        task.add_done_callback(lambda _: self._tasks.pop(pid))
        return pid

    def kill(self, pid: int) -> None:
        if pid in self._tasks:
            self._tasks[pid][1].cancel()

    async def ended(self, pid: int) -> None:
        if pid in self._tasks:
            await asyncio.wait({self._tasks[pid][1]})

    async def end(self) -> None:
        """End all agents."""
        tasks = [task for _, _, task in self.running]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _live(self, launch: Launch, pid: int) -> None:
        bus = self._connect()
        try:
            await _Agent(self, bus, launch, pid).run()
        except Exception as error:
            self.wrongs.append(f"process {pid} died of {error!r}")
        finally:
            bus.kill()

    def enter(self, attempt: AttemptKey, pid: int) -> None:
        """A user's code begins to run."""
        key = attempt.action
        self.entries += 1
        if key in self._inside:
            self.wrongs.append(f"{attempt} runs while process {self._inside[key]} runs the same action")
        if key in self._done:
            self.wrongs.append(f"{attempt} runs what has succeeded before")
        self._inside[key] = pid

    def leave(self, attempt: AttemptKey, pid: int) -> None:
        if self._inside.get(attempt.action) == pid:
            del self._inside[attempt.action]

    def step_runs(self, attempt: AttemptKey, step: str) -> None:
        """The code of a traced step runs."""
        if (attempt.action, step) in self.steps:
            self.wrongs.append(f"{attempt} runs the step {step}, which was recorded before")

    def step_is_known(self, attempt: AttemptKey, step: str, value: str) -> None:
        """A traced step gives this value, and its word stands in the log."""
        known = self.steps.setdefault((attempt.action, step), value)
        if known != value:
            self.wrongs.append(f"{attempt}: the step {step} gave {known!r} before, and {value!r} now")

    def succeeded(self, attempt: AttemptKey) -> None:
        """Its success stands in the log."""
        self._done.add(attempt.action)


class _Agent:
    """One agent's life."""

    def __init__(self, machine: Machine, bus: FaultyBus, launch: Launch, pid: int) -> None:
        self._machine = machine
        self._bus = bus
        self._attempt = launch.attempt
        self._program = machine.programs[launch.template.name]
        key = launch.attempt.action
        self._order = Order(
            project=key.run.project,
            domain=key.run.domain,
            run=key.run.run,
            action=key.action,
            attempt=launch.attempt.attempt,
            fence=launch.fence,
        )
        self._pid = pid
        self._reports = Reports(bus, self._order, pid, machine.now)
        self._answers: dict[int, asyncio.Future[ChildEnded]] = {}
        self._x: object = None

    async def run(self) -> None:
        chance = self._machine.chance
        await chance.delay()
        if not await self._reports.claim():
            return None
        state, first = await read_action(self._bus.log, self._attempt.action)
        self._x = x_of(state.requested)
        number = self._attempt.attempt
        if not state.has_open_attempt or state.attempt != number:
            return await self._reports.fact(AttemptFailed(attempt=number, failure=_failure("Interrupted")))
        await self._reports.fact(AttemptStarted(attempt=number, worker=self._reports.worker))
        self._machine.enter(self._attempt, self._pid)
        try:
            outcome = await self._body(first)
        finally:
            self._machine.leave(self._attempt, self._pid)
        if chance.happens(chance.rates.paused_agent):
            await chance.pause(500.0)
        if outcome is not None:
            await self._reports.fact(outcome)
            if isinstance(outcome, AttemptSucceeded):
                after, _ = await read_action(self._bus.log, self._attempt.action)
                if after.phase is ActionPhase.SUCCEEDED:
                    self._machine.succeeded(self._attempt)
        return None

    async def _body(self, first: int) -> AttemptSucceeded | AttemptFailed | None:
        """What the function gives; None when its process vanishes without a word."""
        number = self._attempt.attempt
        await self._machine.chance.pause(self._program.longest_s)
        await StepsTaken(self._machine, self._bus, self._order, self._reports, first).take(
            self._program.steps
        )
        below = await self._call_children(first)
        match self._program.ending(number):
            case Ending.VANISHES:
                return None
            case Ending.INTERRUPTED:
                return AttemptFailed(attempt=number, failure=_failure("Interrupted"), log_end=0)
            case Ending.FAILS:
                return AttemptFailed(attempt=number, failure=_failure("ValueError"), log_end=0)
            case Ending.FAILS_FOR_GOOD:
                failure = _failure("ValueError").model_copy(update={"recoverable": False})
                return AttemptFailed(attempt=number, failure=failure, log_end=0)
            case Ending.SUCCEEDS if bad := [one for one in below if one.phase is not ActionPhase.SUCCEEDED]:
                failure = bad[0].failure or _failure("ActionAbortedError")
                failure = failure.model_copy(update={"kind": FailureKind.USER, "recoverable": False})
                return AttemptFailed(attempt=number, failure=failure, log_end=0)
            case Ending.SUCCEEDS:
                value = InlineLiteral(value=f"{described(self._program.task.name, self._x)} by {self._pid}")
                return AttemptSucceeded(attempt=number, outputs={"o0": value}, log_end=0)

    async def _call_children(self, first: int) -> list[ChildEnded]:
        children = Children(
            self._bus,
            self._order,
            self._reports,
            since=first,
            answer=self._answer,
            on_broken=self._broken,
        )
        try:
            for call, (name, x) in enumerate(self._program.calls):
                self._answers[call] = asyncio.get_running_loop().create_future()
                child = f"{self._attempt.action.action}x{call}"
                task = self._machine.programs[name].task
                children.ask(Ask(call=call, action=child, task=task, inputs={"x": InlineLiteral(value=x)}))
            return [await answer for answer in self._answers.values()]
        finally:
            await children.close()

    async def _answer(self, ended: ChildEnded) -> None:
        answer = self._answers[ended.call]
        if answer.done():
            self._machine.wrongs.append(f"{self._attempt}: call {ended.call} was answered twice")
        else:
            answer.set_result(ended)

    def _broken(self, error: BaseException) -> None:
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(error)


def x_of(requested: ActionRequested | None) -> object:
    """The one input of an action."""
    literal = requested.inputs.get("x") if requested else None
    return literal.value if isinstance(literal, InlineLiteral) else None


def described(task: str, x: object) -> str:
    """A call, as the values that it gives begin."""
    return f"{task}({x})"


def _failure(code: str) -> Failure:
    kind = FailureKind.SYSTEM if code == "Interrupted" else FailureKind.USER
    return Failure(code=code, kind=kind, message="on purpose")


class MachineBackend:
    """The port `Backend` on a machine that executors share."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._live: dict[int, AttemptKey] = {}
        self._watches: set[asyncio.Task[None]] = set()

    async def start(self, on_gone: OnGone) -> frozenset[AttemptKey]:
        self._on_gone = on_gone
        for pid, attempt, _ in self._machine.running:
            self._watch(pid, attempt)
        return frozenset(self._live.values())

    async def launch(self, launch: Launch) -> None:
        chance = self._machine.chance
        await chance.delay()
        if chance.happens(chance.rates.failed_launch):
            raise LaunchFailed("no room")
        if launch.attempt in self._live.values():
            return
        pid = self._machine.launch(launch)
        self._watch(pid, launch.attempt)
        await chance.delay()

    async def stop_attempt(self, attempt: AttemptKey) -> None:
        for pid, running in tuple(self._live.items()):
            if running == attempt:
                await self._machine.chance.pause(2.0)
                self._machine.kill(pid)

    async def close(self, *, stop_attempts: bool) -> None:
        for watch in tuple(self._watches):
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)

    def _watch(self, pid: int, attempt: AttemptKey) -> None:
        self._live[pid] = attempt
        watch = asyncio.create_task(self._until_gone(pid, attempt))
        self._watches.add(watch)
        watch.add_done_callback(self._watches.discard)

    async def _until_gone(self, pid: int, attempt: AttemptKey) -> None:
        await self._machine.ended(pid)
        await self._machine.chance.delay()
        self._live.pop(pid, None)
        worker = f"{platform.node()}/{pid}"
        await self._on_gone(Gone(attempt=attempt, worker=worker, reason=f"process {pid} ended"))
