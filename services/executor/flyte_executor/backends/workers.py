"""The workers of pools in one place: who waits for work, and which work waits for a worker.

A worker asks, and its question stays open until there is an attempt for it. So the attempts of a pool are
handed out fairly, in the order in which they may run, and what is handed out is known here alone: an executor
that comes back has nothing to repair, the workers that live ask it too. What an answer gave that was lost on
the way is given again. Whoever claims the attempt in the log first has it, as anywhere.

A worker whose attempts are brief is given several at once; what it does not get to soon it gives back.

Executors may share a place. A worker is that one's whom it asks; who gets no answer asks any of them.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

import structlog

from flyte_executor.backends.pool_in_use import PoolInUse
from flyte_executor.backends.port import LaunchFailed
from flyte_executor.clock import Elapsed
from flyte_schemas.endpoints import TakeWork, WorkGiven
from flyte_schemas.orders import Order, PoolOrder, Work
from flyte_schemas.pools import Pool, is_of_place
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
    """One worker, as its executor knows it. `work` is what it was given and has not said to be done with.

    `seen_at` is when it asked last, or was made; None: it asks somebody else, as far as we know.
    """

    name: str
    pool: str
    idle_since: float
    seen_at: float | None
    work: dict[AttemptKey, Work] = field(default_factory=dict)
    asking: "asyncio.Future[WorkGiven] | None" = None
    most: int = 1
    """How many it takes at once."""
    lanes: int = 1
    """How many it may run at a time."""
    has_asked: bool = False
    is_ending: bool = False
    is_doubted: bool = False
    """Whether it has claimed what is another pool's."""

    @property
    def is_free(self) -> bool:
        """Whether it has nothing to do, or has not begun yet."""
        return not self.work and not self.is_ending

    @property
    def room(self) -> int:
        """How many more it can run; 1 of one that runs them one after the other and has none."""
        if self.is_ending:
            return 0
        return int(not self.work) if self.lanes == 1 else max(self.lanes - len(self.work), 0)


Make = Callable[[PoolOrder], Awaitable[str]]
Lose = Callable[[list[AttemptKey], LaunchFailed], Awaitable[None]]


class Workers:
    """Hands attempts out. `make` starts a worker, and says by what name it will ask. `owner` names us.

    `lose` is told of attempts for which no worker can be made, and why.
    """

    def __init__(self, make: Make, lose: Lose, *, owner: str, site: str, now: Elapsed) -> None:
        self._make = make
        self._lose = lose
        self._owner = owner
        self._site = site
        self._now = now
        self._workers: dict[str, Worker] = {}
        self._pools: dict[str, PoolInUse] = {}

    async def close(self) -> None:
        """Make no more workers."""
        growers = [one.grower for one in self._pools.values() if one.grower is not None]
        for grower in growers:
            grower.cancel()
        await asyncio.gather(*growers, return_exceptions=True)

    @property
    def names(self) -> frozenset[str]:
        """All workers that live."""
        return frozenset(self._workers)

    @property
    def attempts(self) -> frozenset[AttemptKey]:
        """All attempts that workers have."""
        return frozenset(attempt for one in self._workers.values() for attempt in one.work)

    def by_state(self) -> dict[str, int]:
        """How many workers have work, have none, and are about to end."""
        states = {"busy": 0, "idle": 0, "ending": 0}
        for one in self._workers.values():
            states["ending" if one.is_ending else "busy" if one.work else "idle"] += 1
        return states

    def waiting(self, pool: str) -> tuple[AttemptKey, ...]:
        """The attempts of a pool that nobody has."""
        in_use = self._pools.get(pool)
        return tuple(in_use.waiting) if in_use is not None else ()

    def give_up(self, pool: str) -> list[AttemptKey]:
        """No worker of a pool can begin: the attempts that wait for one, which wait no more.

        Nothing is given up while a worker lives that has once begun.
        """
        in_use = self._pools.get(pool)
        if in_use is None or any(one.has_asked for one in self._of(in_use.pool)):
            return []
        waiting = list(in_use.waiting)
        in_use.waiting.clear()
        in_use.moved.set()
        return waiting

    def named(self, name: str) -> Worker | None:
        """The worker of this name, while it lives."""
        return self._workers.get(name)

    def of_attempt(self, attempt: AttemptKey) -> Worker | None:
        """The worker that has an attempt."""
        return next((one for one in self._workers.values() if attempt in one.work), None)

    def add(self, name: str, pool: str, has: Iterable[Order] = ()) -> Worker:
        """Take note of a worker that lives; whether it is ours is told by whom it asks.

        How many it runs at a time is known from its pool, or from its questions.
        """
        worker = Worker(name=name, pool=pool, idle_since=self._now(), seen_at=None)
        worker.work = {order.key: Work(order=order) for order in self._credible(worker, has)}
        if (in_use := self._pools.get(pool)) is not None:
            worker.lanes = in_use.pool.reuse.concurrency
        self._workers[name] = worker
        return worker

    def _credible(self, worker: Worker, has: Iterable[Order]) -> list[Order]:
        """Of what a worker says that it has: what its pool may have, as it runs a task's code and may lie."""
        has = list(has)
        kept = [
            order
            for order in has
            if is_of_place(worker.pool, order.project, order.domain)
            and self._pool_of(order.key) in (None, worker.pool)
        ]
        if len(kept) < len(has):
            self._claims_others(worker, len(has) - len(kept))
        return kept

    def _pool_of(self, attempt: AttemptKey) -> str | None:
        """The pool of an attempt that waits, or that a worker has."""
        waits = (name for name, in_use in self._pools.items() if attempt in in_use.waiting)
        worker = self.of_attempt(attempt)
        return next(waits, worker.pool if worker else None)

    def _claims_others(self, worker: Worker, attempts: int) -> None:
        """Say so, once of each worker."""
        if not worker.is_doubted:
            worker.is_doubted = True
            log.warning(
                "executor.worker.claims_others", worker=worker.name, pool=worker.pool, attempts=attempts
            )

    def gone(self, name: str, *, ran: Iterable[Order] = (), is_told: bool = False) -> list[AttemptKey]:
        """A worker has ended: the attempts that are lost with it.

        With `is_told` only those are that it `ran`: what else it was given, somebody else gets. Of those that
        wait one is lost with a worker that ended before it ever asked: else a pool whose workers cannot begin
        would make them for ever.
        """
        worker = self._workers.pop(name, None)
        if worker is None:
            return []
        self._answer(worker, WorkGiven(owner=self._owner))
        in_use = self._pools.get(worker.pool)
        may_run = {order.key for order in ran}
        lost = [key for key in worker.work if not is_told or key in may_run]
        if in_use is None:
            return list(worker.work)
        self._give_back(in_use, [work for key, work in worker.work.items() if key not in lost])
        if in_use.waiting and not worker.has_asked:
            lost.append(in_use.take().order.key)
        if in_use.waiting:
            self._see_to(in_use)
        elif not self._of(in_use.pool):
            del self._pools[worker.pool]
        return lost

    def give(self, work: Work, pool: Pool, most: int) -> None:
        """Have a worker run this attempt; the pool may have so many, and gets them if need be."""
        attempt = work.order.key
        in_use = self._pools.setdefault(pool.name, PoolInUse(pool, most))
        if most > in_use.most:
            in_use.moved.set()
        in_use.most = most
        worker = self.of_attempt(attempt)
        if worker is not None and worker.pool != pool.name:  # it said so before we knew whose it is
            del worker.work[attempt]
            self._claims_others(worker, 1)
            worker = self.of_attempt(attempt)
        if attempt in in_use.waiting or worker is not None:
            return
        in_use.waiting[attempt] = work, asyncio.get_running_loop().time()
        self._see_to(in_use)

    def take_back(self, attempt: AttemptKey) -> None:
        """Nobody is to run this attempt any more; a worker that has it already is another matter."""
        for in_use in self._pools.values():
            if in_use.waiting.pop(attempt, None) is not None:
                in_use.moved.set()

    async def take(self, question: TakeWork) -> WorkGiven:
        """Answer a worker: with attempts as soon as there are any, or that there is none."""
        worker = self._workers.get(question.worker)
        if worker is None:
            worker = self.add(question.worker, question.pool, question.has)
            log.info("executor.worker.adopted", worker=question.worker, pool=question.pool)
        elif worker.pool != question.pool:  # its credentials are for a pool, not for a name
            log.warning("executor.worker.is_another", worker=question.worker, pool=question.pool)
            return WorkGiven(owner=self._owner, end=True)
        worker.has_asked, worker.seen_at, worker.most = True, self._now(), question.most
        if question.has and question.most:  # only who runs several asks for more while it has some
            worker.lanes = max(worker.lanes, len(question.has) + question.most)
        self._answer(worker, WorkGiven(owner=self._owner))  # it does not wait for the earlier one any more
        self._told(worker, question)
        if worker.is_ending or not question.most:
            return WorkGiven(owner=self._owner, end=worker.is_ending)
        asking: asyncio.Future[WorkGiven] = asyncio.get_running_loop().create_future()
        worker.asking = asking
        self._match(worker.pool)
        if not asking.done():
            await asyncio.wait({asking}, timeout=question.patience_s)
        worker.seen_at = self._now()
        if asking.done():
            return asking.result()
        worker.asking = None
        worker.is_ending = worker.is_ending or self._is_superfluous(worker)
        return WorkGiven(owner=self._owner, end=worker.is_ending)

    def let_idle_end(self) -> Iterable[Worker]:
        """Our workers that have nothing to do, none of which gets anything any more."""
        for worker in self._workers.values():
            if not worker.work and self._is_ours(worker):
                worker.is_ending = True
                self._answer(worker, WorkGiven(owner=self._owner, end=True))
                yield worker

    def let_all_end(self) -> Iterable[Worker]:
        """Those that have work, none of which gets any more."""
        for worker in self._workers.values():
            if worker.work:
                worker.is_ending = True
                yield worker

    def _told(self, worker: Worker, question: TakeWork) -> None:
        """What it is done with, and what it never got or gives back."""
        done = {order.key for order in question.done}
        has = {order.key for order in question.has}
        back = [work for key, work in worker.work.items() if key not in done and key not in has]
        if worker.work and not has:
            worker.idle_since = self._now()
        worker.work = {key: work for key, work in worker.work.items() if key in has}
        in_use = self._pools.get(worker.pool)
        if back and in_use is not None:
            self._give_back(in_use, back)
            self._see_to(in_use)

    def _give_back(self, in_use: PoolInUse, works: list[Work]) -> None:
        """They wait again, before all others."""
        now = asyncio.get_running_loop().time()
        for work in reversed(works):
            in_use.waiting[work.order.key] = work, now
            in_use.waiting.move_to_end(work.order.key, last=False)

    def _see_to(self, in_use: PoolInUse) -> None:
        """Hand out what waits, and make the workers that it needs."""
        self._match(in_use.pool.name)
        is_short = self._count(in_use.pool) < in_use.pool.kept
        if (in_use.waiting or is_short) and (in_use.grower is None or in_use.grower.done()):
            in_use.grower = asyncio.create_task(self._grow(in_use), name=f"grow {in_use.pool.name}")

    def _match(self, name: str) -> None:
        """Give what waits in a pool to those who ask, the one first that had work last."""
        in_use = self._pools.get(name)
        if in_use is None or not in_use.waiting:
            return
        ours = [one for one in self._workers.values() if one.pool == name]
        asking = [one for one in ours if one.asking and one.room]
        for worker in sorted(asking, key=lambda one: (-len(one.work), one.idle_since), reverse=True):
            if not in_use.waiting:
                return
            share = math.ceil(len(in_use.waiting) / len(ours))
            works = [in_use.take() for _ in range(min(share, worker.most))]
            worker.work |= {work.order.key: work for work in works}
            self._answer(worker, WorkGiven(owner=self._owner, work=tuple(works)))

    def _answer(self, worker: Worker, given: WorkGiven) -> None:
        if worker.asking is not None:
            if not worker.asking.done():
                worker.asking.set_result(given)
            worker.asking = None

    async def _grow(self, in_use: PoolInUse) -> None:
        """Make the workers that what waits needs, until nothing does; then those that are to stay."""
        now = asyncio.get_running_loop().time
        try:
            while in_use.waiting:
                oldest, (_, since) = next(iter(in_use.waiting.items()))
                patience_s = since + GROW_AFTER_S - now()
                if patience_s > 0 and any(not one.is_free for one in self._of(in_use.pool)):
                    await in_use.handed_out(oldest, patience_s)
                    continue
                while self._free(in_use) < len(in_use.waiting) and self._may_grow(in_use):
                    await self._make_one(in_use.pool)
                await in_use.handed_out(oldest, EXPECTED_S)  # who is expected may have been stopped meanwhile
            while self._count(in_use.pool) < in_use.pool.kept:
                await self._make_one(in_use.pool)
        except LaunchFailed as error:
            log.warning("executor.worker.not_made", pool=in_use.pool.name, error=str(error))
            lost = list(in_use.waiting)
            in_use.waiting.clear()
            await self._lose(lost, error)

    async def _make_one(self, pool: Pool) -> None:
        order = PoolOrder(
            pool=pool.name,
            owner=self._owner,
            site=self._site,
            idle_ttl_s=pool.reuse.idle_ttl_s,
            concurrency=pool.reuse.concurrency,
        )
        name = await self._make(order)
        if name not in self._workers:  # it may have asked already
            self.add(name, pool.name).seen_at = self._now()

    def _of(self, pool: Pool) -> list[Worker]:
        return [one for one in self._workers.values() if one.pool == pool.name]

    def _count(self, pool: Pool) -> int:
        """How many workers of a pool are ours."""
        return sum(self._counts(one) for one in self._of(pool))

    def _may_grow(self, in_use: PoolInUse) -> bool:
        """Whether there may be one more; those that end are on their way."""
        staying = (one for one in self._of(in_use.pool) if not one.is_ending)
        return sum(self._counts(one) for one in staying) < in_use.most

    def _counts(self, worker: Worker) -> bool:
        return bool(worker.work) or self._is_ours(worker)

    def _free(self, in_use: PoolInUse) -> int:
        """How many attempts our workers could begin, or those that are about to."""
        return sum(one.room for one in self._of(in_use.pool) if self._is_ours(one))

    def _is_ours(self, worker: Worker) -> bool:
        """Whether it asks us, or has just been made and will."""
        if worker.seen_at is None:
            return False
        is_expected = not worker.has_asked or self._now() - worker.seen_at < EXPECTED_S
        return is_expected or worker.asking is not None

    def _is_superfluous(self, worker: Worker) -> bool:
        """Whether an idle worker may end by the policy of its pool."""
        if worker.work:
            return False
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
