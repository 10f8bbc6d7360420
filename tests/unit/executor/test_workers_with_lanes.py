"""Workers that run several attempts at a time: who gets which, and when there is one more."""

import asyncio
from pathlib import Path

from flyte_agent.record import recorded
from flyte_executor.backends.port import LaunchFailed
from flyte_executor.backends.process import read_record
from flyte_executor.backends.workers import Workers
from flyte_executor.core.placement import Placement
from flyte_schemas.endpoints import TakeWork, WorkGiven
from flyte_schemas.orders import Order, PoolOrder, Work
from flyte_schemas.policies import Reuse
from flyte_schemas.subjects import AttemptKey, RunKey
from testkit.cases.harness import until
from testkit.pools import pool_for

RUN = RunKey("project", "domain", "run")
LANES = 3
POOL = pool_for(
    RUN, Reuse(min_replicas=0, max_replicas=2, concurrency=LANES, idle_ttl_s=60.0, scaledown_ttl_s=30.0)
)


def order(name: str) -> Order:
    return Order.of(AttemptKey(RUN.action(name), 1), fence=7)


def names(orders: list[Order]) -> list[str]:
    return [one.action for one in orders]


class Place:
    """A place where workers are made, and play their part as the test says."""

    def __init__(self) -> None:
        self.time_s = 100.0
        self.made: list[str] = []
        self.lost: list[AttemptKey] = []
        self.workers = Workers(self._make, self._lose, owner="us", site="here", now=lambda: self.time_s)

    async def _make(self, order: PoolOrder) -> str:
        assert order.concurrency == LANES
        self.made.append(str(100 + len(self.made)))
        return self.made[-1]

    async def _lose(self, attempts: list[AttemptKey], error: LaunchFailed) -> None:
        self.lost += attempts

    def give(self, *wanted: str) -> None:
        for name in wanted:
            self.workers.give(Work(order=order(name)), POOL, 2)

    async def ask(
        self,
        name: str,
        *has: str,
        most: int | None = None,
        done: tuple[str, ...] = (),
        patience_s: float = 5.0,
    ) -> WorkGiven:
        question = TakeWork(
            worker=name,
            pool=POOL.name,
            has=tuple(map(order, has)),
            done=tuple(map(order, done)),
            most=LANES - len(has) if most is None else most,
            patience_s=patience_s,
        )
        return await self.workers.take(question)

    async def given(self, name: str, *has: str, **said: float) -> list[str]:
        answer = await self.ask(name, *has, **said)  # type: ignore[arg-type]
        return names([work.order for work in answer.work])


async def test_one_worker_gets_as_many_as_it_has_room_for() -> None:
    place = Place()
    place.give(*"abcd")
    await until(lambda: place.made == ["100", "101"])  # four are more than one has room for
    assert await place.given("100") == ["a", "b"]
    assert await place.given("101") == ["c"]
    assert await place.given("101", "c") == ["d"]
    assert place.workers.attempts == {order(name).key for name in "abcd"}


async def test_who_has_work_may_ask_for_more_and_keeps_what_it_has() -> None:
    place = Place()
    place.give("a")
    await until(lambda: place.made == ["100"])
    assert await place.given("100") == ["a"]
    asking = asyncio.create_task(place.given("100", "a"))
    await asyncio.sleep(0)
    place.give("b", "c")
    assert await asking == ["b"]
    assert await place.given("100", "a", "b") == ["c"]
    assert place.workers.attempts == {order(name).key for name in "abc"}
    assert place.made == ["100"]


async def test_no_worker_is_made_while_one_has_room() -> None:
    place = Place()
    place.give("a")
    await until(lambda: place.made == ["100"])
    assert await place.given("100") == ["a"]
    asking = asyncio.create_task(place.given("100", "a"))
    await asyncio.sleep(0)
    place.give("b")
    assert await asking == ["b"]
    await asyncio.sleep(0.1)
    assert place.made == ["100"]


async def test_what_an_answer_gave_that_was_lost_is_given_again() -> None:
    place = Place()
    place.give("a")
    await until(lambda: place.made == ["100"])
    assert await place.given("100") == ["a"]
    first = asyncio.create_task(place.given("100", "a"))
    await asyncio.sleep(0)
    place.give("b")
    assert await first == ["b"]
    assert await place.given("100", "a") == ["b"]  # it does not name it: it never heard


async def test_what_is_done_makes_room_for_another() -> None:
    place = Place()
    place.give(*"abc")
    await until(lambda: place.made == ["100"])
    assert await place.given("100") == ["a", "b", "c"]
    asking = asyncio.create_task(place.ask("100", "b", "c", done=("a",)))
    await asyncio.sleep(0)
    place.give("d")
    assert names([work.order for work in (await asking).work]) == ["d"]
    assert place.workers.attempts == {order(name).key for name in "bcd"}


async def test_who_has_work_is_not_told_to_end_however_long_it_takes() -> None:
    place = Place()
    place.give("a")
    await until(lambda: place.made == ["100"])
    await place.given("100")
    place.time_s += 1_000.0
    assert not (await place.ask("100", "a", patience_s=0.01)).end
    assert not (await place.ask("100", done=("a",), patience_s=0.01)).end
    place.time_s += 61.0
    assert (await place.ask("100", patience_s=0.01)).end


async def test_what_it_may_have_run_is_lost_with_it_and_nothing_else() -> None:
    place = Place()
    place.give(*"abc")
    await until(lambda: place.made == ["100"])
    assert await place.given("100") == ["a", "b", "c"]
    lost = place.workers.gone("100", ran=(order("a"), order("c")), is_told=True)
    assert lost == [order("a").key, order("c").key]
    await until(lambda: place.made == ["100", "101"])
    assert await place.given("101") == ["b"]


async def test_an_executor_that_comes_back_learns_from_the_question_what_runs() -> None:
    place = Place()
    place.give("x")
    await until(lambda: place.made == ["100"])
    asking = asyncio.create_task(place.given("7", "a", "b"))
    assert await asking == ["x"]
    worker = place.workers.of_attempt(order("a").key)
    assert worker is not None
    assert (worker.name, worker.lanes, worker.room) == ("7", LANES, 0)


async def test_who_is_to_end_gets_nothing_more() -> None:
    place = Place()
    place.give("a")
    await until(lambda: place.made == ["100"])
    await place.given("100")
    asking = asyncio.create_task(place.ask("100", "a", patience_s=0.2))
    await asyncio.sleep(0)
    assert [worker.name for worker in place.workers.let_all_end()] == ["100"]
    place.give("b")
    assert (await asking).work == ()
    await until(lambda: place.made == ["100", "101"])


def test_a_pool_has_processes_for_its_seats_and_for_the_parents_that_keep_their_lanes() -> None:
    placement = Placement(1)
    assert (POOL.seats, placement.workers(POOL)) == (6, 2)
    for name in "abcdefg":
        placement.want(AttemptKey(RUN.action(name), 1), pool=POOL)
    placement.has_children(RUN.action("a"))
    assert placement.workers(POOL) == 3
    for name in "bc":
        placement.has_children(RUN.action(name))
    assert placement.workers(POOL) == 3
    placement.has_children(RUN.action("d"))
    assert placement.workers(POOL) == 4
    for name in "abcd":
        placement.ended(RUN.action(name))
    assert placement.workers(POOL) == 2


def test_a_record_names_all_that_a_worker_may_have_claimed(tmp_path: Path) -> None:
    with recorded(None, tmp_path, pool=POOL.name) as note:
        (path,) = tmp_path.glob("*.json")
        for orders in ((), (order("a"),), (order("a"), order("b"), order("c")), (order("c"),), ()):
            note(*(orders or (None,)))
            record = read_record(path)
            assert record is not None
            assert (record.pool, record.orders) == (POOL.name, orders)
