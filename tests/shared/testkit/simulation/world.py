"""One world: a server, executors that come and go, a machine with agents, clients; and then peace.

For a while everything goes wrong that the seed decides; then nothing does any more, and within a bound every
run must have ended and every promise kept.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from flyte_bus.errors import BusUnavailable
from flyte_bus.history import read_run
from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_bus.ports import Entry
from flyte_bus.service import LoopDied
from flyte_bus.settings import SERVICE_PATIENCE_S
from flyte_executor.executor import Executor
from flyte_executor.requests import Admission
from flyte_executor.settings import ExecutorSettings
from flyte_schemas.audit import Audit
from flyte_schemas.envelope import Event
from flyte_schemas.events import (
    AbortAction,
    EventData,
    RunSettings,
    StartRun,
    TaskDeployed,
)
from flyte_schemas.literals import InlineLiteral
from flyte_schemas.run import RunFold
from flyte_schemas.streams import RUNS, TIMERS
from flyte_schemas.subjects import RunKey, abort_request, parse_action, run_request, task_subject
from testkit.events import MORNING
from testkit.simulation.backend import MachineBackend
from testkit.simulation.chance import Chance
from testkit.simulation.circumstances import Circumstances
from testkit.simulation.faulty_bus import FaultyBus
from testkit.simulation.limits import exceeded, set_limits
from testkit.simulation.lives import Clock, Life, Story
from testkit.simulation.machine import TTL_S, Machine
from testkit.simulation.people import People
from testkit.simulation.programs import Program, draw_programs
from testkit.simulation.verdicts import foreign_values, late_ends, wrongly_lost
from testkit.tasks import template
from testkit.virtual_time import VirtualTimeLoop

RUNS_OF_A_WORLD = (1, 1, 1, 2, 3)
EXECUTORS_OF_A_WORLD = (1, 1, 2, 2, 3)
"""Drawn from: small worlds show as much, and twice as many of them can be lived through."""
BOUND_S = 500_000.0
"""How long after that every run has ended; people may take 50 minutes for each of many answers."""
PLACES = 2
"""How many machines there are."""
JUMPS_S = (-300.0, -20.0, 20.0, 300.0)
"""How wrong an executor's time of day may be."""
EVENTS_AN_ATTEMPT = 30
"""More events than this for each attempt mean that somebody runs in circles."""


class World:
    """A control plane in virtual time; `run` tells its story."""

    def __init__(self, told: Circumstances, loop: VirtualTimeLoop) -> None:
        self.told = told
        self.chance = Chance(told.seed, told.without)
        self._loop = loop
        self.server = MemoryServer(clock=loop.time, now=self.now)
        self.acknowledged: dict[int, str] = {}
        self.programs: dict[str, Program] = draw_programs(self.chance.dice)
        self.people = People(told.seed, self.programs)
        self.machine = Machine(self._connect, self.chance, self.programs, self.now, self.people)
        self.plain = MemoryBus(self.server, patience_s=SERVICE_PATIENCE_S)
        self.lives: list[Life] = []
        self.runs: list[RunKey] = []
        self.crashes = 0
        self._requests = 0
        self._executors = 0
        self._now = (0.0, MORNING)
        self._progress: dict[RunKey, RunFold] = {}
        self._seen = 0

    def now(self) -> datetime:
        time_s = self._loop.time()
        if time_s != self._now[0]:
            self._now = (time_s, MORNING + timedelta(seconds=time_s))
        return self._now[1]

    async def run(self) -> Story:
        """Live through trouble and peace, and tell what was wrong."""
        await self.plain.provision()
        await set_limits(self.plain, self.told.seed)
        for program in self.programs.values():
            await self._deploy(program)
        story = asyncio.create_task(self._story())
        circling = asyncio.create_task(self.chance.circling.wait())
        await asyncio.wait({story, circling}, return_when=asyncio.FIRST_COMPLETED)
        wrongs = story.result() if story.done() else ["somebody runs in circles: the log is full of it"]
        for task in (story, circling):
            task.cancel()
        await asyncio.gather(story, circling, return_exceptions=True)
        await self._end()
        return await self._tell(wrongs)

    async def _story(self) -> list[str]:
        """What was wrong in the end."""
        dice = self.chance.dice
        wrongs: list[str] = []
        executors, runs = dice.choice(EXECUTORS_OF_A_WORLD), dice.choice(RUNS_OF_A_WORLD)
        self._executors = self.told.at_most(executors, self.told.executors)
        living: list[Coroutine[Any, Any, None]] = [
            *(self._executor() for _ in range(self._executors)),
            *(self._client(number) for number in range(self.told.at_most(runs, self.told.runs))),
            self._killer(),
            self._answers(),
            self._outages(),
            self._peace(),
        ]
        try:
            async with asyncio.timeout(self.told.trouble_s + BOUND_S):
                await asyncio.gather(*living)
                await self._settled()
        except TimeoutError:
            wrongs.append(f"after {BOUND_S:g} s of peace not every run has ended: {await self._unfinished()}")
        return [*wrongs, *await self._judge()]

    # -- who acts -----------------------------------------------------------------------------------------

    def _connect(self) -> FaultyBus:
        return FaultyBus(self.server, self.chance, self.acknowledged)

    async def _executor(self) -> None:
        """Lives one after the other, until peace; the last one stays."""
        slots = self.chance.dice.randint(1, 3)
        while True:
            life = await self._begin(slots)
            while not self.chance.peace:
                if await self._dies_within(life, self.chance.dice.random() * 20.0):
                    break
                if self.chance.happens(self.chance.rates.clock_jump):
                    life.clock.jump(self.chance.dice.choice(JUMPS_S))
                if self.chance.happens(self.chance.rates.crash):
                    break
            life.clock.jump(0.0)
            if self.chance.peace and not life.bus.died.is_set():
                self.lives.append(life)
                return
            await self._finish(life, crash=life.bus.died.is_set() or self.chance.dice.random() < 0.7)
            await self.chance.pause(15.0)

    async def _dies_within(self, life: Life, time_s: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(time_s):
                await life.bus.died.wait()
        return life.bus.died.is_set()

    async def _begin(self, slots: int) -> Life:
        bus = self._connect()
        clock = Clock(self.now)
        place = self.chance.dice.randrange(PLACES)
        settings = ExecutorSettings(
            home=Path("/nowhere"),
            slots=slots,
            checkpoint_s=self.chance.dice.choice((2.0, 20.0, 1e6)),
            lease_ttl_s=TTL_S,
        )
        backend = MachineBackend(self.machine, place, bus.log)
        life = Life(bus, clock, Executor(bus, backend, settings, clock.now))
        await life.executor.start()
        life.admission = asyncio.create_task(Admission(bus, life.executor.allowance, self.now).run())
        return life

    async def _finish(self, life: Life, *, crash: bool) -> None:
        """End a life: with a crash its connection goes first, in the middle of whatever it does."""
        self.crashes += crash
        if crash:
            life.bus.kill()
        if life.admission is not None:
            life.admission.cancel()
            await asyncio.gather(life.admission, return_exceptions=True)
        await life.executor.stop()
        if not crash:
            with suppress(BusUnavailable):
                await life.executor.wait()
            await life.bus.close()
        with suppress(LoopDied, BusUnavailable):
            await life.executor.wait()

    async def _client(self, number: int) -> None:
        """Ask for a run, perhaps twice; perhaps abort it, or a part of it."""
        dice = self.chance.dice
        await self.chance.pause(60.0)
        name = dice.choice([one for one in self.programs if "level2" in one])
        run = RunKey("p", "d", f"run{number}")
        self.runs.append(run)
        start = StartRun(task=self.programs[name].task, inputs={"x": InlineLiteral(value=0)})
        for _ in range(dice.choice((1, 1, 2))):
            await self._say(run_request(run, "alice"), start)
        if dice.random() < 0.3:
            await self.chance.pause(60.0)
            action = "a0" if dice.random() < 0.6 else f"a0x{dice.randint(0, 2)}"
            await self._say(abort_request(run, "alice"), AbortAction(action=action, reason="enough"))
        await self._recover(run, start)

    async def _recover(self, run: RunKey, start: StartRun) -> None:
        recovery = self.people.recovery(run)
        if recovery is None:
            return
        await asyncio.sleep(self.people.dice.random() * 2 * self.told.trouble_s)
        again = RunKey(run.project, run.domain, f"{run.run}r")
        self.runs.append(again)
        settings = RunSettings(recovery=recovery)
        await self._say(run_request(again, "alice"), start.model_copy(update={"settings": settings}))

    async def _answers(self) -> None:
        """People look now and then at what they are asked."""
        while not self.chance.peace:
            await asyncio.sleep(self.people.dice.random() * 40.0)
            await self._answer()

    async def _answer(self) -> None:
        await self._read_on()
        for run in tuple(self.runs):
            await self.people.answer(run, self._progress.get(run, RunFold()), self._say)

    async def _killer(self) -> None:
        while not self.chance.peace:
            await self.chance.pause(10.0)
            running = self.machine.running
            if running and self.chance.happens(self.chance.rates.killed_agent):
                self.machine.kill(self.chance.dice.choice(running)[0])

    async def _outages(self) -> None:
        while not self.chance.peace:
            await self.chance.pause(40.0)
            if self.chance.happens(self.chance.rates.outage):
                self.server.stop()
                await self.chance.pause(self.chance.dice.choice((0.1, 5.0, 30.0, 90.0)))
                self.server.start()

    async def _peace(self) -> None:
        await asyncio.sleep(self.told.trouble_s)
        self.chance.peace = True

    async def _deploy(self, program: Program) -> None:
        deployed = template(program.task.name, policies=program.policies)
        data = TaskDeployed(version=program.task.version, digest=deployed.digest(), template=deployed)
        await self._say(task_subject("p", "d", program.task.name), data)

    async def _say(self, subject: str, data: EventData) -> None:
        self._requests += 1
        event: Event[Any] = Event(
            id=f"request {self._requests}", source="world", subject=subject, time=self.now(), data=data
        )
        await self.plain.log.append(event)

    async def _settled(self) -> None:
        pause_s = 1.0
        while await self._unfinished():
            await self._answer()
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, 3_000.0)
        await asyncio.sleep(2_000.0)  # what is still on its way arrives, and timers of ended actions go off

    async def _unfinished(self) -> list[str]:
        await self._read_on()
        nothing = RunFold()
        return [str(run) for run in self.runs if not self._progress.get(run, nothing).is_settled]

    async def _read_on(self) -> None:
        """Fold what has come since we looked."""
        async for entry in self.plain.log.read(RUNS, RUNS.subjects[0], after=self._seen):
            self._seen = max(self._seen, entry.sequence)
            if (key := parse_action(entry.subject)) is not None and isinstance(entry.content, Event):
                self._progress.setdefault(key.run, RunFold()).apply(key.action, entry.content, entry.sequence)

    async def _fold(self, run: RunKey) -> RunFold:
        return await read_run(self.plain.log, run)

    # -- the judgement ------------------------------------------------------------------------------------

    async def _judge(self) -> list[str]:
        audit = await self._audit()
        wrongs = [str(violation) for violation in audit.violations]
        wrongs += [*self.machine.wrongs, *self.people.wrongs]
        wrongs += await self._lost()
        fresh = {run: await self._fold(run) for run in self.runs}
        folds = list(fresh.values())
        wrongs += await self._circles(folds)
        wrongs += exceeded(self._log(), self.told.seed, self._executors)
        wrongs += foreign_values(folds)
        wrongs += late_ends(folds, MORNING + timedelta(seconds=self.told.trouble_s))
        wrongs += wrongly_lost(self._log(), self.machine, self.chance.written_at)
        for life in self.lives:
            wrongs += self._about(life.executor, fresh)
        wrongs += [f"{attempt} still runs" for _, attempt, _ in self.machine.running]
        return wrongs

    async def _audit(self) -> Audit:
        audit = Audit()
        async for entry in self.plain.log.read(RUNS, "flyte.run.>"):
            audit.take(entry.subject, entry.sequence, entry.content)
        audit.finish()
        return audit

    async def _lost(self) -> list[str]:
        """Acknowledged events that the log does not have where it said."""
        ids = {
            entry.sequence: entry.content.id
            async for entry in self.plain.log.read(RUNS, "flyte.run.>")
            if isinstance(entry.content, Event)
        }
        return [
            f"{id} was acknowledged at {sequence}, where {ids.get(sequence)} stands"
            for sequence, id in self.acknowledged.items()
            if ids.get(sequence) != id
        ]

    async def _circles(self, folds: list[RunFold]) -> list[str]:
        attempts = sum(state.attempt + 1 for fold in folds for state in fold.actions.values())
        found = []
        for stream in (RUNS, TIMERS):
            events = await self.plain.log.last_sequence(stream)
            if events > EVENTS_AN_ATTEMPT * (attempts + 1):
                found.append(f"{stream.name} has {events} events for {attempts} attempts")
        return found

    def _about(self, executor: Executor, fresh: dict[RunKey, RunFold]) -> list[str]:
        """What an executor that lives on has in mind, against a fresh fold of the log."""
        wrongs = []
        placement = executor._placement
        if placement.holding or placement.waiting:
            wrongs.append(
                f"slots are held for {sorted(map(str, placement.holding))}, {placement.waiting} wait"
            )
        for run, fold in executor._runs._folds.items():
            if run not in fresh or fold.actions != fresh[run].actions:
                wrongs.append(f"the executor's fold of {run} is not the log's")
        for key in executor._settling:
            wrongs.append(f"{key} is being settled for ever")
        return wrongs

    async def _end(self) -> None:
        for life in self.lives:
            await self._finish(life, crash=True)
        await self.machine.end()
        await self.plain.close()

    def _log(self) -> list[Entry]:
        return list(self.server.stream(RUNS.name).between(RUNS.subjects[0], 0, 10**9))

    async def _tell(self, wrongs: list[str]) -> Story:
        log = self._log()
        return Story(
            seed=self.told.seed,
            wrongs=tuple(wrongs),
            world_s=self._loop.time(),
            runs=len(self.runs),
            actions=len({entry.subject for entry in log}),
            events=len(log),
            entries=self.machine.entries,
            crashes=self.crashes,
        )


def simulate(world: int | Circumstances) -> Story:
    """Run one world, told by its seed or more. Raises what the product's code raised and nobody caught."""
    return _live(Circumstances(seed=world) if isinstance(world, int) else world)[0]


def entries_of(world: Circumstances) -> list[Entry]:
    """The log of runs of one world."""
    return _live(world)[1]._log()


def _live(told: Circumstances) -> tuple[Story, World]:
    loop = VirtualTimeLoop()
    try:
        world = World(told, loop)
        return loop.run_until_complete(world.run()), world
    finally:
        _finish_loop(loop)


def _finish_loop(loop: asyncio.AbstractEventLoop) -> None:
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    ending: Coroutine[Any, Any, Any] = _gathered(left)
    loop.run_until_complete(ending)
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


async def _gathered(tasks: "set[asyncio.Task[Any]]") -> None:
    await asyncio.gather(*tasks, return_exceptions=True)
