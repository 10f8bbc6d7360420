"""A worker of a pool: it asks its executor for one attempt after the other, all for the same process.

An exception of the user's leaves the process as it is, with all that its modules hold. When that process
ends, or an attempt is stopped in the middle, this worker ends too, and the executor makes another.
"""

import asyncio
import os
from pathlib import Path

import structlog

from flyte_agent.attempt import Attempt
from flyte_agent.code_folder import CodeFolder
from flyte_agent.known import Known
from flyte_agent.process import Forked, ReusedRunner
from flyte_agent.record import Note
from flyte_agent.settings import AgentSettings
from flyte_bus.errors import BusError
from flyte_bus.ports import Bus
from flyte_bus.process import start_time
from flyte_schemas.endpoints import TakeWork, WorkGiven, take_work_endpoint
from flyte_schemas.orders import Order, PoolOrder

log = structlog.get_logger()

PATIENCE_S = 2.0
"""How long a question for work stays open. When its executor dies, an idle worker finds out after that."""
ANSWER_S = 1.0
"""How much later the answer may come."""


class Worker:
    """Works for one pool until it is told to end. `folder` is for its code."""

    def __init__(
        self, order: PoolOrder, bus: Bus, forked: Forked, settings: AgentSettings, folder: Path, note: Note
    ) -> None:
        self._order = order
        self._bus = bus
        self._forked = forked
        self._settings = settings
        self._note = note
        self._pid = os.getpid()
        self._started = start_time(self._pid)
        self._runner = ReusedRunner(forked)
        self._folder = CodeFolder(folder, settings)
        self._known = Known(bus.log)
        self._attempt: Attempt | None = None
        self._stopped = asyncio.Event()
        self._owner = order.owner

    def stop(self) -> None:
        """Have it end soon, and the attempt that it runs be tried again elsewhere."""
        self._stopped.set()
        if self._attempt is not None:
            self._attempt.stop()

    async def run(self) -> None:
        """Returns when there is nothing more to do. Raises LeaseLost; BusUnavailable, as an attempt does."""
        await self._runner.open()
        try:
            done: Order | None = None
            while self._runner.stays and (order := await self._next(done)) is not None:
                await self._serve(order)
                done = order
        finally:
            await self._runner.dismiss(self._settings.grace_s)

    async def _serve(self, order: Order) -> None:
        self._note(order)
        self._attempt = Attempt(
            self._bus,
            order,
            self._runner,
            self._forked.pipes,
            folder=self._folder,
            known=self._known,
            settings=self._settings,
            pid=self._pid,
        )
        with structlog.contextvars.bound_contextvars(attempt=str(order.key)):
            await self._attempt.run()
        self._attempt = None
        self._note(None)

    async def _next(self, done: Order | None) -> Order | None:
        """What to run next; None when this worker is to end."""
        asking = asyncio.create_task(self._ask_until_given(done))
        stopped = asyncio.create_task(self._stopped.wait())
        exited = asyncio.create_task(self._runner.exited())
        tasks: tuple[asyncio.Task[object], ...] = (asking, stopped, exited)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            is_over = stopped.done() or exited.done()
            return asking.result() if asking.done() and not is_over else None
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask_until_given(self, done: Order | None) -> Order | None:
        now = asyncio.get_running_loop().time
        heard_at = now()
        while True:
            given = await self._ask(self._owner, done) or await self._ask(self._order.site, done)
            if given is not None:
                heard_at, self._owner = now(), given.owner
                if given.order is not None or given.end:
                    return given.order
            elif now() - heard_at > self._order.idle_ttl_s:
                log.info("agent.worker.forgotten", pool=self._order.pool)
                return None

    async def _ask(self, executor: str, done: Order | None) -> WorkGiven | None:
        """The answer of an executor; None when there is none."""
        question = TakeWork(
            pid=self._pid,
            started=self._started,
            pool=self._order.pool,
            done=done,
            patience_s=PATIENCE_S,
        )
        try:
            return await self._bus.ask(
                take_work_endpoint(executor), question, timeout_s=PATIENCE_S + ANSWER_S
            )
        except BusError as error:
            log.info("agent.worker.unanswered", executor=executor, error=str(error))
            return None
