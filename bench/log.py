"""The log: how fast a run is appended, read and folded."""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import nats

from bench.rows import Row
from flyte_bus.history import read_run
from flyte_bus.jetstream import connect
from flyte_bus.ports import Bus
from flyte_bus.settings import BusSettings
from flyte_schemas.envelope import Event
from flyte_schemas.events import (
    ActionQueued,
    ActionRequested,
    AttemptStarted,
    AttemptSucceeded,
    EventData,
)
from flyte_schemas.literals import InlineLiteral
from flyte_schemas.subjects import RunKey, action_subject, run_filter
from flyte_schemas.task import TaskReference
from testkit.nats_server import NatsServer

ACTIONS = 5_000
RUN = RunKey("bench", "bench", "run")


def rows() -> Iterator[Row]:
    """Append and fold a run of 20,000 events."""
    with tempfile.TemporaryDirectory() as folder:
        server = NatsServer(Path(folder))
        server.start()
        try:
            yield from asyncio.run(_measure(server))
        finally:
            server.kill()


async def _measure(server: NatsServer) -> list[Row]:
    settings = BusSettings(url=server.url, user=server.user, password=server.password)
    async with await connect(settings) as bus:
        await bus.provision()
        serial = await _serial(bus)
        begun = time.perf_counter()
        await _fill(bus)
        appended = 4 * ACTIONS / (time.perf_counter() - begun)
        raw = [await replay(server, run_filter(RUN), 4 * ACTIONS) for _ in range(3)]
        folded = [await _fold(bus) for _ in range(3)]
    return [
        Row(what="append, one after the other, acknowledged", unit="ms", figures=serial, goal="—"),
        Row(what="append, 64 at a time, acknowledged", unit="events/s", figures=(appended,), goal="—"),
        Row(
            what=f"fold a run of {4 * ACTIONS:,} events",
            unit="s",
            figures=tuple(folded),
            floor=min(raw),
            floor_is="ordered replay of the same bytes, undecoded",
            goal="≤ 2.5 floor",
        ),
    ]


async def _serial(bus: Bus) -> tuple[float, ...]:
    figures = []
    for number in range(300):
        begun = time.perf_counter()
        await _append(bus, f"serial{number}", 0)
        figures.append(1000 * (time.perf_counter() - begun))
    return tuple(figures)


async def _fill(bus: Bus) -> None:
    gate = asyncio.Semaphore(64)

    async def life(action: str) -> None:
        for step in range(4):
            async with gate:
                await _append(bus, action, step)

    await asyncio.gather(*(life(f"a{number}") for number in range(ACTIONS)))


async def _append(bus: Bus, action: str, step: int) -> None:
    words: tuple[EventData, ...] = (
        ActionRequested(
            task=TaskReference(name="env.task", version="v1"), inputs={"x": InlineLiteral(value=1)}
        ),
        ActionQueued(attempt=1, pool="process"),
        AttemptStarted(attempt=1, worker="host/1"),
        AttemptSucceeded(attempt=1, outputs={"o0": InlineLiteral(value=1)}),
    )
    await bus.log.append(
        Event(
            id=f"{action}.{step}",
            source="/bench",
            subject=action_subject(RUN.action(action)),
            time=datetime.now(UTC),
            data=words[step],
        )
    )


async def replay(server: NatsServer, subject: str, count: int) -> float:
    """The floor: so many messages by the client library's own ordered consumer, undecoded; in seconds."""
    client = await nats.connect(server.url, user=server.user, password=server.password)
    left, done = count, asyncio.Event()

    async def note(_: object) -> None:
        nonlocal left
        left -= 1
        if not left:
            done.set()

    begun = time.perf_counter()
    await client.jetstream().subscribe(subject, ordered_consumer=True, cb=note)
    await done.wait()
    took = time.perf_counter() - begun
    await client.close()
    return took


async def _fold(bus: Bus) -> float:
    begun = time.perf_counter()
    fold = await read_run(bus.log, RUN)
    assert len(fold.actions) >= ACTIONS
    return time.perf_counter() - begun
