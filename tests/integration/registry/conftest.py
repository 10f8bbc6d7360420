"""A control plane on a real nats-server."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import nats
import pytest

from flyte_bus.jetstream import connect
from flyte_bus.ports import Bus
from flyte_bus.settings import BusSettings
from testkit.nats_server import NatsServer


class JetStreamHarness:
    """A nats-server, and connections to it."""

    bus: Bus

    def __init__(self, server: NatsServer, stack: AsyncExitStack) -> None:
        self.server = server
        self._stack = stack

    async def connect(self) -> Bus:
        server = self.server
        settings = BusSettings(url=server.url, user=server.user, password=server.password)
        return await self._stack.enter_async_context(await connect(settings))

    async def publish_raw(self, subject: str, raw: bytes) -> None:
        server = self.server
        client = await nats.connect(server.url, user=server.user, password=server.password)
        try:
            await client.request(subject, raw)
        finally:
            await client.close()


@pytest.fixture
async def harness(nats_server: NatsServer) -> AsyncIterator[JetStreamHarness]:
    async with AsyncExitStack() as stack:
        harness = JetStreamHarness(nats_server, stack)
        harness.bus = await harness.connect()
        await harness.bus.provision()
        yield harness
