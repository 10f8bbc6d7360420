"""The store's disk is full: everyone is told so, nothing is lost, and work goes on when there is room."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import nats
import orjson
import pytest

from flyte_bus.errors import NotStored, StreamFull
from flyte_bus.jetstream import connect
from flyte_bus.settings import BusSettings
from flyte_schemas.streams import RUNS
from testkit.chaos.small_disk import SmallDisk
from testkit.cli import Cli, clean_environment
from testkit.events import action, numbered
from testkit.nats_server import NatsServer
from testkit.waiting import wait_for

HELLO = """\
import flyte

env = flyte.TaskEnvironment(name="hello")


@env.task
async def hello(name: str) -> str:
    return f"Hello, {name}!"
"""
DISK_BYTES = 64 * 1024**2


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with SmallDisk(tmp_path / "disk", DISK_BYTES) as disk:
        yield disk


async def test_a_server_whose_disk_is_full_is_told_from_one_that_is_away(disk: SmallDisk) -> None:
    server = NatsServer(disk.folder / "nats", inside=disk.inside, seen=disk.seen / "nats")
    server.start()
    try:
        settings = BusSettings(url=server.url, user=server.user, password=server.password, patience_s=2.0)
        async with await connect(settings) as bus:
            await bus.provision()
            assert await bus.log.append(numbered(action(), 1)) == 1
            disk.fill()
            with pytest.raises(NotStored, match="its disk may be full"):
                for number in range(2, 100):
                    await bus.log.append(numbered(action(), number))
            stored = [entry.sequence async for entry in bus.log.read(RUNS, action())]
            assert stored[0] == 1
    finally:
        server.kill()


async def test_a_stream_at_its_limit_is_full_for_a_client_and_awaited_by_a_service(
    tmp_path: Path,
) -> None:
    server = NatsServer(tmp_path / "nats")
    server.start()
    settings = BusSettings(url=server.url, user=server.user, password=server.password)
    try:
        async with (
            await connect(settings) as bus,
            await connect(replace(settings, waits_for_room=True)) as patient,
        ):
            await bus.provision()
            await _limit(server, 64 * 1024)
            last = 0
            with pytest.raises(StreamFull, match="maximum bytes"):
                for number in range(1, 2_000):
                    last = await bus.log.append(numbered(action(), number))
            waiting = asyncio.create_task(patient.log.append(numbered(action("a1"))))
            await asyncio.sleep(0.3)
            assert not waiting.done()
            await _limit(server, -1)
            assert await waiting == last + 1
    finally:
        server.kill()


async def _limit(server: NatsServer, size_bytes: int) -> None:
    """Let the stream of runs hold so many bytes; -1: as many as there is room for."""
    client = await nats.connect(server.url, user=server.user, password=server.password)
    try:
        found = orjson.loads((await client.request(f"$JS.API.STREAM.INFO.{RUNS.name}")).data)
        config = orjson.dumps(found["config"] | {"max_bytes": size_bytes})
        answer = await client.request(f"$JS.API.STREAM.UPDATE.{RUNS.name}", config)
        assert "error" not in orjson.loads(answer.data)
    finally:
        await client.close()


def test_a_stack_whose_disk_was_full_goes_on_when_there_is_room(disk: SmallDisk, tmp_path: Path) -> None:
    home, log = disk.folder / "home", tmp_path / "stack.log"
    user = tmp_path / "user"
    user.mkdir()
    with log.open("wb") as out:
        stack = subprocess.Popen(
            [*disk.inside, sys.executable, "-m", "flyte_embedded", "--home", str(home)],
            env=clean_environment(FLYTE_LOG_FORMAT="json"),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    cli = Cli(user, {"FLYTE_HOME": str(disk.seen / "home")})
    try:
        wait_for("the stack", lambda: "ready (nats" in log.read_text())
        cli.write("hello.py", HELLO)
        cli.ok("run", "--name", "before", "hello.py", "hello", "--name", "World")
        disk.fill()
        typed = cli.spawn("run", "--name", "during", "hello.py", "hello", "--name", "again")
        wait_for("the full disk to be told of", lambda: "embedded.disk.full" in log.read_text())
        assert typed.poll() is None
        disk.make_room()
        printed, _ = typed.communicate(timeout=100)
        assert typed.returncode == 0, printed
        assert "Hello, again!" in printed
        assert "SUCCEEDED" in cli.ok("get", "run", "before")
    except BaseException:
        print(log.read_text())
        raise
    finally:
        cli.end()
        stack.terminate()
        stack.wait()
