"""Says what attempts wait for: not at once, since most waits are brief, nor with each new number in it."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from flyte_executor.backends.kubernetes.pods import Pod
from flyte_executor.backends.port import OnWaiting, Waiting
from flyte_executor.backends.workers import Workers
from flyte_schemas.subjects import AttemptKey

AFTER_S = 1.0
"""How long an attempt has waited for something before that is told."""
AGAIN_S = 30.0
"""How long it waits for the same before new words about it are told."""


class Telling:
    """Tells `on_waiting` of the attempts of pods, and of those for whose pool a worker's pod waits."""

    def __init__(
        self,
        on_waiting: OnWaiting,
        workers: Workers,
        spawn: Callable[[Coroutine[Any, Any, Any]], None],
    ) -> None:
        self._on_waiting = on_waiting
        self._workers = workers
        self._spawn = spawn
        self._pools: dict[str, dict[str, str]] = {}

    def waits(self, pod: Pod) -> None:
        """A pod does not run yet: what it waits for then is told in a while."""
        if pod.tell_later is not None or pod.waits_for == pod.told:
            return
        loop = asyncio.get_running_loop()
        is_the_same = pod.told and _kind(pod.told) == _kind(pod.waits_for)
        pause_s = max(AFTER_S, pod.told_at + AGAIN_S - loop.time()) if is_the_same else AFTER_S
        pod.tell_later = loop.call_later(pause_s, self._tell, pod)

    def joined(self, pool: str, attempt: AttemptKey) -> None:
        """One more attempt waits for a worker of a pool."""
        if self._pools.get(pool):
            asyncio.get_running_loop().call_later(AFTER_S, self._tell_one, pool, attempt)

    def began(self, pool: str, worker: str) -> None:
        """A worker asks for work: nobody waits for its pod any more."""
        waits = self._pools.get(pool)
        if waits is not None:
            waits.pop(worker, None)
            if not waits:
                del self._pools[pool]

    def say(self, attempts: Iterable[AttemptKey], message: str) -> None:
        """Tell that these wait for something."""
        for attempt in attempts:
            self._spawn(self._say(Waiting(attempt=attempt, message=message)))

    async def _say(self, waiting: Waiting) -> None:
        await self._on_waiting(waiting)

    def _tell(self, pod: Pod) -> None:
        pod.tell_later = None
        message = pod.waits_for
        if pod.pool is not None:
            self.began(pod.pool.pool, pod.worker)
        if not message or pod.is_removed:
            return
        pod.told, pod.told_at = message, asyncio.get_running_loop().time()
        if pod.order is not None:
            self.say([pod.order.key], message)
        elif pod.pool is not None:
            self._pools.setdefault(pod.pool.pool, {})[pod.worker] = message
            self.say(self._workers.waiting(pod.pool.pool), message)

    def _tell_one(self, pool: str, attempt: AttemptKey) -> None:
        if (waits := self._pools.get(pool)) and attempt in self._workers.waiting(pool):
            self.say([attempt], next(iter(waits.values())))


def _kind(message: str) -> str:
    """What is waited for, without what was said about it."""
    return message.partition(":")[0]
