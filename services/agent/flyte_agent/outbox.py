"""What an agent says, in order, whether the bus is there or not.

While the log answers, a word is written and that is all. One that is not acknowledged soon goes into the
spool, and so does all that follows, until everything was delivered in order: the task goes on meanwhile. When
the spool is full, output waits, and with it the user's `print`; the few facts of an attempt find room always.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Protocol

import structlog

from flyte_bus.errors import BusUnavailable, StreamFull
from flyte_bus.ports import EventLog
from flyte_bus.spool import Spool
from flyte_schemas.envelope import AnyEvent, decode, encode

log = structlog.get_logger()

SPOOL_AFTER_S = 0.25
"""A word that is not acknowledged for so long counts as kept once it is on disk."""
DELIVER_AGAIN_S = 0.5
"""The pause before a word that the bus did not take is offered again."""


class Permit(Protocol):
    """Whether we may speak: a worker who was silent for too long has to look first."""

    @property
    def is_fresh(self) -> bool: ...

    async def confirm(self) -> None: ...


@dataclass(slots=True, eq=False)
class _Waiting:
    """One word on its way: in the spool, or here when the disk had no room. `sending` has begun already."""

    sending: "asyncio.Task[int] | None"
    event: AnyEvent | None


class Outbox:
    """Appends to the log, or keeps for it, in order. `limit_bytes` is how much output the spool may hold."""

    def __init__(self, events: EventLog, spool: Spool, permit: Permit, *, limit_bytes: int) -> None:
        self._events = events
        self._spool = spool
        self._permit = permit
        self._limit_bytes = limit_bytes
        self._waiting: deque[_Waiting] = deque()
        self._delivering: asyncio.Task[None] | None = None
        self._delivered = asyncio.Event()
        self._trouble: BaseException | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the log has everything."""
        return not self._waiting

    async def append(self, event: AnyEvent, *, is_output: bool = False) -> None:
        """Returns once the log or the spool has the event.

        Raises LeaseLost, and the errors of `EventLog.append` other than those of a bus that is away.
        """
        while is_output and self._spool.size_bytes >= self._limit_bytes:
            await self._next_delivery()
        self._raise_trouble()
        if self._waiting or not self._permit.is_fresh:
            await self._keep(event, None, is_output=is_output)
            return
        sending = asyncio.create_task(self._events.append(event))
        try:
            await asyncio.wait({sending}, timeout=SPOOL_AFTER_S)
        except asyncio.CancelledError:
            sending.cancel()
            raise
        if sending.done() and not _is_away(sending):
            sending.result()
        else:
            await self._keep(event, sending, is_output=is_output)

    async def flush(self) -> None:
        """Return once the log has everything. Raises as `append` does."""
        while self._waiting:
            await self._next_delivery()
        self._raise_trouble()

    async def close(self, *, keep: bool) -> None:
        """Say nothing more. With `keep` what waits stays in the spool, for others to deliver."""
        tasks = [one.sending for one in self._waiting if one.sending is not None]
        if self._delivering is not None:
            tasks.append(self._delivering)  # type: ignore[arg-type]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if not keep:
            self._spool.clear()

    async def _keep(self, event: AnyEvent, sending: "asyncio.Task[int] | None", *, is_output: bool) -> None:
        """Put a word behind those that wait; when the disk has no room, wait until it is delivered."""
        waiting = _Waiting(sending=sending, event=None)
        try:
            self._spool.add(encode(event), safely=not is_output)
        except OSError as error:
            log.warning("agent.spool.full", error=str(error))
            waiting.event = event
        self._waiting.append(waiting)
        if self._delivering is None or self._delivering.done():
            log.warning("agent.bus.slow", spooled_bytes=self._spool.size_bytes)
            self._delivering = asyncio.create_task(self._deliver())
        while waiting.event is not None and waiting in self._waiting:
            await self._next_delivery()

    async def _deliver(self) -> None:
        """Offer what waits, one after the other, until nothing does."""
        try:
            while self._waiting:
                await self._hand_over(self._waiting[0])
                if self._waiting.popleft().event is None:
                    self._spool.drop()
                self._delivered.set()
        except Exception as error:
            self._trouble = error
            self._delivered.set()

    async def _hand_over(self, waiting: _Waiting) -> None:
        sending = waiting.sending
        while True:
            try:
                if sending is not None:
                    await sending
                else:
                    await self._permit.confirm()
                    await self._events.append(waiting.event or decode(self._spool.first()))
                return
            except (BusUnavailable, StreamFull) as error:
                log.warning("agent.bus.away", error=str(error), spooled_bytes=self._spool.size_bytes)
            sending = None
            await asyncio.sleep(DELIVER_AGAIN_S)

    async def _next_delivery(self) -> None:
        self._raise_trouble()
        self._delivered.clear()
        await self._delivered.wait()

    def _raise_trouble(self) -> None:
        if self._trouble is not None:
            raise self._trouble


def _is_away(sending: "asyncio.Task[int]") -> bool:
    return isinstance(sending.exception(), BusUnavailable | StreamFull)
