"""A log in memory in which an attempt is open."""

from collections.abc import AsyncIterator

import pytest

from flyte_bus.memory import MemoryBus, MemoryServer
from testkit.open_attempt import OpenAttempt


@pytest.fixture
async def attempt() -> AsyncIterator[OpenAttempt]:
    async with MemoryBus(MemoryServer()) as bus:
        await bus.provision()
        attempt = OpenAttempt(bus)
        await attempt.open()
        yield attempt
