"""The lease of a worker: a key that expires unless it is renewed, so that a silent worker is noticed.

The key only raises a claim; whose the attempt is, is told by the log. So every renewal looks there too, and a
worker that comes back after its lease ran out says so in the log, expecting the last word: either this or the
executor's word that the worker was lost comes first, and the other one is refused.

Until the first renewal, a third of the time to live after the claim, the claim itself is the sign of life:
what is shorter than that costs no lease at all.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from enum import Enum
from typing import Any, Protocol

import structlog

from flyte_bus.errors import BusError
from flyte_bus.ports import KeyValue

log = structlog.get_logger()

RENEWALS = 3
"""How often a lease is renewed within its time to live."""
RENEW_AGAIN_S = 0.2
"""The pause after a renewal that the bus refused."""


class Standing(Enum):
    """How a worker stands to what it works on, by the log."""

    OURS = "ours"
    ENDED = "ended"
    """It was ended from outside, by an abort or a deadline: nobody else has it."""
    GIVEN_AWAY = "given away"
    """It counts as lost, and may be somebody else's by now."""


class LeaseLost(Exception):
    """What this worker works on was given away: nothing that it could still say would count."""


class Holding(Protocol):
    """What a lease is held for, as the log tells of it."""

    async def standing(self) -> Standing:
        """How we stand to it now."""
        ...

    async def reclaim(self) -> Standing:
        """Say in the log that we have it still, unless it was given away. Afterwards nobody can take us for
        lost for having been silent before.
        """
        ...


class Lease:
    """One worker's lease. `ttl_s` is its time to live; `begin` starts it."""

    def __init__(self, bucket: KeyValue, ttl_s: int) -> None:
        self._bucket = bucket
        self._ttl_s = ttl_s
        self._now: Callable[[], float] = asyncio.get_running_loop().time
        self._key = self._worker = ""
        self._fresh_until = 0.0
        self._is_written = False
        self._is_lost = False
        self._renewing = asyncio.Lock()

    def now(self) -> float:
        """The time by the clock that leases go by, in seconds: it never jumps."""
        return self._now()

    def begin(self, key: str, worker: str, holding: Holding, *, since: float) -> None:
        """`worker` holds `holding` since `since`, when it began to claim it."""
        self._key, self._worker, self._holding = key, worker, holding
        self._fresh_until = since + self._ttl_s

    @property
    def is_fresh(self) -> bool:
        """Whether nobody can have taken us for silent so far."""
        return not self._is_lost and self._now() < self._fresh_until

    async def hold(
        self,
        work: Coroutine[Any, Any, None],
        *,
        ended: Callable[[], object],
        lost: Callable[[], Awaitable[None]],
    ) -> None:
        """Do the work and keep the lease meanwhile.

        `ended` is called when what we hold was ended from outside: the work is to come to an end by itself.
        When it was given away `lost` is called, the work is cancelled, and LeaseLost raised.
        """
        working = asyncio.create_task(work)
        tasks = [working]
        try:
            await asyncio.wait({working}, timeout=self._until_renewal())  # most end before
            if working.done():
                return await working
            keeping = asyncio.create_task(self.keep())
            tasks.append(keeping)  # type: ignore[arg-type]
            await asyncio.wait({working, keeping}, return_when=asyncio.FIRST_COMPLETED)
            if keeping.done() and not working.done():
                if keeping.result() is Standing.GIVEN_AWAY:
                    await lost()
                    raise LeaseLost(f"what {self._worker} was working on was given away")
                ended()
            await working
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def keep(self) -> Standing:
        """Renew for as long as what we hold is ours; then say how we stand to it."""
        while True:
            await asyncio.sleep(self._until_renewal())
            standing = await self._renew()
            if standing is not Standing.OURS:
                return standing

    def _until_renewal(self) -> float:
        renew_at = self._fresh_until - self._ttl_s * (1 - 1 / RENEWALS)
        return max(renew_at - self._now(), 0.0)

    async def confirm(self) -> None:
        """Return when we may speak; after a long silence that is looked up. Raises LeaseLost."""
        if not self.is_fresh and (self._is_lost or await self._renew() is Standing.GIVEN_AWAY):
            raise LeaseLost(f"what {self._worker} was working on was given away")

    async def release(self) -> None:
        """Let the lease go, when there is one. Harmless when the bus is away: it expires."""
        if self._is_written and self.is_fresh:
            try:
                async with asyncio.timeout(self._ttl_s / RENEWALS):
                    await self._bucket.delete(self._key)
            except (BusError, TimeoutError) as error:
                log.info("agent.lease.left", key=self._key, error=str(error))

    async def _renew(self) -> Standing:
        async with self._renewing:
            while True:
                try:
                    return await self._renew_once()
                except BusError as error:  # what we hold is not lost for it
                    log.warning("agent.lease.not_renewed", key=self._key, error=str(error))
                await asyncio.sleep(RENEW_AGAIN_S)

    async def _renew_once(self) -> Standing:
        written_at = await self._write()
        standing = await self._look()
        if standing is Standing.GIVEN_AWAY:
            self._is_lost = True
            await self._bucket.delete(self._key)
        else:
            self._fresh_until = written_at + self._ttl_s
        return standing

    async def _look(self) -> Standing:
        """How we stand to what we hold; when our silence was too long we say that we live."""
        return await (self._holding.standing() if self.is_fresh else self._holding.reclaim())

    async def _write(self) -> float:
        """Write the key, and when: what was on its way for long is written again."""
        while True:
            begun = self._now()
            await self._bucket.put(self._key, self._worker.encode(), ttl_s=self._ttl_s)
            self._is_written = True
            if self._now() - begun <= self._ttl_s / RENEWALS:
                return begun


Confirm = Callable[[], Awaitable[None]]
