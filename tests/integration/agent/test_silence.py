"""Agents that are cut off, asleep, or lost with their machine: real processes, real time, short leases."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from flyte_bus.jetstream import connect
from flyte_bus.ports import Bus
from flyte_bus.process import is_alive
from flyte_bus.settings import BusSettings
from flyte_bus.spool import left_spools
from flyte_dataproxy.app import build
from flyte_dataproxy.settings import DataproxySettings
from flyte_executor.backends.left_words import LeftWords
from flyte_schemas.events import ActionQueued, ActionRetried, AttemptFailed
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.phase import ActionPhase
from flyte_schemas.streams import LEASES_BUCKET, RUNS
from flyte_schemas.subjects import action_subject, lease_key
from testkit.agents import Agents, Zygote
from testkit.cases.harness import GUARD_S, until
from testkit.nats_server import NatsServer

P = ActionPhase
TTL_S = 2

WORK = """\
@env.task
def main(folder: str) -> int:
    here = Path(folder)
    print('begun')
    (here / 'pid').write_text(str(os.getpid()))
    while not (here / 'go on').exists():
        time.sleep(0.02)
    for number in range(2_000):
        print('line', number)
    (here / 'printed').touch()
    while not (here / 'end').exists():
        time.sleep(0.02)
    return 7
"""
PRINTED = "begun\n" + "".join(f"line {number}\n" for number in range(2_000))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    server = NatsServer(tmp_path_factory.mktemp("nats"))
    server.start()
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="module")
def brief_zygote(server: NatsServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    zygote = Zygote(server, tmp_path_factory.mktemp("home"), FLYTE_LEASE_TTL_S=str(TTL_S))
    try:
        yield zygote
    finally:
        assert zygote.end() == 0


@pytest.fixture
async def own_bus(server: NatsServer) -> AsyncIterator[Bus]:
    settings = BusSettings(url=server.url, user=server.user, password=server.password)
    async with await connect(settings) as bus:
        await bus.provision()
        yield bus


@pytest.fixture
async def brief(own_bus: Bus, brief_zygote: Zygote, tmp_path: Path) -> AsyncIterator[Agents]:
    service = await build(own_bus, DataproxySettings(root=tmp_path / "artifacts"))
    await service.start()
    agents = Agents(own_bus, brief_zygote)
    try:
        yield agents
    finally:
        await agents.end()
        await service.stop()


class Work:
    """A task that waits for the test's leave to go on, and to end."""

    def __init__(self, agents: Agents, folder: Path) -> None:
        self.agents = agents
        self.folder = folder
        folder.mkdir()

    async def begin(self) -> None:
        self.order = await self.agents.open(WORK, inputs={"folder": str(self.folder)})
        self.process = self.agents.start(self.order)
        await until(lambda: (self.folder / "pid").exists() and (self.folder / "pid").read_text() != "")
        self.runner = int((self.folder / "pid").read_text())
        await self.agents.until(self.order, lambda state: state.phase is P.RUNNING)

    async def print_all(self) -> None:
        """Have it print, and return once it has."""
        (self.folder / "go on").touch()
        await until((self.folder / "printed").exists)

    def end(self) -> None:
        (self.folder / "end").touch()

    async def has_lease(self) -> bool:
        entry = await self.agents.bus.bucket(LEASES_BUCKET).get(lease_key(self.order.key))
        return entry is not None

    async def until_lease(self, there: bool) -> None:
        async with asyncio.timeout(GUARD_S):
            while await self.has_lease() is not there:
                await asyncio.sleep(0.05)

    async def until_words(self, count: int) -> None:
        async with asyncio.timeout(GUARD_S):
            while await self.words() < count:
                await asyncio.sleep(0.05)
        assert await self.words() == count

    async def words(self) -> int:
        subject = action_subject(self.order.key.action)
        return len([entry async for entry in self.agents.bus.log.read(RUNS, subject)])

    @property
    def spool(self) -> list[Path]:
        return list((self.agents.zygote.home / "spool").glob("*"))


@pytest.fixture
async def work(brief: Agents, tmp_path: Path) -> Work:
    work = Work(brief, tmp_path / "work")
    await work.begin()
    return work


async def test_a_lease_is_there_while_the_task_runs_and_gone_with_it(work: Work) -> None:
    await work.until_lease(True)
    await asyncio.sleep(2 * TTL_S)
    assert await work.has_lease()
    await work.print_all()
    work.end()
    await work.process.wait()
    assert not await work.has_lease()
    assert (await work.agents.state(work.order)).phase is P.SUCCEEDED
    assert work.spool == []


async def test_in_an_outage_longer_than_the_lease_a_task_prints_and_succeeds(
    work: Work, server: NatsServer
) -> None:
    server.kill()
    await work.print_all()  # no print has to wait for the bus
    work.end()
    await until(lambda: not is_alive(work.runner))
    await asyncio.sleep(2 * TTL_S)
    assert work.process.is_alive
    assert work.spool != []
    server.start()
    await work.process.wait()
    assert (await work.agents.state(work.order)).phase is P.SUCCEEDED
    assert await work.agents.printed(work.order) == PRINTED
    assert work.spool == []
    assert work.agents.leftovers() == set()


async def test_an_outage_in_the_middle_of_a_task_costs_it_nothing(work: Work, server: NatsServer) -> None:
    await work.until_lease(True)
    server.kill()
    await work.print_all()
    await asyncio.sleep(2 * TTL_S)
    server.start()
    await work.until_lease(True)
    work.end()
    await work.process.wait()
    assert (await work.agents.state(work.order)).phase is P.SUCCEEDED
    assert await work.agents.printed(work.order) == PRINTED


async def test_a_success_in_an_outage_counts_although_its_agent_died_in_it(
    work: Work, server: NatsServer
) -> None:
    server.kill()
    await work.print_all()
    work.end()
    await until(lambda: not is_alive(work.runner))
    await until(lambda: any(b"attempt.succeeded" in path.read_bytes() for path in work.spool))
    work.process.send(signal.SIGKILL)
    await work.process.wait()
    server.start()
    assert left_spools(work.agents.zygote.home / "spool") == work.spool
    await LeftWords(work.agents.zygote.home / "spool", work.agents.bus.log).deliver()
    assert (await work.agents.state(work.order)).phase is P.SUCCEEDED
    assert await work.agents.printed(work.order) == PRINTED
    assert work.spool == []


async def test_an_agent_that_slept_too_long_ends_without_a_word_when_another_has_its_attempt(
    work: Work,
) -> None:
    await work.until_lease(True)
    work.process.send(signal.SIGSTOP)
    os.kill(work.runner, signal.SIGSTOP)
    await work.until_lease(False)
    key = work.order.key.action
    lost = Failure(code="WorkerLost", kind=FailureKind.SYSTEM)
    for data in (
        AttemptFailed(attempt=1, failure=lost),
        ActionRetried(attempt=1, reason=""),
        ActionQueued(attempt=2, pool="process"),
    ):
        await work.agents.say(key, data)
    before = await work.words()
    os.kill(work.runner, signal.SIGCONT)
    work.process.send(signal.SIGCONT)
    await work.process.wait()
    assert not is_alive(work.runner)
    assert await work.words() == before
    assert not await work.has_lease()
    assert work.agents.leftovers() == set()


async def test_an_agent_that_slept_too_long_goes_on_when_nobody_took_its_attempt(work: Work) -> None:
    await work.until_lease(True)
    work.process.send(signal.SIGSTOP)
    await work.until_lease(False)
    before = await work.words()
    work.process.send(signal.SIGCONT)
    await work.until_words(before + 1)  # its lease comes first, then it says that it lives
    assert await work.has_lease()
    await work.print_all()
    work.end()
    await work.process.wait()
    assert (await work.agents.state(work.order)).phase is P.SUCCEEDED
