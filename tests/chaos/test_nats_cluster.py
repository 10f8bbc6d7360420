"""A cluster of three nats-servers, of which one or two are always in trouble: the bus keeps its contract."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from flyte_bus.settings import BusSettings
from flyte_schemas.streams import RUNS
from testkit.chaos.traffic import Traffic
from testkit.nats_cluster import NatsCluster

LIMIT_S = 110.0

pytestmark = pytest.mark.filterwarnings(
    # nats-py forgets the socket of a reconnect that failed half-way; the collector closes it.
    "ignore::pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture
def nats_cluster(tmp_path: Path) -> Iterator[NatsCluster]:
    with NatsCluster(tmp_path) as cluster:
        yield cluster


async def _killed_leader(cluster: NatsCluster, traffic: Traffic) -> None:
    leader = await asyncio.to_thread(cluster.leader_of, RUNS.name)
    leader.kill()
    await traffic.progress()
    leader.start()


async def _paused_leader(cluster: NatsCluster, traffic: Traffic) -> None:
    leader = await asyncio.to_thread(cluster.leader_of, RUNS.name)
    leader.send(signal.SIGSTOP)
    await traffic.progress()
    leader.send(signal.SIGCONT)


async def _partition(cluster: NatsCluster, traffic: Traffic) -> None:
    leader = await asyncio.to_thread(cluster.leader_of, RUNS.name)
    cluster.cut_off(leader)
    leader.clients.shut()  # else those who are connected to it wait for the end of the partition
    await traffic.progress()
    cluster.heal()


async def _lost_quorum(cluster: NatsCluster, traffic: Traffic) -> None:
    for node in cluster.nodes[:2]:
        node.kill()
    await asyncio.sleep(1.0)
    seen = len(traffic.acknowledged)
    await asyncio.sleep(1.0)
    assert len(traffic.acknowledged) == seen, "one server of three acknowledged alone"
    await asyncio.to_thread(cluster.start)


Trouble = Callable[[NatsCluster, Traffic], Awaitable[None]]
QUICK: list[Trouble] = [_killed_leader]
LONG: list[Trouble] = [_paused_leader, _partition, _lost_quorum]
"""Half a minute each; with `make chaos` only."""


@pytest.mark.parametrize("trouble", [*QUICK, *(LONG if os.environ.get("FLYTE_CHAOS_MINUTES") else [])])
async def test_the_bus_keeps_its_promises(nats_cluster: NatsCluster, trouble: Trouble) -> None:
    cluster = nats_cluster
    traffic = Traffic(
        BusSettings(
            url=cluster.url, user=cluster.user, password=cluster.password, replicas=3, patience_s=LIMIT_S
        )
    )
    try:
        async with asyncio.timeout(LIMIT_S):
            await traffic.start()
            await traffic.progress()
            await trouble(cluster, traffic)
            await traffic.progress()
            await traffic.finish()
    except BaseException:
        print(cluster.logs())
        raise
