"""The machine on which agents run, and what is known there that the log cannot tell: whose code runs now.

Agents use the real agent's code for what they write and for their children; instead of a user's function they
run a `Program`. The machine outlasts executors, as processes do.
"""

import asyncio
import itertools
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from flyte._runtime.messages import Ask, ChildEnded, Paused
from flyte_agent.children import Children
from flyte_agent.lease import Lease, LeaseLost
from flyte_agent.outbox import Outbox
from flyte_agent.reports import Reports
from flyte_bus.errors import BusUnavailable
from flyte_bus.history import read_action
from flyte_bus.ports import EventLog
from flyte_executor.backends.port import Launch
from flyte_schemas.action import ActionState
from flyte_schemas.envelope import decode
from flyte_schemas.events import ActionRequested, AttemptFailed, AttemptStarted, AttemptSucceeded
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.literals import InlineLiteral
from flyte_schemas.orders import Order
from flyte_schemas.phase import ActionPhase
from flyte_schemas.streams import LEASES_BUCKET
from flyte_schemas.subjects import ActionKey, AttemptKey, lease_key
from testkit.silences import MemorySpool
from testkit.simulation.chance import Chance
from testkit.simulation.faulty_bus import FaultyBus, Reach
from testkit.simulation.people import People
from testkit.simulation.programs import Ending, Program
from testkit.simulation.saving import Saving
from testkit.simulation.steps import StepsTaken, earlier_steps

TTL_S = 30
"""How long leases live; long enough that worlds of some hours do not consist of renewals."""
AWAY_S = 120.0
"""How long an agent is asleep or cut off at most."""
SPOOL_BYTES = 1024**2


class Machine:
    """Runs agents in several places, and notes each entry into a user's code and what was wrong with it.

    What outlasts an agent at its place: its spool, and, when it was killed, the record of it.
    """

    def __init__(
        self,
        connect: Callable[[], FaultyBus],
        chance: Chance,
        programs: dict[str, Program],
        now: Callable[[], datetime],
        people: People,
    ) -> None:
        self._connect = connect
        self.chance = chance
        self.programs = programs
        self.now = now
        self.people = people
        self.wrongs: list[str] = []
        self.entries = 0
        self._pids = itertools.count(1)
        self._tasks: dict[int, tuple[AttemptKey, asyncio.Task[None]]] = {}
        self._places: dict[int, int] = {}
        self._spools: dict[int, MemorySpool] = {}
        self._records: dict[int, AttemptKey] = {}
        self._reaches: dict[int, Reach] = {}
        self._ended_at: dict[int, float] = {}
        self._inside: dict[ActionKey, int] = {}
        self._done: set[ActionKey] = set()
        self.steps: dict[tuple[ActionKey, str], str] = {}
        self.steps_of_source: dict[tuple[ActionKey, str], str] = {}
        self._steps_run: set[tuple[ActionKey, str]] = set()
        self.saved: dict[ActionKey, str] = {}

    @property
    def running(self) -> list[tuple[int, AttemptKey, "asyncio.Task[None]"]]:
        return [(pid, attempt, task) for pid, (attempt, task) in self._tasks.items()]

    def at(self, place: int) -> dict[int, AttemptKey]:
        """The agents that run in a place, and those whose records say that they were killed there."""
        there = {pid: attempt for pid, attempt, _ in self.running} | self._records
        return {pid: attempt for pid, attempt in there.items() if self._places[pid] == place}

    def launch(self, launch: Launch, place: int) -> int:
        """Start an agent; its process id."""
        pid = next(self._pids)
        self._places[pid] = place
        self._spools[pid] = MemorySpool()
        task = asyncio.create_task(self._live(launch, pid), name=f"agent {pid}")
        self._tasks[pid] = (launch.attempt, task)
        task.add_done_callback(lambda _: self._gone(pid))
        return pid

    def _gone(self, pid: int) -> None:
        self._ended_at[pid] = asyncio.get_running_loop().time()
        self._tasks.pop(pid)

    def was_sound(self, worker: str, since: float, until: float) -> bool:
        """Whether this worker lived and could be heard all the time between these."""
        pid = int(worker.rpartition("/")[2])
        lived = self._ended_at.get(pid, until + 1.0) > until
        return lived and not self._reaches[pid].was_absent(since, until)

    async def deliver_left(self, place: int, events: EventLog) -> None:
        """Say what the dead of a place had yet to say."""
        for pid, spool in tuple(self._spools.items()):
            while self._places[pid] == place and pid not in self._tasks and spool.words:
                await events.append(decode(spool.words[0]))
                with suppress(IndexError):  # another executor of this place was faster
                    spool.drop()

    def forget(self, pid: int) -> None:
        """Its end has been told."""
        self._records.pop(pid, None)

    def kill(self, pid: int) -> None:
        if pid in self._tasks:
            self._records[pid] = self._tasks[pid][0]
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
        self._reaches[pid] = bus.reach
        try:
            await _Agent(self, bus, launch, pid, self._spools[pid]).run()
        except LeaseLost:
            self._spools[pid].clear()
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

    def come_back(self, attempt: AttemptKey, pid: int) -> None:
        """A user's code runs on, after its agent was out of touch, and made sure that it may."""
        if self._inside.get(attempt.action, pid) != pid:
            self.wrongs.append(
                f"{attempt} runs on while process {self._inside[attempt.action]} has taken over"
            )
        self._inside[attempt.action] = pid

    def leave(self, attempt: AttemptKey, pid: int) -> None:
        if self._inside.get(attempt.action) == pid:
            del self._inside[attempt.action]

    def step_runs(self, attempt: AttemptKey, step: str, worker: str) -> None:
        """The code of a traced step runs; who is in touch knows whether it was recorded before."""
        is_in_touch = self._inside.get(attempt.action) == int(worker.rpartition("/")[2])
        name = (attempt.action, step)
        if is_in_touch and (name in self.steps or name in self.steps_of_source):
            self.wrongs.append(f"{attempt} runs the step {step}, which was recorded before")
        self._steps_run.add(name)

    def step_is_known(self, attempt: AttemptKey, step: str, value: str) -> None:
        """A traced step gives this value, and its word stands in the log."""
        name = (attempt.action, step)
        first = value if name in self._steps_run else self.steps_of_source.get(name, value)
        known = self.steps.setdefault(name, first)
        if known != value:
            self.wrongs.append(f"{attempt}: the step {step} gave {known!r} before, and {value!r} now")

    def succeeded(self, attempt: AttemptKey) -> None:
        """Its success stands in the log."""
        self._done.add(attempt.action)


CONDITION = 1_000
"""The call by which an action asks people; those before it are for tasks."""


class _Agent:
    """One agent's life."""

    def __init__(
        self, machine: Machine, bus: FaultyBus, launch: Launch, pid: int, spool: MemorySpool
    ) -> None:
        self._machine = machine
        self._bus = bus
        self._attempt = launch.attempt
        self._program = machine.programs[launch.template.name]
        self._order = Order.of(launch.attempt, launch.fence)
        self._pid = pid
        self._lease = Lease(bus.bucket(LEASES_BUCKET), TTL_S)
        self._outbox = Outbox(bus.log, spool, self._lease, limit_bytes=SPOOL_BYTES)
        self._reports = Reports(
            bus, self._order, pid, machine.now, outbox=self._outbox, confirm=self._lease.confirm
        )
        self._is_inside = False
        self._outside: asyncio.Task[None] | None = None
        self._answers: dict[int, asyncio.Future[ChildEnded]] = {}
        self._x: object = None

    async def run(self) -> None:
        await self._machine.chance.delay()
        began = self._lease.now()
        if not await self._reports.claim():
            return
        self._lease.begin(lease_key(self._attempt), self._reports.worker, self._reports, since=began)
        working = asyncio.create_task(self._work())
        try:
            await self._lease.hold(self._until(working), ended=working.cancel, lost=self._nothing_to_kill)
        finally:
            tasks = [working, *([self._outside] if self._outside else [])]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._outbox.close(keep=True)
            with suppress(BusUnavailable):  # it was killed
                await self._lease.release()

    async def _until(self, working: "asyncio.Task[None]") -> None:
        """Return with the work, whoever ended it."""
        await asyncio.wait({working})
        if not working.cancelled():
            working.result()

    async def _nothing_to_kill(self) -> None: ...

    async def _work(self) -> None:
        chance = self._machine.chance
        state, first = await read_action(self._bus.log, self._attempt.action)
        self._x = x_of(state.requested)
        number = self._attempt.attempt
        if not state.has_open_attempt or state.attempt != number:
            await self._reports.fact(AttemptFailed(attempt=number, failure=_failure("Interrupted")))
            return
        await self._lease.confirm()
        await self._reports.fact(AttemptStarted(attempt=number, worker=self._reports.worker))
        self._machine.enter(self._attempt, self._pid)
        self._is_inside = True
        try:
            if chance.happens(chance.rates.sleeping_agent):
                await self._away()
            if chance.happens(chance.rates.cut_off_agent):
                self._outside = asyncio.create_task(self._away())
            outcome = await self._body(state, first)
        finally:
            self._is_inside = False
            self._machine.leave(self._attempt, self._pid)
        if chance.happens(chance.rates.paused_agent):
            await chance.pause(200.0)
        if outcome is not None:
            await self._reports.fact(outcome)
            await self._outbox.flush()
            after, _ = await read_action(self._bus.log, self._attempt.action)
            if after.has_open_attempt and after.worker == self._reports.worker:
                self._machine.wrongs.append(f"{self._attempt} has ended, and its last word is lost")
            if isinstance(outcome, AttemptSucceeded) and after.phase is ActionPhase.SUCCEEDED:
                self._machine.succeeded(self._attempt)

    async def _away(self) -> None:
        """Nothing is heard of this agent for a while. What it runs may run elsewhere too meanwhile: it goes
        on only if it may.
        """
        await self._machine.chance.pause(5.0)
        self._machine.leave(self._attempt, self._pid)
        with self._bus.reach.closed():
            await self._machine.chance.pause(AWAY_S)
        await self._lease.confirm()
        if self._is_inside:
            self._machine.come_back(self._attempt, self._pid)

    async def _body(self, state: ActionState, first: int) -> AttemptSucceeded | AttemptFailed | None:
        """What the function gives; None when its process vanishes without a word."""
        number = self._attempt.attempt
        await self._machine.chance.pause(self._program.longest_s)
        source = await earlier_steps(self._machine, self._bus.log, self._attempt.action, state)
        steps = StepsTaken(self._machine, self._bus, self._order, self._reports, first, source)
        await steps.take(self._program.steps)
        if self._program.saves:
            saving = Saving(self._machine, self._bus.log, self._order, self._reports, self._outbox)
            saving.load(state)
            await saving.save()
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
            case Ending.SUCCEEDS if bad := [one for one in below if not one.phase.is_success]:
                failure = bad[0].failure or _failure("ActionAbortedError")
                failure = failure.model_copy(update={"kind": FailureKind.USER, "recoverable": False})
                return AttemptFailed(attempt=number, failure=failure, log_end=0)
            case Ending.SUCCEEDS:
                value = InlineLiteral(value=f"{described(self._program.task.name, self._x)} by {self._pid}")
                return AttemptSucceeded(attempt=number, outputs={"o0": value}, log_end=0)

    async def _call_children(self, first: int) -> list[ChildEnded]:
        key = self._attempt.action
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
            if (
                question := self._machine.people.question(key, self._program.task.name, CONDITION)
            ) is not None:
                self._answers[CONDITION] = asyncio.get_running_loop().create_future()
                children.pause(question)
            return [await answer for answer in self._answers.values()]
        finally:
            await children.close()

    async def _answer(self, ended: ChildEnded | Paused) -> None:
        if isinstance(ended, Paused):
            if ended.failure is None:
                return
            ended = ChildEnded(call=ended.call, phase=ActionPhase.FAILED, failure=ended.failure)
        if ended.call == CONDITION:
            self._machine.people.heard(self._attempt.action, ended)
        answer = self._answers[ended.call]
        if answer.cancelled():
            return  # whoever waited has just been ended
        if answer.done():
            self._machine.wrongs.append(f"{self._attempt}: call {ended.call} was answered twice")
        else:
            answer.set_result(ended)

    def _broken(self, error: BaseException) -> None:
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(error)
                answer.exception()  # heard: only the first of them is awaited


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
