"""A console with its real HTTP server, beside a registry and a dataproxy, on a bus in memory."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from flyte._runtime.transfer import Artifacts
from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_console.app import build
from flyte_console.settings import ConsoleSettings
from flyte_dataproxy import app as dataproxy
from flyte_dataproxy.settings import DataproxySettings
from flyte_schemas.sessions import ANY, OPEN_SESSION, OpenSession
from testkit.console import DOMAIN, PROJECT, World
from testkit.registry import registry


@pytest.fixture
def limits() -> ConsoleSettings:
    """What a test may override."""
    return ConsoleSettings(bunch_s=0.0, list_bunch_s=0.0, heartbeat_s=0.2, ask_patience_s=5.0)


@pytest.fixture
async def world(tmp_path: Path, limits: ConsoleSettings) -> AsyncIterator[World]:
    server = MemoryServer()
    bus = MemoryBus(server)
    await bus.provision()
    store = await dataproxy.build(bus, DataproxySettings(root=tmp_path / "artifacts"))
    console = await build(bus, limits)
    async with registry(bus, tmp_path):
        await store.start()
        await console.start()
        try:
            everywhere = await bus.ask(OPEN_SESSION, OpenSession(project=ANY, domain=ANY, lasting=True))
            headers = {"Authorization": f"Bearer {everywhere.secret}"}
            async with aiohttp.ClientSession(headers=headers) as http:
                world = World(bus, server, console, http)
                await world.fill(Artifacts(bus.ask, PROJECT, DOMAIN))
                yield world
        finally:
            await console.stop()
            await store.stop()
    await bus.close()
