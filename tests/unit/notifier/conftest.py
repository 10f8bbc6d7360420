"""Notifiers on a control plane in memory."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from testkit.notifier_plane import Plane


@pytest.fixture
async def plane() -> AsyncIterator[Plane]:
    async with AsyncExitStack() as stack:
        plane = Plane(stack)
        await plane.bus.provision()
        stack.push_async_callback(plane.bus.close)
        yield plane
