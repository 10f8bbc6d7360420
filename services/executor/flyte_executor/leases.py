"""Who is silent: the leases of workers, watched, and believed only while the bus is known to take writes.

To know that, the executor holds a lease too while there is anybody to watch, and renews it more often than a
worker does. When that was late, or its own lease expired, workers may have been kept from renewing theirs.
"""

import asyncio
import math
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from typing import Any
from uuid import uuid4

import structlog

from flyte_bus.ports import Bus
from flyte_bus.service import Supervisor
from flyte_executor.clock import Elapsed
from flyte_executor.core.liveness import Liveness, Suspect
from flyte_executor.settings import SERVICE
from flyte_schemas.action import ActionState
from flyte_schemas.streams import LEASES_BUCKET
from flyte_schemas.subjects import ActionKey, AttemptKey, lease_key, parse_lease

log = structlog.get_logger()

OWN_RENEWALS = 6
"""How often the executor's own lease is renewed within the time to live; workers renew theirs three times."""

OnSilent = Callable[[Suspect], Coroutine[Any, Any, None]]


class Leases:
    """Watches the workers of claimed attempts; `on_silent` is called for each that may be lost."""

    def __init__(self, bus: Bus, ttl_s: int, on_silent: OnSilent, elapsed: Elapsed) -> None:
        self._bucket = bus.bucket(LEASES_BUCKET)
        self._ttl_s = ttl_s
        self._on_silent = on_silent
        self._elapsed = elapsed
        self._liveness = Liveness(ttl_s)
        self._own_key = f"{SERVICE}.{uuid4().hex}"
        self._changed = asyncio.Event()
        self._tasks = Supervisor(SERVICE)
        count = bus.meter.counter
        self._expired = count("flyte_executor_leases_gone_total", "Leases that were let go.").child()
        self._renewed = count("flyte_executor_lease_renewals_total", "Renewals by workers.").child()
        self._own = count("flyte_executor_own_lease_renewals_total", "Renewals of our own lease.").child()

    @property
    def watched(self) -> int:
        """How many attempts are claimed."""
        return self._liveness.watched

    @property
    def held(self) -> int:
        """How many of them have shown a lease."""
        return self._liveness.held

    def look(self, key: ActionKey, state: ActionState) -> None:
        """Take note of where an action stands."""
        if not state.is_claimed or not state.worker:
            self._liveness.over(key)
            return
        was_watching = self._liveness.is_watching
        self._liveness.claimed(AttemptKey(key, state.attempt), state.worker, self._elapsed())
        if not was_watching:
            self._changed.set()

    def heard(self, key: ActionKey, source: str) -> None:
        """Take note of who has written on an action's subject."""
        if source.startswith("/agent/"):
            self._liveness.heard(key, source.removeprefix("/agent/"), self._elapsed())

    async def run(self) -> None:
        """Watch for ever. Raises LoopDied when a part of this died."""
        try:
            self._tasks.keep("leases.watch", self._watch())
            self._tasks.keep("leases.own", self._renew_own())
            self._tasks.keep("leases.sweep", self._sweep())
            await self._tasks.wait()
        finally:
            await self._tasks.stop()

    async def is_silent(self, suspect: Suspect) -> bool:
        """Whether the suspect has renewed no lease, while the bus is such that it could have.

        A renewal that was heard a time to live ago may stand there yet: the server ends keys a little later.
        """
        entry = await self._bucket.get(lease_key(suspect.attempt))
        is_held = entry is not None and entry.value == suspect.worker.encode()
        if entry is not None and is_held and self._liveness.is_news(suspect.attempt, entry.revision):
            self._liveness.renewed(suspect.attempt, suspect.worker, self._elapsed(), entry.revision)
            return False
        if await self._bucket.get(self._own_key) is None:  # ours is gone too: all are, whoever lives
            self._interrupted("the executor's own lease had expired")
        return self._liveness.can_tell(self._elapsed())

    async def _watch(self) -> None:
        async with aclosing(self._bucket.watch()) as entries:
            async for entry in entries:
                attempt = parse_lease(entry.key)
                if attempt is not None and entry.value is not None:
                    self._renewed.value += 1
                    worker = entry.value.decode("utf-8", "replace")
                    self._liveness.renewed(attempt, worker, self._elapsed(), entry.revision)
                elif attempt is not None:
                    self._expired.value += 1
                    self._liveness.expired(attempt, self._elapsed())
                    self._changed.set()
                elif entry.key == self._own_key and entry.value is None and self._liveness.is_watching:
                    self._interrupted("the executor's own lease has expired")

    async def _renew_own(self) -> None:
        while True:
            while not self._liveness.is_watching:
                self._liveness.rests()
                await self._until_changed(None)
            await self._bucket.put(self._own_key, b"", ttl_s=self._ttl_s)
            self._own.value += 1
            gap_s = self._liveness.wrote(self._elapsed())
            if 0.0 < gap_s < math.inf:
                log.info("executor.leases.interrupted", reason=f"the bus took nothing for {gap_s:.1f} s")
            self._changed.set()
            await asyncio.sleep(self._ttl_s / OWN_RENEWALS)

    async def _sweep(self) -> None:
        while True:
            now = self._elapsed()
            for suspect in self._liveness.due(now):
                self._tasks.spawn(f"silent {suspect.attempt}", self._on_silent(suspect))
            due = self._liveness.next_due()
            late = due is None or due <= now  # then the next write of ours tells more
            await self._until_changed(None if late or due is None else due - now)

    async def _until_changed(self, timeout_s: float | None) -> None:
        self._changed.clear()
        try:
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()
        except TimeoutError:
            pass

    def _interrupted(self, reason: str) -> None:
        log.info("executor.leases.interrupted", reason=reason)
        self._liveness.interrupted(self._elapsed())
        self._changed.set()
