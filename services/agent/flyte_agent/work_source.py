"""Where a worker gets its attempts: from the executor that has it, else from any that serves its site."""

import asyncio

import structlog

from flyte_bus.errors import BusError
from flyte_bus.ports import Bus
from flyte_schemas.endpoints import TakeWork, WorkGiven, take_work_endpoint
from flyte_schemas.orders import Order, PoolOrder

log = structlog.get_logger()

PATIENCE_S = 2.0
"""How long a question for work stays open. When its executor dies, an idle worker finds out after that."""
ANSWER_S = 1.0
"""How much later the answer may come."""


class WorkSource:
    """Asks for the worker with this name."""

    def __init__(self, order: PoolOrder, bus: Bus, worker: str) -> None:
        self._order = order
        self._bus = bus
        self._worker = worker
        self._owner = order.owner
        self._done: list[Order] = []
        self._now = asyncio.get_running_loop().time
        self._heard_at = self._now()

    def done(self, order: Order) -> None:
        """This attempt is over here: it is told with the next question."""
        self._done.append(order)

    def begin(self) -> None:
        """From here on it is waited for an answer."""
        self._heard_at = self._now()

    async def ask(self, *, most: int, has: tuple[Order, ...] = ()) -> WorkGiven | None:
        """What an executor gives: `most` at once, beside what the worker `has`; None when nobody answers."""
        given = await self._ask(self._owner, most, has) or await self._ask(self._order.site, most, has)
        if given is not None:
            self._heard_at, self._owner = self._now(), given.owner
        return given

    async def give_back(self, has: tuple[Order, ...]) -> None:
        """All but this is somebody else's; unheard, it is told with the next question."""
        await self._ask(self._owner, 0, has)

    def is_silent(self) -> bool:
        """Whether nobody has answered for so long that the worker is to end."""
        is_forgotten = self._now() - self._heard_at > self._order.idle_ttl_s
        if is_forgotten:
            log.info("agent.worker.forgotten", pool=self._order.pool)
        return is_forgotten

    async def _ask(self, executor: str, most: int, has: tuple[Order, ...]) -> WorkGiven | None:
        done = tuple(self._done)
        question = TakeWork(
            worker=self._worker,
            pool=self._order.pool,
            done=done,
            has=has,
            most=most,
            patience_s=PATIENCE_S,
        )
        try:
            given = await self._bus.ask(
                take_work_endpoint(executor), question, timeout_s=PATIENCE_S + ANSWER_S
            )
        except BusError as error:
            log.info("agent.worker.unanswered", executor=executor, error=str(error))
            return None
        del self._done[: len(done)]
        return given
