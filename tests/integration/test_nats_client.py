"""What nats-py's client leaves to chance, and ours does not."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from flyte_bus.jetstream import connection as connection_module
from flyte_bus.jetstream.connection import Connection
from flyte_bus.settings import BusSettings
from testkit.cases.harness import GUARD_S
from testkit.gates import Gate, Gates
from testkit.nats_server import NatsServer


@pytest.fixture
async def gated(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Connection, Gate]]:
    """A connection that can be held up, and that no ping of its own brings back."""
    monkeypatch.setattr(connection_module, "PING_EVERY_S", 600)
    with Gates() as gates:
        gate = gates.make(nats_server.port)
        connection = Connection(
            BusSettings(
                url=f"nats://127.0.0.1:{gate.port}", user=nats_server.user, password=nats_server.password
            )
        )
        await connection.open()
        try:
            yield connection, gate
        finally:
            await connection.close()


async def ignore(_: Any) -> None: ...


async def test_the_server_has_a_subscription_before_it_is_asked_whether_it_does(
    gated: tuple[Connection, Gate], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, _ = gated
    transport = connection.client._transport
    assert transport is not None
    sent: list[bytes] = []
    write, writelines = transport.write, transport.writelines
    monkeypatch.setattr(transport, "write", lambda data: (sent.append(data), write(data)))
    monkeypatch.setattr(transport, "writelines", lambda data: (sent.extend(data), writelines(data)))
    await connection.subscribe("somewhere", ignore)
    words = b"".join(sent).split()
    assert words[0] == b"SUB"
    assert words.count(b"SUB") == words.count(b"PING") == 1


async def test_who_no_longer_waits_for_the_server_ends_nothing_but_his_waiting(
    gated: tuple[Connection, Gate],
) -> None:
    connection, gate = gated
    returns: list[None] = []
    connection.on_return(lambda: returns.append(None))
    gate.shut()
    waiting = asyncio.create_task(connection.client.flush())
    while not connection.client._pongs:
        await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    gate.open()
    async with asyncio.timeout(GUARD_S):
        assert "error" not in await connection.api("INFO", {})
    assert not returns


async def test_an_error_within_the_client_is_an_outage_and_no_silence(
    gated: tuple[Connection, Gate], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, _ = gated
    returned = asyncio.Event()
    connection.on_return(returned.set)
    parser = connection.client._ps
    parse = parser.parse

    async def fail(_: bytes) -> None:
        monkeypatch.setattr(parser, "parse", parse)
        raise ValueError("planted")

    monkeypatch.setattr(parser, "parse", fail)
    async with asyncio.timeout(GUARD_S):
        assert "error" not in await connection.api("INFO", {})
        await returned.wait()
