"""A worker of a pool: it asks its executor for one attempt after the other, all for the same process.

While its attempts are brief it takes several at once: to ask for each would cost more than to run it. What it
cannot begin soon, since one of them takes longer, it gives back.

An exception of the user's leaves the process as it is, with all that its modules hold. When that process
ends, or an attempt is stopped in the middle, this worker ends too, and the executor makes another.
"""

import asyncio
import os
from collections import deque

import structlog

from flyte_agent.attempt import Attempt
from flyte_agent.code_folder import CodeFolder
from flyte_agent.known import Known
from flyte_agent.process import Forked, ReusedRunner
from flyte_agent.record import Note
from flyte_agent.settings import AgentSettings, worker_name
from flyte_agent.work_source import WorkSource
from flyte_bus.ports import Bus
from flyte_schemas.orders import Order, PoolOrder, Work

AHEAD_S = 0.05
"""For how long it takes attempts in advance, by what the last ones took; then it gives back what is left."""
MOST_AHEAD = 16
"""How many it takes at most."""
PACE_WEIGHT = 0.2
"""What the last attempt counts in the mean of how long they take."""


class Worker:
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
        self._bus = bus
        self._settings = settings
        self._note = note
        self._pid = os.getpid()
        self._source = WorkSource(order, bus, worker_name(settings))
        self._runner = ReusedRunner(forked)
        self._folder = folder
        self._known = Known(bus.log)
        self._attempt: Attempt | None = None
        self._stopped = asyncio.Event()
        self._queue: deque[Work] = deque()
        self._pace_s = AHEAD_S
        self._giving_back: asyncio.Task[None] | None = None

    def stop(self) -> None:
        """Have it end soon, and the attempt that it runs be tried again elsewhere."""
        self._stopped.set()
        if self._attempt is not None:
            self._attempt.stop()

    async def run(self) -> None:
        """Returns when there is nothing more to do. Raises LeaseLost; BusUnavailable, as an attempt does."""
        await self._runner.open()
        try:
            while self._runner.stays and not self._stopped.is_set():
                if not self._queue and not await self._fetch():
                    return
                await self._serve(self._queue.popleft())
        finally:
            if self._giving_back is not None:
                await asyncio.gather(self._giving_back, return_exceptions=True)
            await self._runner.dismiss(self._settings.grace_s)

    async def _serve(self, work: Work) -> None:
        now = asyncio.get_running_loop().time
        began, order = now(), work.order
        overdue = asyncio.get_running_loop().call_later(AHEAD_S, self._give_back, order)
        self._note(order)
        self._attempt = Attempt(
            self._bus,
            order,
            self._runner,
            folder=self._folder,
            known=self._known,
            settings=self._settings,
            pid=self._pid,
            requested=work.requested,
            traceparent=work.traceparent,
        )
        try:
            with structlog.contextvars.bound_contextvars(attempt=str(order.key)):
                await self._attempt.run()
        finally:
            overdue.cancel()
            if not self._runner.stays:
                self._give_back(order)
        self._attempt = None
        self._note(None)
        self._source.done(order)
        self._pace_s += PACE_WEIGHT * (now() - began - self._pace_s)

    def _give_back(self, running: Order) -> None:
        """Let others have what was taken in advance."""
        if self._queue and (self._giving_back is None or self._giving_back.done()):
            self._queue.clear()
            self._giving_back = asyncio.create_task(self._source.give_back((running,)))

    async def _fetch(self) -> bool:
        """Take what to run next; False when this worker is to end."""
        if self._giving_back is not None:
            await asyncio.gather(self._giving_back, return_exceptions=True)
        works = await self._next()
        self._queue.extend(works)
        return bool(works)

    async def _next(self) -> tuple[Work, ...]:
        """What to run next; nothing when this worker is to end."""
        asking = asyncio.create_task(self._ask_until_given())
        stopped = asyncio.create_task(self._stopped.wait())
        exited = asyncio.create_task(self._runner.exited())
        tasks: tuple[asyncio.Task[object], ...] = (asking, stopped, exited)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            is_over = stopped.done() or exited.done()
            return asking.result() if asking.done() and not is_over else ()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask_until_given(self) -> tuple[Work, ...]:
        self._source.begin()
        while True:
            most = max(1, min(MOST_AHEAD, int(AHEAD_S / max(self._pace_s, AHEAD_S / MOST_AHEAD))))
            given = await self._source.ask(most=most)
            if given is None and self._source.is_silent():
                return ()
            if given is not None and (given.work or given.end):
                return given.work
