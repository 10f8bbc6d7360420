"""Who reads slowly holds up nobody: the server lets go of him, his client holds little, nothing is missed."""

import asyncio
import gc
import json
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from flyte_bus.jetstream import JetStreamBus, connect
from flyte_bus.jetstream import follower as follower_module
from flyte_bus.jetstream import stream as stream_module
from flyte_bus.ports import Entry
from flyte_bus.settings import BusSettings
from flyte_schemas.envelope import AnyEvent
from flyte_schemas.events import AttemptSucceeded
from flyte_schemas.literals import InlineLiteral
from flyte_schemas.streams import RUNS
from testkit.cases.harness import take
from testkit.events import action, event
from testkit.nats_server import NatsServer
from testkit.subscriber import SUBSCRIBERS, Subscriber

SMALL_BUFFERS = 'max_pending: 1MB\nwrite_deadline: "1s"\n'


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[NatsServer]:
    """A server that soon lets go of who does not read."""
    server = NatsServer(tmp_path / "nats", more=SMALL_BUFFERS)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[JetStreamBus]:
    settings = BusSettings(url=nats_server.url, user=nats_server.user, password=nats_server.password)
    async with await connect(settings) as bus:
        await bus.provision()
        yield bus


def large(number: int, size_bytes: int = 3_000) -> AnyEvent:
    """An event that fills a part of a buffer."""
    outputs = {"o0": InlineLiteral(value="x" * size_bytes)}
    return event(action(), AttemptSucceeded(attempt=1, outputs=outputs), id=f"e{number}")


async def test_a_subscriber_that_does_not_read_is_let_go_and_catches_up(
    bus: JetStreamBus, nats_server: NatsServer, tmp_path: Path
) -> None:
    command = [sys.executable, str(SUBSCRIBERS / "journal.py"), nats_server.url]
    subscriber = Subscriber(command, tmp_path / "journal.jsonl", nats_server)
    subscriber.start()
    try:
        await bus.log.append(large(0))
        await subscriber.until("e0")
        subscriber.send(signal.SIGSTOP)
        count = 1
        while "Slow Consumer" not in (tmp_path / "nats" / "nats.log").read_text():
            await asyncio.gather(*(bus.log.append(large(count + n, 50_000)) for n in range(50)))
            count += 50
        assert [line["sequence"] for line in subscriber.lines()] == [1]
        subscriber.send(signal.SIGCONT)
        await subscriber.until(f"e{count - 1}")
    finally:
        subscriber.kill()
    assert [line["sequence"] for line in subscriber.lines()] == list(range(1, count + 1))


def held() -> int:
    """How many messages of streams this process holds."""
    return sum(isinstance(one, Entry) for one in gc.get_objects())


@pytest.mark.parametrize("limit", ["LIVE_BACKLOG", "LIVE_BACKLOG_BYTES", "in order"])
async def test_a_follower_holds_little_for_who_does_not_read_and_gives_him_all(
    bus: JetStreamBus, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(stream_module, "BATCH_MESSAGES", 50)
    if limit != "in order":
        monkeypatch.setattr(follower_module, limit, 50 if limit == "LIVE_BACKLOG" else 50 * 3_000)
    follow = bus.log.follow_in_order if limit == "in order" else bus.log.follow
    settings = BusSettings(url=nats_server.url, user=nats_server.user, password=nats_server.password)
    count, before = 1_501, held()
    async with await connect(settings) as writer, aclosing(follow(RUNS, RUNS.subjects[0])) as following:
        await writer.log.append(large(0))
        first = await anext(following)
        for start in range(1, count, 100):
            await asyncio.gather(
                *(writer.log.append(large(n)) for n in range(start, min(start + 100, count)))
            )
            await bus.log.last(RUNS, action())  # what was said live before its answer is heard by now
            assert held() - before <= 110
        later = await take(following, count - 1)
    assert [entry.sequence for entry in (first, *later)] == list(range(1, count + 1))
    assert json.loads(later[-1].raw)["id"] == large(count - 1).id
