"""The executor's side: who is silent is lost, who lives is not, whatever becomes of bus and executors."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from flyte_bus.memory import MemoryServer
from flyte_bus.settings import LEASE_TTL_S
from flyte_schemas.action import ActionState
from flyte_schemas.phase import ActionPhase
from flyte_schemas.streams import LEASES_BUCKET
from flyte_schemas.subjects import RunKey, lease_key
from testkit.executor_plane import Plane, first
from testkit.scripted_backend import CHILD, TASK, Agent, Machine, succeed
from testkit.silences import loop_now

P = ActionPhase
TTL_S = LEASE_TTL_S


class World(Plane):
    """A plane in virtual time, whose agents hold leases; the clock of its server can be moved."""

    def __init__(self, tmp_path: Path, stack: AsyncExitStack) -> None:
        self.loop = asyncio.get_running_loop()
        self.skew_s = 0.0
        super().__init__(tmp_path, stack, server=MemoryServer(clock=self.clock, now=loop_now))
        self.done = asyncio.Event()
        self.machine.script = self.live
        self.silent: set[int] = set()

    def clock(self) -> float:
        return self.loop.time() + self.skew_s

    async def renew(self, agent: Agent) -> None:
        """Keep a lease for as long as the agent is not silent."""
        bucket = self.bus.bucket(LEASES_BUCKET)
        while agent.pid not in self.silent:
            await bucket.put(lease_key(agent.attempt), agent.name.encode(), ttl_s=TTL_S)
            await asyncio.sleep(TTL_S / 3)

    async def live(self, agent: Agent) -> None:
        """An agent that works until `done`, and renews its lease meanwhile."""
        if not await agent.claim():
            return
        renewing = asyncio.create_task(self.renew(agent))
        try:
            await agent.enter()
            await self.done.wait()
            await agent.succeed()
        finally:
            renewing.cancel()

    async def begun(self, name: str = "run") -> RunKey:
        """A run whose function runs."""
        run = await self.start(name)
        await self.until(run, lambda fold: fold.root.phase is P.RUNNING)
        return run

    async def state(self, run: RunKey) -> ActionState:
        return (await self.run(run)).root

    async def retried(self, run: RunKey) -> float:
        """How many seconds from now until attempt 2 is open."""
        began = self.loop.time()
        while (await self.state(run)).attempt < 2:
            assert self.loop.time() - began < 10 * TTL_S
            await asyncio.sleep(0.05)
        return self.loop.time() - began


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        world = World(tmp_path, stack)
        await world.bus.provision()
        stack.push_async_callback(world.bus.close)
        stack.push_async_callback(world.machine.end)
        await world.deploy(TASK)
        await world.deploy(CHILD)
        yield world


async def test_who_renews_is_never_lost(world: World) -> None:
    await world.executor()
    run = await world.begun()
    await asyncio.sleep(100 * TTL_S)
    world.done.set()
    assert (await world.settled(run)).attempt == 1


@pytest.mark.parametrize("after_s", [0.0, 1.0, 7.0, 23.0])
async def test_who_falls_silent_is_tried_again_within_a_second_of_his_lease(
    world: World, after_s: float
) -> None:
    await world.executor()
    run = await world.begun()
    await asyncio.sleep(after_s)
    world.silent.add(1)
    assert await world.retried(run) <= TTL_S + 1.0
    state = await world.state(run)
    assert state.failure is not None
    assert (state.failure.code, state.system_failures, state.user_failures) == ("WorkerLost", 1, 0)
    assert world.machine.stopped == [first(run)]  # it slept on this machine: at most one lives


async def test_the_late_words_of_a_lost_worker_change_nothing(world: World) -> None:
    await world.executor(machine=(elsewhere := Machine(world.bus, world.live, "elsewhere")))
    run = await world.begun()
    (agent, _), *_ = elsewhere.agents()
    world.silent.add(1)
    await world.retried(run)
    await agent.succeed("stale")
    assert (await world.state(run)).outputs is None
    world.done.set()
    assert (await world.settled(run)).attempt == 2


@pytest.mark.parametrize("outage_s", [3.0, 15.0, 500.0])
async def test_an_outage_fails_nobody_who_comes_back_after_it(world: World, outage_s: float) -> None:
    await world.executor()
    run = await world.begun()
    await asyncio.sleep(7.0)
    world.server.stop()
    await asyncio.sleep(outage_s)
    world.server.start()
    await asyncio.sleep(10 * TTL_S)
    world.done.set()
    assert (await world.settled(run)).attempt == 1


async def test_who_stays_away_after_an_outage_is_lost_a_lease_later(world: World) -> None:
    await world.executor()
    run = await world.begun()
    await asyncio.sleep(7.0)
    world.server.stop()
    world.silent.add(1)
    await asyncio.sleep(100.0)
    world.server.start()
    took_s = await world.retried(run)
    assert TTL_S - 0.1 <= took_s <= TTL_S + 2.0


async def test_an_executor_that_comes_back_on_another_machine_loses_nobody_who_lives(world: World) -> None:
    life = await world.executor()
    run = await world.begun()
    await asyncio.sleep(7.0)
    await life.end()
    await asyncio.sleep(100.0)
    elsewhere = Machine(world.bus, world.live, "elsewhere")
    await world.executor(machine=elsewhere)
    await asyncio.sleep(10 * TTL_S)
    assert elsewhere.launched == []
    world.done.set()
    assert (await world.settled(run)).attempt == 1


async def test_who_died_with_his_machine_is_lost_a_lease_after_the_next_executor_began(world: World) -> None:
    life = await world.executor()
    run = await world.begun()
    await life.end()
    world.machine.kill(first(run))
    world.done.set()
    elsewhere = Machine(world.bus, succeed, "elsewhere")
    began = world.loop.time()
    await world.executor(machine=elsewhere)
    assert (await world.settled(run)).attempt == 2
    assert world.loop.time() - began <= TTL_S + 1.0
    assert elsewhere.launched == [first(run, number=2)]


async def test_two_executors_on_two_machines_work_side_by_side(world: World) -> None:
    elsewhere = Machine(world.bus, world.live, "elsewhere")
    await world.executor(slots=2)
    await world.executor(slots=2, machine=elsewhere)
    runs = [await world.begun(f"run{number}") for number in range(4)]
    await asyncio.sleep(5 * TTL_S)
    world.done.set()
    assert {(await world.settled(run)).attempt for run in runs} == {1}


async def test_when_the_servers_clock_jumps_all_leases_expire_and_nobody_is_lost(world: World) -> None:
    await world.executor()
    run = await world.begun()
    await asyncio.sleep(20.0)
    world.skew_s += 3600.0
    world.server.wake()
    await asyncio.sleep(10 * TTL_S)
    world.done.set()
    assert (await world.settled(run)).attempt == 1


async def test_while_nothing_runs_nothing_is_written(world: World) -> None:
    await world.executor()
    run = await world.begun()
    world.done.set()
    await world.settled(run)
    await asyncio.sleep(10 * TTL_S)
    revision = await world.bus.bucket(LEASES_BUCKET).put("mine", b"")
    await asyncio.sleep(10 * TTL_S)
    assert await world.bus.bucket(LEASES_BUCKET).put("mine", b"") == revision + 1
