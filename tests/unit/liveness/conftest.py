"""Leases, silences and outages are tested without waiting: all their time is the event loop's."""

from collections.abc import AsyncIterator, Callable, Mapping

import pytest

from flyte_bus.memory import MemoryBus
from testkit.open_attempt import OpenAttempt
from testkit.silences import bus_in_virtual_time
from testkit.virtual_time import VirtualTimeLoop


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], VirtualTimeLoop]]:
    """Every test here has an event loop with a clock of its own."""
    return {"virtual": VirtualTimeLoop}


@pytest.fixture
async def bus() -> AsyncIterator[MemoryBus]:
    async with bus_in_virtual_time() as bus:
        await bus.provision()
        yield bus


@pytest.fixture
async def attempt(bus: MemoryBus) -> OpenAttempt:
    attempt = OpenAttempt(bus)
    await attempt.open()
    return attempt
