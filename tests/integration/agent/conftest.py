"""A nats-server, a dataproxy on it, and agents as processes.

One server and one zygote serve all tests of a file: a zygote takes a while until it has loaded everything.
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from flyte_bus.jetstream import connect
from flyte_bus.ports import Bus
from flyte_bus.settings import BusSettings
from flyte_dataproxy.app import DataproxyService, build
from flyte_dataproxy.settings import DataproxySettings
from testkit.agents import Agents, Zygote
from testkit.nats_server import NatsServer


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    server = NatsServer(tmp_path_factory.mktemp("nats"))
    server.start()
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="module")
def zygote(shared_server: NatsServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    zygote = Zygote(shared_server, tmp_path_factory.mktemp("home"))
    try:
        yield zygote
    finally:
        assert zygote.end() == 0


@pytest.fixture
async def bus(shared_server: NatsServer) -> AsyncIterator[Bus]:
    settings = BusSettings(url=shared_server.url, user=shared_server.user, password=shared_server.password)
    async with await connect(settings) as bus:
        await bus.provision()
        yield bus


@pytest.fixture
async def dataproxy(bus: Bus, tmp_path: Path) -> AsyncIterator[DataproxyService]:
    service = await build(bus, DataproxySettings(root=tmp_path / "artifacts"))
    await service.start()
    try:
        yield service
    finally:
        await service.stop()


@pytest.fixture
async def agents(bus: Bus, zygote: Zygote, dataproxy: DataproxyService) -> AsyncIterator[Agents]:
    agents = Agents(bus, zygote)
    try:
        yield agents
    finally:
        await agents.end()
