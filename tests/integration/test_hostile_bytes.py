"""Bytes that only a hostile client sends: nobody who reads after them is held up."""

import asyncio
import socket
from urllib.parse import urlsplit

from flyte_bus.jetstream import connect
from flyte_bus.settings import BusSettings
from flyte_schemas.streams import REQUESTS
from testkit.cases.harness import take
from testkit.events import request
from testkit.nats_server import NatsServer

EVERYTHING = "flyte.req.>"
ESCAPED = r"flyte.req.project.domain.run.\xff\xfe.alice"


async def test_a_subject_that_is_no_utf8_is_read_by_everybody_and_holds_up_nobody(
    nats_server: NatsServer,
) -> None:
    settings = BusSettings(url=nats_server.url, user=nats_server.user, password=nats_server.password)
    bus = await connect(settings)
    try:
        await bus.provision()
        following = asyncio.create_task(take(bus.log.follow(REQUESTS, EVERYTHING), 3))
        await bus.log.append(request(1))
        _publish(nats_server, b"flyte.req.project.domain.run.\xff\xfe.alice")
        await bus.log.append(request(3))
        read = [entry.subject async for entry in bus.log.read(REQUESTS, EVERYTHING)]
        assert read[1] == ESCAPED
        assert [entry.subject for entry in await following] == read
        pulled: list[str] = []
        async with bus.inbox(REQUESTS, "everybody", [EVERYTHING]) as inbox:
            async for delivery in inbox:
                pulled.append(delivery.entry.subject)
                await delivery.ack()
                if len(pulled) == 3:
                    break
        assert pulled == read
    finally:
        await bus.close()


def _publish(server: NatsServer, subject: bytes) -> None:
    """Say it to the server as bytes, and wait until it has heard."""
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=30.0) as connection:
        connection.recv(65_536)
        who = f'CONNECT {{"verbose":false,"user":"{server.user}","pass":"{server.password}"}}\r\n'
        connection.sendall(who.encode() + b"PUB " + subject + b" 2\r\n{}\r\nPING\r\n")
        assert b"PONG" in connection.recv(65_536)
