"""The workers of pools on one machine: who waits for work, and which work waits for a worker.

A worker asks, and its question stays open until there is an attempt for it. So the attempts of a pool are
handed out fairly, in the order in which they may run, and what is handed out is known here alone: an executor
that comes back has nothing to repair, the workers that live ask it too. An answer that is lost on the way is
given again with the next question. Whoever claims the attempt in the log first has it, as anywhere.

Executors may share a machine. A worker is that one's whom it asks; who gets no answer asks any of them.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

import structlog

from flyte_executor.backends.port import LaunchFailed
from flyte_executor.clock import Elapsed
from flyte_schemas.endpoints import TakeWork, WorkGiven
from flyte_schemas.orders import Order, PoolOrder
from flyte_schemas.pools import Pool
from flyte_schemas.subjects import AttemptKey

log = structlog.get_logger()

GROW_AFTER_S = 0.03
"""How long an attempt waits for a worker that is busy before there is one more: most are done very soon."""
EXPECTED_S = 5.0
"""For how long a worker that has nothing to do may be expected to ask again; later it is somebody else's."""
UNKNOWN_IDLE_TTL_S = 30.0
"""How long a worker may idle whose pool nobody has asked for since this executor began."""


@dataclass(slots=True, eq=False)
class Worker:
    """One worker, as its executor knows it. `order` is what it was given and has not said to be done with.

    `seen_at` is when it asked last, or was made; None: it asks somebody else, as far as we know.
    """

    pid: int
    started: str
    pool: str
    idle_since: float
    seen_at: float | None
    order: Order | None = None
    asking: "asyncio.Future[WorkGiven] | None" = None
    has_asked: bool = False
    is_ending: bool = False

    @property
    def is_free(self) -> bool:
        """Whether it has nothing to do, or has not begun yet."""
        return self.order is None and not self.is_ending


@dataclass(slots=True)
class PoolInUse:
    """A pool and what waits for its workers."""

    pool: Pool
    waiting: "OrderedDict[AttemptKey, Order]" = field(default_factory=OrderedDict)
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when something that waited was handed out."""
    growing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def handed_out(self, attempt: AttemptKey, within_s: float) -> None:
        """Return when an attempt waits no more, or after that time."""
        try:
            async with asyncio.timeout(within_s):
                while attempt in self.waiting:
                    self.moved.clear()
                    await self.moved.wait()
        except TimeoutError:
            pass


Make = Callable[[PoolOrder], Awaitable[tuple[int, str]]]


class Workers:
    """Hands attempts out. `make` starts a worker: its process id, and when it began. `owner` names us."""

    def __init__(self, make: Make, *, owner: str, site: str, now: Elapsed) -> None:
        self._make = make
        self._owner = owner
        self._site = site
        self._now = now
        self._workers: dict[int, Worker] = {}
        self._pools: dict[str, PoolInUse] = {}

    @property
    def pids(self) -> frozenset[int]:
        """All workers that live."""
        return frozenset(self._workers)

    @property
    def attempts(self) -> frozenset[AttemptKey]:
        """All attempts that workers have."""
        return frozenset(one.order.key for one in self._workers.values() if one.order is not None)

    def of_attempt(self, attempt: AttemptKey) -> Worker | None:
        """The worker that has an attempt."""
        for worker in self._workers.values():
            if worker.order is not None and worker.order.key == attempt:
                return worker
        return None

    def add(self, pid: int, started: str, pool: str, order: Order | None = None) -> Worker:
        """Take note of a worker that lives; whether it is ours is told by whom it asks."""
        worker = Worker(
            pid=pid, started=started, pool=pool, idle_since=self._now(), seen_at=None, order=order
        )
        self._workers[pid] = worker
        return worker

    def gone(self, pid: int) -> list[AttemptKey]:
        """A worker has ended: the attempts that are lost with it.

        Of those that wait one is lost with a worker that ended before it ever asked: else a pool whose
        workers cannot begin would make them for ever.
        """
        worker = self._workers.pop(pid, None)
        if worker is None:
            return []
        self._answer(worker, WorkGiven(owner=self._owner))
        lost = [worker.order.key] if worker.order else []
        in_use = self._pools.get(worker.pool)
        if in_use is None:
            return lost
        if in_use.waiting and not worker.has_asked:
            lost.append(in_use.waiting.popitem(last=False)[0])
            in_use.moved.set()
        if not in_use.waiting and not self._of(in_use.pool):
            del self._pools[worker.pool]
        return lost

    async def replace(self, pool: str) -> list[AttemptKey]:
        """Make the workers that attempts wait for, after some have ended; the attempts that got none."""
        in_use = self._pools.get(pool)
        if in_use is None or not in_use.waiting:
            return []
        try:
            await self._grow(in_use, next(reversed(in_use.waiting)))
        except LaunchFailed as error:
            log.warning("executor.worker.not_made", pool=pool, error=str(error))
            lost = list(in_use.waiting)
            in_use.waiting.clear()
            in_use.moved.set()
            return lost
        return []

    async def give(self, order: Order, pool: Pool) -> None:
        """Have a worker run this attempt, with a new one if need be. Raises LaunchFailed."""
        attempt = order.key
        if self.of_attempt(attempt) is not None:
            return
        in_use = self._pools.setdefault(pool.name, PoolInUse(pool))
        in_use.waiting[attempt] = order
        self._match(pool.name)
        try:
            await self._grow(in_use, attempt)
        except LaunchFailed:
            in_use.waiting.pop(attempt, None)
            raise

    def take_back(self, attempt: AttemptKey) -> None:
        """Nobody is to run this attempt any more; a worker that has it already is another matter."""
        for in_use in self._pools.values():
            in_use.waiting.pop(attempt, None)
            in_use.moved.set()

    async def take(self, question: TakeWork) -> WorkGiven:
        """Answer a worker: with an attempt as soon as there is one, or that there is none."""
        worker = self._workers.get(question.pid)
        if worker is None or worker.started != question.started:
            worker = self.add(question.pid, question.started, question.pool, question.done)
            log.info("executor.worker.adopted", pid=question.pid, pool=question.pool)
        worker.has_asked, worker.seen_at = True, self._now()
        self._answer(worker, WorkGiven(owner=self._owner))  # it does not wait for the earlier one any more
        if worker.is_ending:
            return WorkGiven(owner=self._owner, end=True)
        if worker.order is not None and worker.order != question.done:
            return WorkGiven(owner=self._owner, order=worker.order)  # the answer that gave it was lost
        if worker.order is not None:
            worker.order, worker.idle_since = None, self._now()
        asking: asyncio.Future[WorkGiven] = asyncio.get_running_loop().create_future()
        worker.asking = asking
        self._match(worker.pool)
        await asyncio.wait({asking}, timeout=question.patience_s)
        worker.seen_at = self._now()
        if asking.done():
            return asking.result()
        worker.asking = None
        worker.is_ending = self._is_superfluous(worker)
        return WorkGiven(owner=self._owner, end=worker.is_ending)

    def let_idle_end(self) -> Iterable[Worker]:
        """Our workers that have nothing to do, none of which gets anything any more."""
        for worker in self._workers.values():
            if worker.order is None and self._is_ours(worker):
                worker.is_ending = True
                self._answer(worker, WorkGiven(owner=self._owner, end=True))
                yield worker

    def _match(self, name: str) -> None:
        """Give what waits in a pool to those who ask, the one first that had work last."""
        in_use = self._pools.get(name)
        if in_use is None or not in_use.waiting:
            return
        asking = [one for one in self._workers.values() if one.pool == name and one.asking and one.is_free]
        for worker in sorted(asking, key=lambda one: one.idle_since, reverse=True):
            if not in_use.waiting:
                return
            _, worker.order = in_use.waiting.popitem(last=False)
            in_use.moved.set()
            self._answer(worker, WorkGiven(owner=self._owner, order=worker.order))

    def _answer(self, worker: Worker, given: WorkGiven) -> None:
        if worker.asking is not None:
            if not worker.asking.done():
                worker.asking.set_result(given)
            worker.asking = None

    async def _grow(self, in_use: PoolInUse, attempt: AttemptKey) -> None:
        """Return when the attempt has its worker, for which one may be made, as those are that are to stay.

        Raises LaunchFailed.
        """
        if any(not one.is_free for one in self._of(in_use.pool)):
            await in_use.handed_out(attempt, GROW_AFTER_S)
        while attempt in in_use.waiting:
            async with in_use.growing:
                while attempt in in_use.waiting and self._free(in_use) < len(in_use.waiting):
                    await self._make_one(in_use.pool)
            await in_use.handed_out(attempt, EXPECTED_S)  # who is expected may have been stopped meanwhile
        async with in_use.growing:
            while self._count(in_use.pool) < in_use.pool.kept:
                await self._make_one(in_use.pool)

    async def _make_one(self, pool: Pool) -> None:
        order = PoolOrder(
            pool=pool.name, owner=self._owner, site=self._site, idle_ttl_s=pool.reuse.idle_ttl_s
        )
        pid, started = await self._make(order)
        if pid not in self._workers:  # it may have asked already
            self.add(pid, started, pool.name).seen_at = self._now()

    def _of(self, pool: Pool) -> list[Worker]:
        return [one for one in self._workers.values() if one.pool == pool.name]

    def _count(self, pool: Pool) -> int:
        """How many workers of a pool are ours."""
        return sum(one.order is not None or self._is_ours(one) for one in self._of(pool))

    def _free(self, in_use: PoolInUse) -> int:
        """How many of our workers have nothing to do, or are about to begin."""
        return sum(one.is_free and self._is_ours(one) for one in self._of(in_use.pool))

    def _is_ours(self, worker: Worker) -> bool:
        """Whether it asks us, or has just been made and will."""
        if worker.seen_at is None:
            return False
        is_expected = not worker.has_asked or self._now() - worker.seen_at < EXPECTED_S
        return is_expected or worker.asking is not None

    def _is_superfluous(self, worker: Worker) -> bool:
        """Whether an idle worker may end by the policy of its pool."""
        idle_s = self._now() - worker.idle_since
        in_use = self._pools.get(worker.pool)
        if in_use is None:
            return idle_s > UNKNOWN_IDLE_TTL_S
        stay = [one for one in self._of(in_use.pool) if not one.is_ending]
        if len(stay) > in_use.pool.kept and idle_s > in_use.pool.reuse.scaledown_ttl_s:
            return True
        all_idle = all(one.is_free for one in stay) and not in_use.waiting
        last_s = min((self._now() - one.idle_since for one in stay), default=0.0)
        return all_idle and last_s > in_use.pool.reuse.idle_ttl_s
