"""What the tests of the executor share."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from testkit.executor_plane import CHILD, TASK, Plane


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    async with AsyncExitStack() as stack:
        plane = Plane(tmp_path, stack)
        await plane.bus.provision()
        stack.push_async_callback(plane.bus.close)
        stack.push_async_callback(plane.machine.end)
        await plane.deploy(TASK)
        await plane.deploy(CHILD)
        yield plane
