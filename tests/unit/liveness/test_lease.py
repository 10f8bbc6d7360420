"""The worker's side: renew, come back after a silence, or learn that it is over."""

import asyncio

import pytest

from flyte_agent.lease import Lease, LeaseLost, Standing
from flyte_agent.reports import Reports
from flyte_bus.history import read_action
from flyte_bus.memory import MemoryBus
from flyte_schemas.events import (
    ActionAborted,
    ActionQueued,
    ActionRequested,
    ActionRetried,
    AttemptFailed,
    AttemptSucceeded,
    EventData,
)
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.streams import LEASES_BUCKET, REQUESTS
from flyte_schemas.subjects import abort_request, lease_key
from testkit.open_attempt import RUN, TASK, OpenAttempt

TTL_S = 10
LOST = AttemptFailed(attempt=1, failure=Failure(code="WorkerLost", kind=FailureKind.SYSTEM))
GIVEN_AWAY: list[EventData] = [LOST, ActionRetried(attempt=1, reason=""), ActionQueued(attempt=2, pool="p")]


class Worker:
    """A worker that has claimed the attempt."""

    def __init__(self, attempt: OpenAttempt) -> None:
        self.attempt = attempt
        self.lease = Lease(attempt.bus.bucket(LEASES_BUCKET), TTL_S)
        self.reports = Reports(attempt.bus, attempt.order, 1, confirm=self.lease.confirm)
        self.key = lease_key(attempt.order.key)

    async def claim(self) -> None:
        began = self.lease.now()
        assert await self.reports.claim()
        self.lease.begin(self.key, self.reports.worker, self.reports, since=began)

    async def written(self) -> bytes | None:
        entry = await self.attempt.bus.bucket(LEASES_BUCKET).get(self.key)
        return None if entry is None else entry.value

    async def words(self) -> list[str]:
        entries = await self.attempt.entries("a0")
        return [type(entry.content.data).__name__ for entry in entries if hasattr(entry.content, "data")]


@pytest.fixture
async def worker(attempt: OpenAttempt) -> Worker:
    worker = Worker(attempt)
    await worker.claim()
    return worker


async def test_what_is_short_costs_no_lease(worker: Worker) -> None:
    keeping = asyncio.create_task(worker.lease.keep())
    await asyncio.sleep(TTL_S / 3 - 0.1)
    assert await worker.written() is None
    await asyncio.sleep(0.2)
    assert await worker.written() == worker.reports.worker.encode()
    keeping.cancel()
    await worker.lease.release()
    assert await worker.written() is None


async def test_a_claim_that_took_long_is_followed_by_a_renewal_at_once(attempt: OpenAttempt) -> None:
    """The executor counts a worker's silence from the claim, however late the worker hears of it."""
    worker = Worker(attempt)
    began = worker.lease.now()
    assert await worker.reports.claim()
    await asyncio.sleep(TTL_S / 2)
    worker.lease.begin(worker.key, worker.reports.worker, worker.reports, since=began)
    keeping = asyncio.create_task(worker.lease.keep())
    await asyncio.sleep(0.1)
    assert await worker.written() is not None
    keeping.cancel()


async def test_a_lease_that_is_kept_never_expires_and_writes_nothing_into_the_log(worker: Worker) -> None:
    before = await worker.words()
    keeping = asyncio.create_task(worker.lease.keep())
    for _ in range(100):
        await asyncio.sleep(7.0)
        assert await worker.written() is not None
        assert worker.lease.is_fresh
    keeping.cancel()
    assert await worker.words() == before
    await asyncio.sleep(TTL_S)
    assert await worker.written() is None


async def test_after_a_silence_the_worker_says_that_it_lives_and_goes_on(worker: Worker) -> None:
    await asyncio.sleep(100.0)  # nobody kept the lease: it was asleep
    assert not worker.lease.is_fresh
    await worker.lease.confirm()
    assert worker.lease.is_fresh
    assert (await worker.words())[-1] == "AttemptReclaimed"
    assert await worker.written() is not None
    state, _ = await read_action(worker.attempt.bus.log, RUN.action("a0"))
    assert state.worker == worker.reports.worker


async def test_an_outage_longer_than_the_lease_loses_nothing(worker: Worker, bus: MemoryBus) -> None:
    keeping = asyncio.create_task(worker.lease.keep())
    await asyncio.sleep(5.0)
    bus._link.server.stop()
    await asyncio.sleep(3_000.0)  # longer than the patience too
    bus._link.server.start()
    await asyncio.sleep(1.0)
    assert not keeping.done()
    assert worker.lease.is_fresh
    assert (await worker.words())[-1] == "AttemptReclaimed"
    keeping.cancel()


@pytest.mark.parametrize("meanwhile", [[LOST], GIVEN_AWAY], ids=["lost", "tried again"])
async def test_a_worker_whose_attempt_was_given_away_learns_it_and_writes_nothing(
    worker: Worker, meanwhile: list[EventData]
) -> None:
    await asyncio.sleep(100.0)
    for data in meanwhile:
        await worker.attempt.say("a0", data)
    before = await worker.words()
    with pytest.raises(LeaseLost):
        await worker.lease.confirm()
    with pytest.raises(LeaseLost):
        await worker.lease.confirm()
    assert await worker.lease.keep() is Standing.GIVEN_AWAY
    assert await worker.words() == before
    assert await worker.written() is None


async def test_a_loss_without_a_silence_is_noticed_with_the_next_renewal(worker: Worker) -> None:
    """Somebody was wrong about us, but the log is the log."""
    keeping = asyncio.create_task(worker.lease.keep())
    await worker.attempt.say("a0", LOST)
    assert await keeping is Standing.GIVEN_AWAY


@pytest.mark.parametrize("end", [ActionAborted(reason=""), AttemptSucceeded(attempt=1)], ids=lambda e: e.TYPE)
async def test_an_action_that_was_ended_is_not_given_away(worker: Worker, end: EventData) -> None:
    await worker.attempt.say("a0", end)
    assert await worker.lease.keep() is Standing.ENDED
    await worker.lease.confirm()


async def test_of_a_loss_and_a_return_at_once_one_comes_first(worker: Worker) -> None:
    """The executor saw the log before the worker came back: its word is refused, or the worker's is."""
    await asyncio.sleep(100.0)
    state, _ = await read_action(worker.attempt.bus.log, RUN.action("a0"))
    await worker.lease.confirm()
    after, _ = await read_action(worker.attempt.bus.log, RUN.action("a0"))
    assert after.version > state.version


# -- what a zombie asks for ----------------------------------------------------------------------------------


async def test_a_zombie_asks_for_nothing_and_gives_nothing_up(worker: Worker, bus: MemoryBus) -> None:
    await asyncio.sleep(100.0)
    for data in GIVEN_AWAY:
        await worker.attempt.say("a0", data)
    with pytest.raises(LeaseLost):
        await worker.reports.request_child("a0x", ActionRequested(task=TASK, parent="a0", parent_attempt=1))
    with pytest.raises(LeaseLost):
        await worker.reports.request_abort("a0x")
    assert await worker.attempt.entries("a0x") == []
    assert [entry async for entry in bus.log.read(REQUESTS, abort_request(RUN, "agent"))] == []


async def test_a_child_that_a_zombie_asked_for_in_time_is_the_one_that_its_successor_meets(
    worker: Worker, bus: MemoryBus
) -> None:
    """Names are deterministic: whoever of the two asks first, there is one child."""
    request = ActionRequested(task=TASK, parent="a0", parent_attempt=1)
    for data in GIVEN_AWAY:  # it has not noticed yet
        await worker.attempt.say("a0", data)
    await worker.reports.request_child("a0x", request)
    order = worker.attempt.order.model_copy(update={"attempt": 2})
    successor = Reports(bus, order, 2)
    await successor.request_child("a0x", request.model_copy(update={"parent_attempt": 2}))
    await successor.request_child("a0y", request.model_copy(update={"parent_attempt": 2}))
    await worker.reports.request_child("a0y", request)
    assert len(await worker.attempt.entries("a0x")) == len(await worker.attempt.entries("a0y")) == 1
