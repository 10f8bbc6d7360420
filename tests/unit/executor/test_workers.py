"""The workers of pools: who gets which attempt, when there is one more, and when one may end."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from flyte_executor.backends import workers
from flyte_executor.backends.port import LaunchFailed
from flyte_executor.backends.workers import Workers
from flyte_schemas.endpoints import TakeWork, WorkGiven
from flyte_schemas.orders import Order, PoolOrder, Work
from flyte_schemas.policies import Reuse
from flyte_schemas.pools import Pool
from flyte_schemas.subjects import AttemptKey, RunKey
from testkit.cases.harness import until
from testkit.pools import pool_for

RUN = RunKey("project", "domain", "run")
REUSE = Reuse(min_replicas=0, max_replicas=5, idle_ttl_s=60.0, scaledown_ttl_s=30.0)
POOL = pool_for(RUN, REUSE).name
A_WHILE_S = 0.05
LOOKS_AGAIN_S = 0.5


def pool(least: int = 0, most: int = 2, **changes: float) -> Pool:
    reuse = Reuse(min_replicas=least, max_replicas=most, idle_ttl_s=60.0, scaledown_ttl_s=30.0)
    return Pool(POOL, reuse.model_copy(update=changes))


def order(name: str, number: int = 1) -> Order:
    return Order.of(AttemptKey(RUN.action(name), number), fence=7)


class Place:
    """A place where workers are made, and play their part as the test says."""

    def __init__(self) -> None:
        self.time_s = 100.0
        self.made: list[str] = []
        self.is_full = False
        self.workers = Workers(self._make, self._lose, owner="us", site="here", now=lambda: self.time_s)
        self.lost: list[AttemptKey] = []

    async def _make(self, order: PoolOrder) -> str:
        assert (order.pool, order.owner, order.site) == (POOL, "us", "here")
        await asyncio.sleep(0)
        if self.is_full:
            raise LaunchFailed("no room")
        self.made.append(str(100 + len(self.made)))
        return self.made[-1]

    async def _lose(self, attempts: list[AttemptKey], error: LaunchFailed) -> None:
        assert str(error) == "no room"
        self.lost += attempts

    def give(self, order: Order, pool: Pool, most: int | None = None) -> None:
        self.workers.give(Work(order=order), pool, pool.seats if most is None else most)

    async def gave(self, order: Order, pool: Pool, most: int | None = None) -> None:
        """Have an attempt handed out, and see what comes of that in a while."""
        self.give(order, pool, most)
        await asyncio.sleep(A_WHILE_S)

    def ask(
        self,
        name: str,
        *done: Order,
        has: tuple[Order, ...] = (),
        most: int = 1,
        patience_s: float = 10.0,
    ) -> "asyncio.Task[WorkGiven]":
        question = TakeWork(worker=name, pool=POOL, done=done, has=has, most=most, patience_s=patience_s)
        return asyncio.create_task(self.workers.take(question))

    async def given(self, name: str, *done: Order, patience_s: float = 10.0) -> Order | None:
        """The one order that a worker is given."""
        given = await self.ask(name, *done, patience_s=patience_s)
        assert given.owner == "us"
        return given.work[0].order if given.work else None


@pytest.fixture
async def place(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    monkeypatch.setattr(workers, "GROW_AFTER_S", A_WHILE_S / 10)
    monkeypatch.setattr(workers, "EXPECTED_S", LOOKS_AGAIN_S)
    place = Place()
    yield place
    await place.workers.close()


async def test_the_first_attempt_makes_a_worker_and_the_next_waits_for_it(place: Place) -> None:
    await place.gave(order("a"), pool())
    assert place.made == ["100"]
    assert await place.given("100") == order("a")
    place.give(order("b"), pool())
    assert await place.given("100", order("a")) == order("b")  # sooner than another one would be made
    assert place.made == ["100"]


async def test_a_busy_worker_gets_a_companion_and_each_attempt_goes_to_one(place: Place) -> None:
    await place.gave(order("a"), pool())
    assert await place.given("100") == order("a")
    await place.gave(order("b"), pool())
    assert place.made == ["100", "101"]
    first, second = place.ask("101"), place.ask("100", order("a"))
    assert [work.order for work in (await first).work] == [order("b")]
    place.give(order("b"), pool())  # asked for again: somebody has it
    place.give(order("c"), pool())
    assert [work.order for work in (await second).work] == [order("c")]
    assert place.workers.attempts == {order("b").key, order("c").key}


async def test_a_pool_makes_those_that_are_to_stay(place: Place) -> None:
    await place.gave(order("a"), pool(least=2))
    assert place.made == ["100"]
    assert await place.given("100") == order("a")
    await until(lambda: place.made == ["100", "101"])


async def test_a_pool_has_no_more_workers_than_it_may(place: Place) -> None:
    for name in "abc":
        await place.gave(order(name), pool(), 1)
    assert place.made == ["100"]
    assert await place.given("100") == order("a")
    await place.gave(order("d"), pool(), 2)  # somebody waits for others now, and has a worker all the same
    assert place.made == ["100", "101"]


async def test_who_takes_several_gets_his_share(place: Place) -> None:
    for name in "abcdef":
        place.give(order(name), pool())
    await until(lambda: place.made == ["100", "101"])
    first, second = await place.ask("100", most=16), await place.ask("101", most=2)
    assert [work.order for work in first.work] == [order("a"), order("b"), order("c")]
    assert [work.order for work in second.work] == [order("d"), order("e")]


async def test_what_is_given_back_is_the_next_to_be_handed_out(place: Place) -> None:
    for name in "abcd":
        place.give(order(name), pool(most=1))
    await until(lambda: place.made == ["100"])
    assert len((await place.ask("100", most=3)).work) == 3
    assert (await place.ask("100", order("a"), has=(order("b"),), most=0)).work == ()
    assert place.workers.attempts == {order("b").key}
    assert [work.order for work in (await place.ask("101", most=16)).work] == [order("c")]
    assert await place.given("100", order("b")) == order("d")


async def test_an_answer_that_was_lost_is_given_again(place: Place) -> None:
    await place.gave(order("a"), pool())
    assert await place.given("100") == await place.given("100") == order("a")
    later = await place.ask("100", order("a"), patience_s=0.01)
    assert later.work == ()
    assert not later.end


async def test_a_question_that_is_asked_again_leaves_no_attempt_with_the_first(place: Place) -> None:
    await place.gave(order("a"), pool())
    await place.given("100")
    first = place.ask("100", order("a"))
    await asyncio.sleep(0)
    second = place.ask("100", order("a"))
    assert (await first).work == ()
    place.give(order("b"), pool())
    assert [work.order for work in (await second).work] == [order("b")]


async def test_a_worker_that_asks_somebody_else_is_not_waited_for(place: Place) -> None:
    place.workers.add("7", POOL)  # from its record: it lives, and is another executor's
    await place.gave(order("a"), pool())
    assert place.made == ["100"]
    await place.given("100")
    assert not await _idle(place, "100", order("a"))
    place.time_s += 10.0  # it should have asked again by now: it has another executor, who answered
    await place.gave(order("b"), pool())
    assert place.made == ["100", "101"]
    assert list(place.workers.let_idle_end()) == [place.workers._workers["101"]]
    assert await place.given("7") == order("b")  # who asks is served, wherever he was before


async def test_an_attempt_that_is_taken_back_is_given_to_nobody(place: Place) -> None:
    await place.gave(order("a"), pool())
    place.workers.take_back(order("a").key)
    assert await place.given("100", patience_s=0.01) is None
    assert place.workers.of_attempt(order("a").key) is None


async def test_what_a_worker_had_is_lost_with_it_and_what_waited_is_not(place: Place) -> None:
    await place.gave(order("a"), pool())
    await place.given("100")
    idle = place.ask("101")  # an earlier executor's
    await asyncio.sleep(0)
    assert place.workers.gone("100") == [order("a").key]
    assert place.workers.gone("101") == []
    assert (await idle).work == ()
    await place.gave(order("b"), pool())
    assert await place.given(place.made[-1]) == order("b")


async def test_of_several_only_the_one_that_ran_is_lost_with_a_worker(place: Place) -> None:
    for name in "abc":
        place.give(order(name), pool(most=1))
    await until(lambda: place.made == ["100"])
    assert len((await place.ask("100", most=16)).work) == 3
    assert place.workers.gone("100", ran=(order("b"),), is_told=True) == [order("b").key]
    await until(lambda: place.made == ["100", "101"])
    assert [work.order for work in (await place.ask("101", most=16)).work] == [order("a"), order("c")]


async def test_a_worker_that_dies_idle_is_replaced_for_who_waits_for_it(place: Place) -> None:
    await place.gave(order("a"), pool())
    await place.given("100")
    assert await place.given("100", order("a"), patience_s=0.01) is None
    await place.gave(order("b"), pool())  # it is free, and will ask
    assert place.made == ["100"]
    assert place.workers.gone("100") == []
    await until(lambda: place.made == ["100", "101"])
    assert await place.given("101") == order("b")


async def test_a_worker_that_never_asks_costs_an_attempt_so_that_it_ends_some_time(place: Place) -> None:
    await place.gave(order("a"), pool())
    assert place.workers.gone("100") == [order("a").key]
    await asyncio.sleep(A_WHILE_S)
    assert place.made == ["100"]


async def test_where_no_worker_can_be_made_the_attempt_is_told_so(place: Place) -> None:
    place.is_full = True
    await place.gave(order("a"), pool())
    assert place.lost == [order("a").key]
    place.is_full = False
    await place.gave(order("a"), pool())
    await place.given("100")
    assert await place.given("100", order("a"), patience_s=0.01) is None
    await place.gave(order("b"), pool())
    place.is_full = True
    place.workers.gone("100")
    await until(lambda: place.lost == [order("a").key, order("b").key])


async def _idle(place: Place, name: str, *done: Order) -> bool:
    """Whether an idle worker is told to end."""
    return (await place.ask(name, *done, patience_s=0.01)).end


async def test_an_idle_worker_ends_by_the_times_of_its_pool(place: Place) -> None:
    policy = pool(least=1, most=2)
    await place.gave(order("a"), policy)
    await place.given("100")
    await place.gave(order("b"), policy)
    await place.given("101")
    assert not await _idle(place, "101", order("b"))
    place.time_s += 20.0
    assert not await _idle(place, "100", order("a"))
    place.time_s += 15.0  # 35 s and 15 s without work: the one that is too many may end after 30
    assert not await _idle(place, "100")
    assert await _idle(place, "101")
    place.workers.gone("101")
    place.time_s += 30.0
    assert not await _idle(place, "100")  # it is to stay while the pool is in use …
    place.time_s += 20.0
    assert await _idle(place, "100")  # … which it was not for more than 60 s
    await place.gave(order("c"), policy)  # it gets nothing any more
    assert place.made == ["100", "101", "102"]


async def test_a_worker_of_a_pool_that_nobody_asked_for_ends_too(place: Place) -> None:
    assert not await _idle(place, "100", order("before"))
    place.time_s += 31.0
    assert await _idle(place, "100")


async def test_a_worker_that_is_being_stopped_gets_nothing_more(place: Place) -> None:
    await place.gave(order("a"), pool())
    await place.given("100")
    worker = place.workers.of_attempt(order("a").key)
    assert worker is not None
    worker.is_ending = True
    place.give(order("b"), pool())
    assert (await place.ask("100", order("a"))).end
    await until(lambda: place.made == ["100", "101"])
    assert await place.given("101") == order("b")


async def test_idle_workers_end_with_their_executor(place: Place) -> None:
    await place.gave(order("a"), pool())
    await place.given("100")
    idle = place.ask("101")
    await asyncio.sleep(0)
    assert [worker.name for worker in place.workers.let_idle_end()] == ["101"]
    assert (await idle).end


async def test_who_had_work_last_is_given_the_next(place: Place) -> None:
    for name, worker in (("a", "100"), ("b", "101")):
        await place.gave(order(name), pool())
        await place.given(worker)
    early = place.ask("100", order("a"))
    await asyncio.sleep(0)
    place.time_s += 1.0
    late = place.ask("101", order("b"))
    await asyncio.sleep(0)
    place.give(order("c"), pool())
    assert [work.order for work in (await late).work] == [order("c")]
    assert not early.done()
    early.cancel()


async def test_many_attempts_at_once_make_as_many_workers(place: Place) -> None:
    names = [f"a{number}" for number in range(5)]
    for name in names:
        place.give(order(name), pool(most=5))
    await until(lambda: len(place.made) == 5)
    assert [await place.given(name) for name in place.made] == [order(name) for name in names]
    assert len(place.made) == 5


async def test_who_is_expected_and_does_not_come_is_replaced(place: Place) -> None:
    await place.gave(order("a"), pool())
    await place.given("100")
    assert not await _idle(place, "100", order("a"))
    await place.gave(order("b"), pool())  # it should ask again at once: somebody has paused it
    assert place.made == ["100"]
    place.time_s += 2 * LOOKS_AGAIN_S
    await until(lambda: place.made == ["100", "101"])
    assert await place.given("101") == order("b")
