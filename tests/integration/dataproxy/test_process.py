"""The dataproxy as a process of its own, on a real nats-server: started, killed, started again."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from flyte._runtime.transfer import Artifacts
from flyte_bus.jetstream import connect
from flyte_bus.ports import Bus
from flyte_bus.settings import BusSettings
from flyte_schemas.endpoints import Ping, ping_endpoint
from testkit.nats_server import NatsServer, nats_server

__all__ = ["nats_server"]

Process = asyncio.subprocess.Process
Start = Callable[[], Awaitable[Process]]


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    settings = BusSettings(url=nats_server.url, user=nats_server.user, password=nats_server.password)
    async with await connect(settings) as bus:
        yield bus


@asynccontextmanager
async def ended_at_last(process: Process) -> AsyncIterator[None]:
    """Leave no process behind."""
    try:
        yield
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.fixture
async def start(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[Start]:
    environment = {
        **os.environ,
        "FLYTE_NATS_URL": nats_server.url,
        "FLYTE_NATS_USER": nats_server.user,
        "FLYTE_NATS_PASSWORD": nats_server.password,
        "FLYTE_HOME": str(tmp_path / "home"),
        "FLYTE_LOG_FORMAT": "json",
    }
    async with AsyncExitStack() as started:

        async def start() -> Process:
            with (tmp_path / "dataproxy.log").open("ab") as log:
                process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "flyte_dataproxy", env=environment, stderr=log
                )
            await started.enter_async_context(ended_at_last(process))
            return process

        yield start


async def test_a_signal_stops_it_cleanly_and_its_log_says_what_it_did(
    start: Start, bus: Bus, tmp_path: Path
) -> None:
    process = await start()
    pong = await bus.ask(ping_endpoint("dataproxy"), Ping(), timeout_s=30.0)
    assert pong.pid == process.pid
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
    facts = [json.loads(line)["event"] for line in (tmp_path / "dataproxy.log").read_text().splitlines()]
    assert facts == ["dataproxy.started", "process.ready", "process.stopping", "process.stopped"]


async def test_killed_in_the_middle_of_uploads_it_loses_none_of_them(
    start: Start, bus: Bus, tmp_path: Path
) -> None:
    artifacts = Artifacts(bus.ask, "robots", "development", patience_s=60.0)
    contents = [os.urandom(1024**2) for _ in range(24)]
    first = await start()
    some_are_there = asyncio.Event()

    async def put(content: bytes) -> None:
        stored = await artifacts.put(content, "values.json")
        some_are_there.set()
        assert await artifacts.get(stored.uri, stored.sha256, stored.size_bytes) == content

    putting = asyncio.gather(*(put(content) for content in contents))
    await some_are_there.wait()
    first.kill()
    await first.wait()
    await start()
    await putting
    visible = tmp_path / "home" / "artifacts" / "robots"
    assert sorted(path.stat().st_size for path in visible.rglob("*") if path.is_file()) == [1024**2] * 24


async def test_an_environment_that_cannot_work_ends_it_at_once_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FLYTE_DATAPROXY_PORT", "http")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "flyte_dataproxy", stderr=asyncio.subprocess.PIPE
    )
    async with ended_at_last(process):
        _, stderr = await process.communicate()
    assert process.returncode == 2
    assert stderr.decode() == "flyte-dataproxy: FLYTE_DATAPROXY_PORT is not a whole number: 'http'\n"
