"""Schedulers on a control plane in memory, in virtual time."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack

import pytest

from testkit.scheduler_plane import Plane
from testkit.virtual_time import VirtualTimeLoop


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], VirtualTimeLoop]]:
    """Every test here lives on a loop that jumps from timer to timer."""
    return {"virtual": VirtualTimeLoop}


@pytest.fixture
async def plane() -> AsyncIterator[Plane]:
    async with AsyncExitStack() as stack:
        yield await Plane.made(stack)
