"""The registry as a process of its own, as an operator starts and stops it."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from flyte_bus.jetstream import connect
from flyte_bus.ports import Bus
from flyte_bus.settings import BusSettings
from flyte_schemas.endpoints import GET_TASK, GetTask, Ping, ping_endpoint
from flyte_schemas.streams import TASKS
from testkit.cases.harness import GUARD_S, take
from testkit.nats_server import NatsServer
from testkit.tasks import deploy, template


class Registry:
    """A registry's process, and what it says."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def says(self, fact: str) -> dict[str, object]:
        """Read its log until this fact."""
        assert self.process.stderr is not None
        async with asyncio.timeout(GUARD_S):
            async for line in self.process.stderr:
                said: dict[str, object] = json.loads(line)
                if said["event"] == fact:
                    return said
        raise AssertionError(f"it ended without {fact}")

    async def ends(self) -> int:
        async with asyncio.timeout(GUARD_S):
            await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode


@asynccontextmanager
async def registry(home: Path, **environment: str) -> AsyncIterator[Registry]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "flyte_registry",
        env={**_inherited(), "FLYTE_HOME": str(home), **environment},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Registry(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def _inherited() -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FLYTE_")}
    return clean | {"PYTHONPATH": os.pathsep.join(sys.path)}


def at(server: NatsServer) -> dict[str, str]:
    return {
        "FLYTE_NATS_URL": server.url,
        "FLYTE_NATS_USER": server.user,
        "FLYTE_NATS_PASSWORD": server.password,
    }


async def client(server: NatsServer) -> Bus:
    return await connect(BusSettings(url=server.url, user=server.user, password=server.password))


async def test_it_waits_for_a_server_that_is_not_there_and_says_so(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    nats_server.kill()
    async with registry(tmp_path, **at(nats_server)) as process:
        assert (await process.says("process.bus.awaited"))["nats"] == nats_server.url
        await asyncio.to_thread(nats_server.start)
        await process.says("process.ready")
        async with await client(nats_server) as bus:
            pong = await bus.ask(ping_endpoint("registry"), Ping())
        assert pong.pid == process.process.pid


async def test_a_signal_ends_it_cleanly(nats_server: NatsServer, tmp_path: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        async with registry(tmp_path, **at(nats_server)) as process:
            await process.says("process.ready")
            process.process.send_signal(number)
            await process.says("process.stopped")
            assert await process.ends() == 0


async def test_a_signal_ends_it_while_it_waits_for_the_server(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    nats_server.kill()
    async with registry(tmp_path, **at(nats_server)) as process:
        await process.says("process.bus.awaited")
        process.process.terminate()
        assert await process.ends() == 0


async def test_without_a_server_in_its_settings_it_says_what_to_set(tmp_path: Path) -> None:
    async with registry(tmp_path) as process:
        assert "FLYTE_NATS_URL" in str((await process.says("process.misconfigured"))["error"])
        assert await process.ends() == 2


async def test_a_second_one_on_the_same_files_says_whose_they_are(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    async with registry(tmp_path, **at(nats_server)) as first:
        await first.says("process.ready")
        async with registry(tmp_path, **at(nats_server)) as second:
            assert "FLYTE_REGISTRY_HOME" in str((await second.says("process.died"))["error"])
            assert await second.ends() == 1


async def test_killed_at_any_time_it_goes_on_where_the_log_is(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    async with await client(nats_server) as bus:
        async with registry(tmp_path, **at(nats_server)) as process:
            await process.says("process.ready")
            await bus.log.append(deploy(template(), "v1"))
            await take(bus.log.follow(TASKS, "flyte.task.>"), 1)
            for number in range(2, 30):
                await bus.log.append(deploy(template(), f"v{number}"))
            process.process.kill()
            await process.ends()
        await bus.log.append(deploy(template(), "v30"))
        async with registry(tmp_path, **at(nats_server)):
            await take(bus.log.follow(TASKS, "flyte.task.>"), 30)
            answer = await bus.ask(
                GET_TASK,
                GetTask(project="flytesnacks", domain="development", name="my_env.my_task", version="v30"),
            )
        assert await bus.log.last_sequence(TASKS) == 30
    assert answer.task is not None


async def test_it_outlasts_a_server_that_is_killed(nats_server: NatsServer, tmp_path: Path) -> None:
    async with registry(tmp_path, **at(nats_server)) as process, await client(nats_server) as bus:
        await process.says("process.ready")
        await bus.log.append(deploy(template(), "v1"))
        await take(bus.log.follow(TASKS, "flyte.task.>"), 1)
        nats_server.kill()
        await asyncio.to_thread(nats_server.start)
        await bus.log.append(deploy(template(), "v2"))
        await take(bus.log.follow(TASKS, "flyte.task.>"), 2)
        answer = await bus.ask(
            GET_TASK, GetTask(project="flytesnacks", domain="development", name="my_env.my_task")
        )
    assert answer.task is not None and answer.task.version == "v2"
