"""Logs that are written directly, as a crash leaves them, and what an executor then finds on its machine."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from flyte_bus.jetstream import connect
from flyte_bus.ports import Bus
from flyte_bus.settings import BusSettings
from flyte_executor.backends.port import Launch, OnGone, OnWaiting
from flyte_schemas.envelope import Event
from flyte_schemas.events import (
    ActionQueued,
    ActionRequested,
    AttemptPlaced,
    AttemptStarted,
    AttemptSucceeded,
    EventData,
    TaskDeployed,
)
from flyte_schemas.literals import InlineLiteral
from flyte_schemas.subjects import ActionKey, AttemptKey, RunKey, action_subject, task_subject
from flyte_schemas.task import TaskReference
from testkit.nats_server import NatsServer
from testkit.tasks import template

TASK = TaskReference(name="env.task", version="v1")
WORKER = "host/1"
LIFE: tuple[EventData, ...] = (
    ActionQueued(attempt=1, pool="process"),
    AttemptPlaced(attempt=1, worker=WORKER),
    AttemptStarted(attempt=1, worker=WORKER),
)
END = AttemptSucceeded(attempt=1, outputs={"o0": InlineLiteral(value=1)})
WRITERS = 128
"""How many actions are written at a time."""


@asynccontextmanager
async def server_and_bus() -> AsyncIterator[tuple[NatsServer, Bus]]:
    """A nats-server of its own, with its streams, and a connection."""
    with tempfile.TemporaryDirectory() as folder:
        server = NatsServer(Path(folder))
        server.start()
        try:
            settings = BusSettings(url=server.url, user=server.user, password=server.password)
            async with await connect(settings) as bus:
                await bus.provision()
                yield server, bus
        finally:
            server.kill()


class Watched:
    """A backend on which these attempts run already; it notes whom it was told to launch or stop."""

    def __init__(self, alive: frozenset[AttemptKey] = frozenset()) -> None:
        self._alive = alive
        self.launched: list[AttemptKey] = []
        self.stopped: set[AttemptKey] = set()
        self.on_gone: OnGone | None = None
        self.changed = asyncio.Event()

    async def start(self, on_gone: OnGone, on_waiting: OnWaiting) -> frozenset[AttemptKey]:
        self.on_gone = on_gone
        return self._alive

    async def launch(self, launch: Launch) -> None:
        self.launched.append(launch.attempt)
        self.changed.set()

    async def stop_attempt(self, attempt: AttemptKey) -> None:
        self.stopped.add(attempt)
        self.changed.set()

    async def close(self, *, stop_attempts: bool) -> None: ...


async def deploy(bus: Bus) -> None:
    """The version of the task that all these actions run."""
    deployed = template(TASK.name)
    await say(
        bus,
        task_subject("bench", "bench", TASK.name),
        TaskDeployed(version=TASK.version, digest=deployed.digest(), template=deployed),
    )


async def children(bus: Bus, run: RunKey, count: int, *life: EventData) -> list[str]:
    """So many children of the root, each with this life; their names."""
    names = [f"child{number}" for number in range(count)]
    gate = asyncio.Semaphore(WRITERS)

    async def one(name: str) -> None:
        async with gate:
            await action(bus, run.action(name), "a0", *life)

    await asyncio.gather(*map(one, names))
    return names


async def action(bus: Bus, key: ActionKey, parent: str | None, *life: EventData) -> None:
    """One action, asked for, and its life."""
    asked = ActionRequested(
        task=TASK, inputs={"x": InlineLiteral(value=1)}, parent=parent, parent_attempt=1 if parent else None
    )
    for data in (asked, *life):
        await say(bus, action_subject(key), data)


async def say(bus: Bus, subject: str, data: EventData) -> None:
    """Append one word."""
    event: Event[EventData] = Event(
        id=f"{subject}.{data.TYPE}", source="/bench", subject=subject, time=datetime.now(UTC), data=data
    )
    await bus.log.append(event)
