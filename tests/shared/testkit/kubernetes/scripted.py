"""Pods whose agents are coroutines: they write what real agents write, and do what a script says."""

import asyncio
from collections.abc import Callable
from typing import Any

from flyte_bus.errors import BusError, Conflict
from flyte_bus.history import read_action
from flyte_bus.ports import Bus
from flyte_executor.backends.kubernetes.identity import order_of, pool_order_of
from flyte_schemas.endpoints import TakeWork, WorkGiven, take_work_endpoint
from flyte_schemas.events import AttemptPlaced
from flyte_schemas.orders import Order
from testkit.kubernetes.node import environment_of
from testkit.kubernetes.store import Document
from testkit.scripted_backend import Agent, Script


class PodAgent(Agent):
    """The agent of a pod, known by what the pod tells it."""

    def __init__(self, bus: Bus, order: Order, name: str) -> None:
        self.attempt = order.key
        self.fence = order.fence
        self.name = name
        self.traceparent = None
        self._bus = bus

    async def claim(self) -> bool:
        """As a real agent does: what it waited for may have been told since the attempt was opened."""
        expected = self.fence
        while True:
            try:
                await self.say(AttemptPlaced(attempt=self.attempt.attempt, worker=self.name), expected)
                return True
            except Conflict:
                state, _ = await read_action(self._bus.log, self.attempt.action)
            if state.is_claimed or not state.has_open(self.attempt.attempt):
                return False
            expected = state.version


class ScriptedContainer:
    """Runs the script of an agent, or a worker of a pool that does so for each attempt that it is given.

    A test may end it as it likes: `end` with a code and a reason.
    """

    def __init__(self, bus: Bus, pod: Document, script: Callable[[], Script]) -> None:
        self._bus = bus
        self._pod = pod
        self._name = environment_of(pod)["FLYTE_WORKER"]
        self._script = script
        self._end: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    async def run(self) -> tuple[int, str]:
        script: asyncio.Task[Any] = asyncio.ensure_future(self._serve())
        await asyncio.wait({script, self._end}, return_when=asyncio.FIRST_COMPLETED)
        if self._end.done():
            script.cancel()
            await asyncio.gather(script, return_exceptions=True)
            return self._end.result()
        script.result()
        return 0, "Completed"

    async def _serve(self) -> None:
        order, pool = order_of(self._pod), pool_order_of(self._pod)
        if order is not None:
            await self._script()(PodAgent(self._bus, order, self._name))
            return
        assert pool is not None, "a pod of an attempt or of a pool"
        given = WorkGiven(owner=pool.owner)
        done: list[Order] = []
        while not given.end:
            question = TakeWork(
                worker=self._name, pool=pool.pool, done=tuple(done), has=(), most=2, patience_s=0.2
            )
            try:
                given = await self._bus.ask(take_work_endpoint(given.owner), question, timeout_s=3.0)
            except BusError:
                given = WorkGiven(owner=pool.site)
                await asyncio.sleep(0.02)
            done = [work.order for work in given.work]
            for work in given.work:
                await self._script()(PodAgent(self._bus, work.order, self._name))

    def stop(self) -> None:
        self.end(143, "Error")

    def end(self, code: int, reason: str) -> None:
        """Have it end so."""
        if not self._end.done():
            self._end.set_result((code, reason))
