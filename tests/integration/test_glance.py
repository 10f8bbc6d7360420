"""A glance at a real nats-server says what the bus says, and gives up on whatever is unusual."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator

import pytest

from flyte_bus.glance import last_messages
from flyte_bus.jetstream import JetStreamBus, connect
from flyte_bus.settings import BusSettings
from flyte_schemas.envelope import decode, encode
from flyte_schemas.streams import RUNS
from testkit.events import action, numbered
from testkit.nats_server import NatsServer


@pytest.fixture
def settings(nats_server: NatsServer) -> BusSettings:
    return BusSettings(url=nats_server.url, user=nats_server.user, password=nats_server.password)


@pytest.fixture
async def bus(settings: BusSettings) -> AsyncIterator[JetStreamBus]:
    async with await connect(settings) as connected:
        await connected.provision()
        yield connected


async def glance(settings: BusSettings, *subjects: str) -> list[bytes | None] | None:
    return await asyncio.to_thread(last_messages, settings, RUNS.name, subjects, timeout_s=5.0)


async def test_the_last_message_of_each_subject_is_seen_in_order(
    bus: JetStreamBus, settings: BusSettings
) -> None:
    subjects = [action(f"a{number}") for number in range(40)]
    for number, subject in enumerate(subjects[:-1], start=1):
        await bus.log.append(numbered(subject, number))
        await bus.log.append(numbered(subject, number + 100))
    seen = await glance(settings, *subjects)
    assert seen is not None and seen[-1] is None
    for subject, raw in zip(subjects[:-1], seen, strict=False):
        last = await bus.log.last(RUNS, subject)
        assert raw is not None and last is not None
        assert decode(raw) == last.content and encode(decode(raw)) == raw


async def test_credentials_in_the_address_are_used(bus: JetStreamBus, nats_server: NatsServer) -> None:
    place = nats_server.url.removeprefix("nats://")
    url = f"nats://{nats_server.user}:{nats_server.password}@{place}"
    assert await glance(BusSettings(url=url), action("a0")) == [None]


async def test_it_gives_up_where_the_bus_would_tell_what_is_wrong(
    bus: JetStreamBus, nats_server: NatsServer, settings: BusSettings
) -> None:
    subject = action("a0")
    assert await glance(BusSettings(url=nats_server.url, user="x", password="y"), subject) is None
    assert await glance(BusSettings(url=settings.url.replace("nats:", "tls:")), subject) is None
    assert await asyncio.to_thread(last_messages, settings, "NO_SUCH_STREAM", [subject]) is None


def test_a_server_that_is_not_there_or_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        settings = BusSettings(url=f"nats://127.0.0.1:{port}")
        assert last_messages(settings, RUNS.name, ["x"], timeout_s=0.05) is None
    assert last_messages(settings, RUNS.name, ["x"], timeout_s=0.05) is None


@pytest.mark.parametrize(
    "said", [b"HTTP/1.1 400 Bad\r\n\r\n", b'INFO {"tls_required": true}\r\n', b"INFO {}\r\nHMSG a b\r\n", b""]
)
def test_a_server_that_is_none_of_ours_is_given_up(said: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(said)

        thread = threading.Thread(target=answer)
        thread.start()
        settings = BusSettings(url=f"nats://127.0.0.1:{server.getsockname()[1]}")
        assert last_messages(settings, RUNS.name, ["x"], timeout_s=1.0) is None
        thread.join()
