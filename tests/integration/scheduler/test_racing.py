"""Schedulers in processes of their own race for triggers, and are killed: each instant is one run."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flyte_bus.jetstream import connect
from flyte_bus.ports import Bus
from flyte_bus.settings import BusSettings
from flyte_bus.triggers import read_triggers
from flyte_executor.requests import Admission
from flyte_schemas.envelope import Event
from flyte_schemas.events import ActionRequested, TaskDeployed
from flyte_schemas.streams import RUNS
from flyte_schemas.subjects import task_subject, trigger_request
from flyte_schemas.trigger_events import DeployTriggers
from testkit.cases.harness import GUARD_S
from testkit.cluster import Cluster
from testkit.scheduler_plane import TASK, trigger
from testkit.tasks import event, template

SCHEDULERS = ("scheduler-1", "scheduler-2")
NAMES = ("one", "two", "three")
SECOND = timedelta(seconds=1)


@asynccontextmanager
async def connected(cluster: Cluster) -> AsyncIterator[Bus]:
    """A bus with somebody on it who admits runs."""
    server = cluster.server
    async with await connect(BusSettings(url=server.url, user=server.user, password=server.password)) as bus:
        await bus.provision()
        admission = asyncio.create_task(Admission(bus).run())
        try:
            yield bus
        finally:
            admission.cancel()
            await asyncio.gather(admission, return_exceptions=True)


async def requested(bus: Bus) -> list[tuple[str, str]]:
    """Each run that was begun, as often as it was: who asked for it, and the time that it received."""
    found = []
    async for entry in bus.log.read(RUNS, "flyte.run.>"):
        assert isinstance(entry.content, Event)
        data = entry.content.data
        if isinstance(data, ActionRequested):
            assert data.settings is not None
            found.append((data.settings.trigger, str(data.inputs["at"].model_dump()["value"])))
    return found


async def deploy(bus: Bus) -> None:
    """Deploy the task with triggers that fire each second."""
    task = template(TASK, triggers=tuple(trigger(name, "@every 1s") for name in NAMES))
    data = TaskDeployed(version="v1", digest=task.digest(), template=task)
    await bus.log.append(event(task_subject("p", "d", TASK), data))
    await bus.log.append(
        event(trigger_request("p", "d", "env", "alice"), DeployTriggers(task=TASK, version="v1"))
    )


async def test_two_schedulers_that_race_and_are_killed_fire_each_instant_once(tmp_path: Path) -> None:
    dice = random.Random(7)
    with Cluster(tmp_path / "cluster", services=SCHEDULERS) as cluster:
        async with connected(cluster) as bus, asyncio.timeout(GUARD_S):
            await deploy(bus)
            while len(await requested(bus)) < len(NAMES):
                await asyncio.sleep(0.1)
            for _ in range(6):
                await asyncio.sleep(1.5 * dice.random())
                name = dice.choice(SCHEDULERS)
                cluster.kill(name)
                cluster.start(name)
            cluster.kill(SCHEDULERS[0])  # a while with one, and none at the end of it
            cluster.kill(SCHEDULERS[1])
            await asyncio.sleep(2.0)
            cluster.start(SCHEDULERS[0])
            upto = datetime.now(UTC)
            state = (await read_triggers(bus.log, "p", "d", TASK))[TASK]
            begin = state.triggers["one"].since.replace(microsecond=0)
            instants = [begin + n * SECOND for n in range(1, (upto - begin) // SECOND + 1)]
            wanted = {(f"{TASK}/{name}", instant.isoformat()) for name in NAMES for instant in instants}
            while not wanted <= set(await requested(bus)):
                await asyncio.sleep(0.1)
            counted = Counter(await requested(bus))
    assert len(instants) > 5
    assert set(counted.values()) == {1}
