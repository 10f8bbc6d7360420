"""A worker of a pool that runs several attempts at a time, all in the same process.

It has a question open at its executor while there is room for more, so it never holds what it cannot begin at
once. One attempt is stopped without the others, where it can be. When the process ends, or this agent is to,
the attempts that are left are reported, and the executor makes another worker.
"""

import asyncio
import os

import structlog

from flyte_agent.attempt import Attempt
from flyte_agent.code_folder import CodeFolder
from flyte_agent.known import Known
from flyte_agent.lanes import SharedRunner
from flyte_agent.process import Forked
from flyte_agent.record import Note
from flyte_agent.settings import AgentSettings, worker_name
from flyte_agent.work_source import WorkSource
from flyte_bus.ports import Bus
from flyte_schemas.endpoints import (
    StopAttempt,
    StoppedAttempt,
    WorkGiven,
    stop_attempt_endpoint,
)
from flyte_schemas.orders import Order, PoolOrder, Work
from flyte_schemas.subjects import AttemptKey


class SharedWorker:
    """Works for one pool until it is told to end. `folder` is for its code."""

    def __init__(
        self,
        order: PoolOrder,
        bus: Bus,
        forked: Forked,
        settings: AgentSettings,
        folder: CodeFolder,
        note: Note,
    ) -> None:
        self._order = order
        self._bus = bus
        self._settings = settings
        self._note = note
        self._pid = os.getpid()
        self._name = worker_name(settings)
        self._source = WorkSource(order, bus, self._name)
        self._runner = SharedRunner(forked)
        self._folder = folder
        self._known = Known(bus.log)
        self._attempts: dict[AttemptKey, tuple[Order, Attempt, asyncio.Task[None]]] = {}
        self._changed = asyncio.Event()
        self._is_stopped = False
        self._trouble: BaseException | None = None

    def stop(self) -> None:
        """Have it end soon, and the attempts that it runs be tried again elsewhere."""
        self._is_stopped = True
        self._changed.set()
        for _, attempt, _ in tuple(self._attempts.values()):
            attempt.stop()

    async def run(self) -> None:
        """Returns when there is nothing more to do. Raises LeaseLost; BusUnavailable, as an attempt does."""
        await self._runner.open()
        self._runner.exit.add_done_callback(lambda _: self._changed.set())
        endpoint = stop_attempt_endpoint(self._order.site, self._name)
        server = await self._bus.serve(endpoint, self._stop_one)
        try:
            await self._work()
            if self._runner.is_ending and not self._is_stopped:
                await self._runner.exited()  # so that it is this what its attempts report
        finally:
            self.stop()
            await asyncio.gather(*(task for _, _, task in self._attempts.values()), return_exceptions=True)
            await server.stop()
            await self._runner.dismiss(self._settings.grace_s)
        if self._trouble is not None:
            raise self._trouble

    async def _work(self) -> None:
        """Take what there is, until this worker is to end."""
        while not self._is_over:
            self._changed.clear()
            if self._free == 0:
                await self._changed.wait()
                continue
            asked, given = await self._ask_until_changed()
            if given is not None:
                for work in given.work:
                    self._begin(work)
                if given.end and not self._attempts:
                    return
            elif asked and not self._attempts and self._source.is_silent():
                return

    @property
    def _is_over(self) -> bool:
        return self._is_stopped or self._trouble is not None or not self._runner.stays

    @property
    def _free(self) -> int:
        return self._order.concurrency - len(self._attempts)

    def _begin(self, work: Work) -> None:
        order = work.order
        if order.key in self._attempts:
            return
        attempt = Attempt(
            self._bus,
            order,
            self._runner.new_lane(),
            folder=self._folder,
            known=self._known,
            settings=self._settings,
            pid=self._pid,
            requested=work.requested,
            traceparent=work.traceparent,
        )
        running = asyncio.create_task(self._run(order, attempt))
        self._attempts[order.key] = order, attempt, running
        self._note_all()  # before it is claimed

    async def _run(self, order: Order, attempt: Attempt) -> None:
        structlog.contextvars.bind_contextvars(attempt=str(order.key))
        try:
            await attempt.run()
        except BaseException as error:
            if self._trouble is None:
                self._trouble = error
            self.stop()
        finally:
            del self._attempts[order.key]
            self._source.done(order)
            self._note_all()
            self._changed.set()

    def _note_all(self) -> None:
        orders = [order for order, _, _ in self._attempts.values()]
        self._note(orders[0] if orders else None, *orders[1:])

    async def _stop_one(self, question: StopAttempt) -> StoppedAttempt:
        """End one attempt; the answer comes when it is over here."""
        running = self._attempts.get(question.order.key)
        if running is not None:
            _, attempt, task = running
            attempt.stop()
            await asyncio.wait({task})
        return StoppedAttempt()

    async def _ask_until_changed(self) -> tuple[bool, WorkGiven | None]:
        """Whether the question was asked to its end, and the answer; else something has happened here.

        An answer to a question that is given up counts for nothing: the next one does not name what it gave.
        """
        has = tuple(order for order, _, _ in self._attempts.values())
        asking = asyncio.create_task(self._source.ask(most=self._free, has=has))
        changed = asyncio.create_task(self._changed.wait())
        try:
            await asyncio.wait({asking, changed}, return_when=asyncio.FIRST_COMPLETED)
            return asking.done(), asking.result() if asking.done() else None
        finally:
            for task in (asking, changed):
                task.cancel()
            await asyncio.gather(asking, changed, return_exceptions=True)
