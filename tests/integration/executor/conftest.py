"""A place with a cluster, whose pauses are brief."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from flyte_executor.backends.kubernetes import api, cluster, telling, watch
from testkit.executor_plane import Plane
from testkit.kubernetes.api_server import ApiServer
from testkit.kubernetes.place import Place
from testkit.scripted_backend import TASK


@pytest.fixture
async def east() -> AsyncIterator[ApiServer]:
    """Another cluster, which outlasts the place that is asked for after it."""
    server = ApiServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    monkeypatch.setattr(cluster, "AGAIN_S", 0.05)
    monkeypatch.setattr(cluster, "FIRST_AGAIN_S", 0.005)
    monkeypatch.setattr(cluster, "STUCK_S", 0.1)
    monkeypatch.setattr(telling, "AFTER_S", 0.0)
    monkeypatch.setattr(api, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(watch, "FIRST_PAUSE_S", 0.01)
    async with AsyncExitStack() as stack:
        server = ApiServer()
        await server.start()
        stack.push_async_callback(server.stop)
        monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path / "kubeconfig")))
        plane = Plane(tmp_path, stack)
        await plane.bus.provision()
        stack.push_async_callback(plane.bus.close)
        await plane.deploy(TASK, retries=0)
        place = Place(plane, server)
        stack.push_async_callback(place.node.close)
        yield place
