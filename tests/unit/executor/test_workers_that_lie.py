"""What a worker says that it has is believed of its own pool alone: it runs a task's code, and may lie."""

import asyncio

import pytest
from structlog.testing import capture_logs

from flyte_executor.backends import workers as module
from flyte_executor.backends.port import LaunchFailed
from flyte_executor.backends.workers import Workers
from flyte_schemas.endpoints import TakeWork, WorkGiven
from flyte_schemas.orders import Order, PoolOrder, Work
from flyte_schemas.policies import Reuse
from flyte_schemas.pools import Pool
from flyte_schemas.subjects import AttemptKey, RunKey
from testkit.pools import pool_for

REUSE = Reuse(min_replicas=0, max_replicas=5, idle_ttl_s=60.0, scaledown_ttl_s=30.0)
MINE, THEIRS = RunKey("mallorys", "domain", "r"), RunKey("victims", "domain", "nightly")
POOL, OTHER = pool_for(MINE, REUSE), pool_for(THEIRS, REUSE)
BESIDE = pool_for(MINE, REUSE.model_copy(update={"idle_ttl_s": 61.0}))
"""Another pool of the liar's own place."""


def order(run: RunKey) -> Order:
    return Order.of(AttemptKey(run.action("a0"), 1), fence=7)


class Place:
    """Executors that can make no worker."""

    def __init__(self) -> None:
        self.lost: list[AttemptKey] = []
        self.workers = Workers(self._make, self._lose, owner="us", site="here", now=lambda: 100.0)

    async def _make(self, order: PoolOrder) -> str:
        raise LaunchFailed("its image cannot be pulled")

    async def _lose(self, attempts: list[AttemptKey], error: LaunchFailed) -> None:
        self.lost += attempts

    def give(self, order: Order, pool: Pool) -> None:
        self.workers.give(Work(order=order), pool, 5)

    async def ask(self, *has: Order, worker: str = "liar", pool: Pool = POOL, most: int = 0) -> WorkGiven:
        return await self.workers.take(
            TakeWork(worker=worker, pool=pool.name, has=has, done=has, most=most, patience_s=0.02)
        )


@pytest.mark.parametrize("is_known", [False, True], ids=["unknown", "known"])
async def test_no_attempt_of_another_place_is_taken_for_given(
    is_known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EXPECTED_S", 0.05)
    place = Place()
    if is_known:
        place.workers.add("honest", OTHER.name)
        place.give(order(THEIRS), OTHER)
    with capture_logs() as logs:
        await place.ask(order(THEIRS), order(MINE))
        await place.ask(order(THEIRS), order(MINE))
    assert place.workers.attempts == {order(MINE).key}
    assert [one["event"] for one in logs].count("executor.worker.claims_others") == 1
    if not is_known:
        place.workers.add("honest", OTHER.name)
        place.give(order(THEIRS), OTHER)
    given = await place.ask(worker="honest", pool=OTHER, most=1)
    assert [work.order for work in given.work] == [order(THEIRS)]
    place.give(order(MINE), POOL)
    await place.ask()  # gives all of it back
    await asyncio.sleep(0.2)
    assert order(THEIRS).key not in place.lost
    await place.workers.close()


@pytest.mark.parametrize("is_known", [False, True], ids=["unknown", "known"])
async def test_no_attempt_of_another_pool_of_its_place_is_kept(is_known: bool) -> None:
    place = Place()
    place.workers.add("honest", BESIDE.name)
    if is_known:
        place.give(order(MINE), BESIDE)
    await place.ask(order(MINE))
    place.give(order(MINE), BESIDE)
    given = await place.ask(worker="honest", pool=BESIDE, most=1)
    assert [work.order for work in given.work] == [order(MINE)]
    await place.workers.close()


async def test_nobody_asks_by_the_name_of_a_worker_of_another_pool() -> None:
    place = Place()
    place.workers.add("honest", OTHER.name)
    place.give(order(THEIRS), OTHER)
    assert (await place.ask(worker="honest", most=1)).work == ()
    assert [one.order for one in (await place.ask(worker="honest", pool=OTHER, most=1)).work] == [
        order(THEIRS)
    ]
    await place.ask(worker="honest")  # and gives nothing back for it
    assert place.workers.attempts == {order(THEIRS).key}
    await place.workers.close()
