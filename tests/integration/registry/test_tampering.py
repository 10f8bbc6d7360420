"""A log that was rewritten, on a real nats-server: `flyte audit --verify` says what is not as it was."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client

from flyte_bus.jetstream import connect
from flyte_bus.ports import Bus
from flyte_bus.settings import BusSettings
from flyte_registry.app import build
from flyte_registry.seal_key import seal_key
from flyte_registry.settings import in_folder
from flyte_schemas.events import AttemptSucceeded
from flyte_schemas.streams import RUNS, SEALS
from testkit.cases.harness import GUARD_S
from testkit.cli import Cli
from testkit.nats_server import NatsServer
from testkit.registry import STARTED, WHERE, happen

Messages = list[tuple[str, bytes]]


@pytest.fixture
def second_server(tmp_path: Path) -> Iterator[NatsServer]:
    server = NatsServer(tmp_path / "second")
    server.start()
    try:
        yield server
    finally:
        server.kill()


async def connected(server: NatsServer) -> Bus:
    return await connect(BusSettings(url=server.url, user=server.user, password=server.password))


async def told_and_sealed(bus: Bus, folder: Path) -> tuple[Messages, Messages]:
    """Two runs, with their seals, as the streams have them."""
    await bus.provision()
    registry = await build(bus, in_folder(folder))
    await registry.start()
    try:
        await happen(bus, "one", *STARTED, AttemptSucceeded(attempt=1))
        await happen(bus, "two", *STARTED, AttemptSucceeded(attempt=1))
        async with asyncio.timeout(GUARD_S):
            while await bus.log.last_sequence(SEALS) < 2:
                await asyncio.sleep(0.05)
    finally:
        await registry.stop()
    runs = [(entry.subject, entry.raw) async for entry in bus.log.read(RUNS, "flyte.run.>")]
    return runs, [(entry.subject, entry.raw) async for entry in bus.log.read(SEALS, "flyte.seal.>")]


async def write(server: NatsServer, messages: Messages) -> None:
    client = Client()
    await client.connect(server.url, user=server.user, password=server.password)
    try:
        for subject, raw in messages:
            await client.request(subject, raw, timeout=GUARD_S)
    finally:
        await client.close()


def honest(runs: Messages) -> Messages:
    return runs


def altered(runs: Messages) -> Messages:
    subject, raw = runs[2]
    return [*runs[:2], (subject, raw.replace(b'"worker":"w"', b'"worker":"x"')), *runs[3:]]


def left_out(runs: Messages) -> Messages:
    return [*runs[:2], *runs[3:]]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (honest, []),
        (altered, [("changed", "one", "a0", 3)]),
        # What stood after it has moved up, so each of those is another than was sealed in its place.
        (
            left_out,
            [
                ("changed", "one", "a0", 3),
                ("missing", "one", "a0", 4),
                ("added", "two", "a0", 4),
                *(("changed", "two", "a0", sequence) for sequence in (5, 6, 7)),
                ("missing", "two", "a0", 8),
            ],
        ),
    ],
)
async def test_a_log_that_was_rewritten_is_found_out(
    nats_server: NatsServer,
    second_server: NatsServer,
    tmp_path: Path,
    change: Callable[[Messages], Messages],
    found: list[Any],
) -> None:
    async with await connected(nats_server) as bus:
        runs, seals = await told_and_sealed(bus, tmp_path)
    async with await connected(second_server) as bus:
        await bus.provision()
    await write(second_server, change(runs) + seals)
    key = seal_key(tmp_path / "seal.key").public
    user = Cli(
        tmp_path,
        {
            "FLYTE_HOME": str(tmp_path / "home"),
            "FLYTE_ADMIN_ENDPOINT": second_server.url,
            "FLYTE_NATS_USER": second_server.user,
            "FLYTE_NATS_PASSWORD": second_server.password,
            "FLYTE_SEAL_KEYS": key,
        },
    )
    done = await asyncio.to_thread(user, "audit", "--verify", "-o", "json")
    assert done.returncode == bool(found), done.stderr
    shown = json.loads(done.stdout)
    place = "/".join(WHERE.values())
    assert [
        (one["problem"], one["run"].removeprefix(place + "/"), one["action"], one["sequence"])
        for one in shown["findings"]
    ] == found
    assert (shown["runs"], shown["sealed"], shown["keys"]) == (2, 2 - len({one[1] for one in found}), [key])
