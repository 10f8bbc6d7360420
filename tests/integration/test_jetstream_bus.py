"""The bus on a real nats-server keeps the contract of every port."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from typing import Any

import nats
import nats.errors
import orjson
import pytest

from flyte_bus.errors import BusUnavailable
from flyte_bus.jetstream import connect, in_order
from flyte_bus.jetstream import follower as follower_module
from flyte_bus.jetstream import stream as stream_module
from flyte_bus.jetstream.batch import Batch
from flyte_bus.jetstream.connection import Connection
from flyte_bus.jetstream.follower import Follower
from flyte_bus.jetstream.parts import Part
from flyte_bus.jetstream.stream import JetStreamLog
from flyte_bus.ports import Bus
from flyte_bus.settings import BusSettings
from flyte_schemas.streams import RUNS, TASKS, StreamSpec
from flyte_schemas.subjects import live
from testkit.cases.endpoints import EndpointCases
from testkit.cases.event_log import EventLogCases
from testkit.cases.harness import exhaust, gathering, until
from testkit.cases.in_order import InOrderCases
from testkit.cases.inbox import InboxCases
from testkit.cases.key_value import KeyValueCases
from testkit.cases.provision import ProvisionCases
from testkit.events import action, numbered
from testkit.nats_server import NatsServer

NANOSECONDS = 1_000_000_000


class JetStreamHarness:
    """A nats-server, and connections to it; what a test does behind the bus's back goes by nats-py."""

    bus: Bus

    def __init__(self, server: NatsServer, stack: AsyncExitStack) -> None:
        self.server = server
        self._stack = stack

    async def connect(self, *, patience_s: float = 60.0) -> Bus:
        bus = await connect(
            BusSettings(
                url=self.server.url,
                user=self.server.user,
                password=self.server.password,
                patience_s=patience_s,
            )
        )
        return await self._stack.enter_async_context(bus)

    async def publish_raw(self, subject: str, raw: bytes) -> None:
        await self.request(subject, raw)

    async def stop(self) -> None:
        self.server.kill()

    async def start(self) -> None:
        await asyncio.to_thread(self.server.start)

    async def define(self, stream: StreamSpec) -> None:
        found = await self.request(f"$JS.API.STREAM.INFO.{stream.name}", b"")
        config = found["config"] | {"max_age": (stream.max_age_s or 0) * NANOSECONDS}
        await self.request(f"$JS.API.STREAM.UPDATE.{stream.name}", orjson.dumps(config))

    async def max_age_s(self, stream: StreamSpec) -> int | None:
        found = await self.request(f"$JS.API.STREAM.INFO.{stream.name}", b"")
        return found["config"].get("max_age", 0) // NANOSECONDS or None

    async def request(self, subject: str, raw: bytes) -> dict[str, dict[str, int]]:
        """One request to the server; its answer must be no error."""
        server = self.server
        client = await nats.connect(server.url, user=server.user, password=server.password)
        try:
            answer: dict[str, dict[str, int]] = orjson.loads((await client.request(subject, raw)).data)
        finally:
            await client.close()
        assert "error" not in answer, answer
        return answer


@pytest.fixture
async def bare(nats_server: NatsServer) -> AsyncIterator[JetStreamHarness]:
    async with AsyncExitStack() as stack:
        harness = JetStreamHarness(nats_server, stack)
        harness.bus = await harness.connect()
        yield harness


@pytest.fixture
async def harness(bare: JetStreamHarness) -> JetStreamHarness:
    await bare.bus.provision()
    return bare


class TestEventLog(EventLogCases):
    @pytest.mark.parametrize("how", ["live", "read"])
    async def test_what_somebody_was_told_of_he_can_read_though_a_member_that_is_behind_answers(
        self, harness: JetStreamHarness, monkeypatch: pytest.MonkeyPatch, how: str
    ) -> None:
        log, writer = harness.bus.log, await harness.connect()
        assert isinstance(log, JetStreamLog)
        async with aclosing(log.follow(RUNS, "flyte.run.>")) as entries:
            if how == "live":
                first = asyncio.ensure_future(anext(entries))
                await asyncio.sleep(0.2)
                await writer.log.append(numbered(action(), 1))
            else:
                await writer.log.append(numbered(action(), 1))
                first = asyncio.ensure_future(anext(entries))
            assert (await first).subject == action()
        batch, answers = log._batch, list[int]()

        async def lagging(stream: StreamSpec, part: Part, asked: str, after: int) -> Batch:
            answers.append(after)
            if len(answers) < 3:
                return Batch(log._connection, stream, part.at, {}, part.wanted, after)  # with nothing
            return await batch(stream, part, asked, after)

        monkeypatch.setattr(log, "_batch", lagging)
        assert len([entry async for entry in log.read(RUNS, action())]) == 1
        assert len(answers) == 3

    async def test_a_live_message_that_was_lost_is_read_though_others_came_after_it(
        self, harness: JetStreamHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(follower_module, "LOOK_AGAIN_S", 0.5)
        take = Follower._on_live
        lost = action("a1").encode()

        def lossy(follower: Follower, headers: bytes, raw: bytes) -> None:
            if lost not in headers:
                take(follower, headers, raw)

        monkeypatch.setattr(Follower, "_on_live", lossy)
        log = harness.bus.log
        await log.append(numbered(action("a0")))
        heard: list[str] = []
        async with aclosing(log.follow(RUNS, action("*"))) as entries:
            async for entry in entries:
                heard.append(entry.subject)
                if len(heard) == 1:
                    for name in ("a1", "a2"):
                        await log.append(numbered(action(name)))
                if len(heard) == 3:
                    break
        assert heard == [action("a0"), action("a2"), action("a1")]


class TestInOrder(InOrderCases):
    async def test_what_was_lost_live_comes_in_its_place(
        self, harness: JetStreamHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        take, lost = in_order._Told.take, action("a1").encode()

        def lossy(told: in_order._Told, headers: bytes, raw: bytes) -> None:
            if lost not in headers:
                take(told, headers, raw)

        monkeypatch.setattr(in_order._Told, "take", lossy)
        log = harness.bus.log
        async with gathering(log.follow_in_order(RUNS, action("*"))) as seen:
            for name in ("a0", "a1", "a2"):
                await log.append(numbered(action(name)))
            await until(lambda: len(seen) == 3)
        assert [entry.subject for entry in seen] == [action("a0"), action("a1"), action("a2")]


class TestInbox(InboxCases): ...


class TestEndpoints(EndpointCases): ...


class TestKeyValue(KeyValueCases): ...


class TestProvision(ProvisionCases): ...


@pytest.mark.parametrize("stream", [RUNS, TASKS], ids=lambda stream: stream.name)
async def test_nobody_deletes_from_a_stream_that_holds_truth(
    harness: JetStreamHarness, stream: StreamSpec
) -> None:
    await harness.bus.log.append(numbered(stream.subjects[0].replace(">", "a.b.c.d")))
    for verb, body in (("PURGE", b"{}"), ("MSG.DELETE", b'{"seq": 1}')):
        with pytest.raises(AssertionError, match="not permitted"):
            await harness.request(f"$JS.API.STREAM.{verb}.{stream.name}", body)
    assert await harness.bus.log.last_sequence(stream) == 1


async def test_a_follower_that_is_cancelled_as_it_begins_ends(harness: JetStreamHarness) -> None:
    """Before Python 3.12 `wait_for`, by which nats-py waits for the server, loses such a cancellation."""
    server = harness.server
    connection = Connection(BusSettings(url=server.url, user=server.user, password=server.password))
    await connection.open()
    client = connection.client
    following = asyncio.create_task(exhaust(JetStreamLog(connection).follow(RUNS, action())))
    while not client._pongs:
        await asyncio.sleep(0)
    client._pongs[0].add_done_callback(lambda _: following.cancel())
    try:
        await asyncio.wait({following}, timeout=10)
        assert following.cancelled()
        assert not [one for one in client._subs.values() if one.subject == live(action())]
    finally:
        await connection.close()


async def test_a_server_that_is_not_there_is_unavailable(nats_server: NatsServer) -> None:
    nats_server.kill()
    with pytest.raises(BusUnavailable, match=nats_server.url):
        await connect(BusSettings(url=nats_server.url, patience_s=0.5))


async def test_a_wrong_password_is_told_and_not_shown(nats_server: NatsServer) -> None:
    settings = BusSettings(url=nats_server.url, user="tester", password="wrong-word", patience_s=1.0)
    with pytest.raises(BusUnavailable, match=r"(?i)authorization") as caught:
        await connect(settings)
    assert "wrong-word" not in str(caught.value)


async def test_a_bus_waits_for_its_server(nats_server: NatsServer) -> None:
    nats_server.kill()
    settings = BusSettings(url=nats_server.url, user=nats_server.user, password=nats_server.password)
    connecting = asyncio.create_task(connect(settings))
    await asyncio.sleep(0.3)
    await asyncio.to_thread(nats_server.start)
    async with await connecting as bus:
        await bus.provision()
        assert await bus.log.append(numbered(action())) == 1


async def test_where_a_run_fills_the_stream_all_of_it_is_asked_for_and_only_the_run_is_read(
    harness: JetStreamHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "BATCH_MESSAGES", 10)
    asked: list[str] = []

    class Noted(Batch):
        def __init__(self, *words: Any) -> None:
            super().__init__(*words)
            asked.append(words[3]["next_by_subj"])

    monkeypatch.setattr(stream_module, "Batch", Noted)
    events = harness.bus.log
    runs = ["big"] * 45 + ["big", "small", "small"] * 20 + ["small"] * 25 + ["big"] * 5
    for number, run in enumerate(runs):
        await events.append(numbered(f"flyte.run.p.d.{run}.a{number}"))
    for run in ("big", "small"):
        expected = [place for place, its_run in enumerate(runs, start=1) if its_run == run]
        pattern = f"flyte.run.p.d.{run}.*"
        assert [entry.sequence async for entry in events.read(RUNS, pattern)] == expected
        later = [entry.sequence async for entry in events.read(RUNS, pattern, after=50)]
        assert later == [sequence for sequence in expected if sequence > 50]
    whole, parts = asked.count("flyte.run.>"), len(asked) - asked.count("flyte.run.>")
    assert whole >= 4
    assert parts >= 10
