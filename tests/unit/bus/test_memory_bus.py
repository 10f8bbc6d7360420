"""The bus in memory keeps the contract of every port."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_bus.ports import Bus
from flyte_schemas.streams import StreamSpec
from testkit.cases.endpoints import EndpointCases
from testkit.cases.event_log import EventLogCases
from testkit.cases.in_order import InOrderCases
from testkit.cases.inbox import InboxCases
from testkit.cases.key_value import KeyValueCases
from testkit.cases.provision import ProvisionCases


class MemoryHarness:
    """A memory server, and connections to it."""

    def __init__(self) -> None:
        self.server = MemoryServer(clock=asyncio.get_running_loop().time)
        self.bus: Bus = MemoryBus(self.server)

    async def connect(self, *, patience_s: float = 60.0) -> Bus:
        return MemoryBus(self.server, patience_s=patience_s)

    async def publish_raw(self, subject: str, raw: bytes) -> None:
        self.server.publish_raw(subject, raw)

    async def stop(self) -> None:
        self.server.stop()

    async def start(self) -> None:
        self.server.start()

    async def define(self, stream: StreamSpec) -> None:
        self.server.define_stream(stream)

    async def max_age_s(self, stream: StreamSpec) -> int | None:
        return self.server.stream(stream.name).spec.max_age_s


@pytest.fixture
async def bare() -> AsyncIterator[MemoryHarness]:
    harness = MemoryHarness()
    async with harness.bus:
        yield harness


@pytest.fixture
async def harness(bare: MemoryHarness) -> MemoryHarness:
    await bare.bus.provision()
    return bare


class TestEventLog(EventLogCases): ...


class TestInOrder(InOrderCases): ...


class TestInbox(InboxCases): ...


class TestEndpoints(EndpointCases): ...


class TestKeyValue(KeyValueCases): ...


class TestProvision(ProvisionCases): ...
