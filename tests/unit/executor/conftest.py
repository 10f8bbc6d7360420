"""What the tests of the executor share."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from testkit.executor_plane import Plane
from testkit.scripted_backend import CHILD, TASK


@pytest.fixture(params=[False, True], ids=["quick acks", "slow acks"])
async def plane(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Plane]:
    async with AsyncExitStack() as stack:
        plane = Plane(tmp_path, stack, slow_acks=request.param)
        await plane.bus.provision()
        stack.push_async_callback(plane.bus.close)
        stack.push_async_callback(plane.machine.end)
        await plane.deploy(TASK)
        await plane.deploy(CHILD)
        yield plane
