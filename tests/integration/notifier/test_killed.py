"""A notifier as a process of its own, on a real nats-server: killed in the middle, it loses nothing."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from flyte_bus.jetstream import connect
from flyte_bus.settings import BusSettings
from flyte_schemas.notices import Rule
from testkit.cluster import Cluster
from testkit.notifier_plane import Heard, Plane

RUNS = 20
SOON = {"FLYTE_NOTIFIER_TIMEOUT_S": "1", "FLYTE_NOTIFIER_PAUSE_S": "0.1", "FLYTE_NOTIFIER_TRIES": "1000"}


async def test_a_notifier_that_is_killed_tells_of_each_run_all_the_same(tmp_path: Path) -> None:
    is_well = asyncio.Event()

    async def answer(heard: Heard) -> int:
        return 200 if is_well.is_set() else 500

    async with AsyncExitStack() as stack:
        cluster = stack.enter_context(Cluster(tmp_path / "cluster", ("notifier",), **SOON))
        server = cluster.server
        settings = BusSettings(url=server.url, user=server.user, password=server.password)
        bus = await stack.enter_async_context(await connect(settings))
        await bus.provision()
        plane = Plane(stack, bus)
        receiver = await plane.receiver(answer)
        rule = {"name": "all", "kind": "webhook", "settings": {"url": receiver.url}}
        await plane.put_rules(Rule.model_validate(rule))
        for number in range(RUNS // 2):
            await plane.run(f"run{number}")
        await plane.until(lambda: len(receiver.heard) > RUNS)
        cluster.kill("notifier")
        for number in range(RUNS // 2, RUNS):
            await plane.run(f"run{number}")
        is_well.set()
        receiver.heard.clear()
        cluster.start("notifier")
        told = lambda: {heard.document["run"]["name"] for heard in receiver.heard}  # noqa: E731
        await plane.until(lambda: len(told()) == RUNS)
        ids = [heard.headers["Flyte-Delivery-Id"] for heard in receiver.heard]
        assert len(set(ids)) == RUNS
        assert not await plane.failures()
