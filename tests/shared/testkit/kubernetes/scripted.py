"""Pods whose agents are coroutines: they write what real agents write, and do what a script says."""

import asyncio
from typing import Any

from flyte_bus.ports import Bus
from flyte_executor.backends.kubernetes.identity import order_of
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
        self._bus = bus


class ScriptedContainer:
    """Runs the script of an agent. A test may end it as it likes: `end` with a code and a reason."""

    def __init__(self, bus: Bus, pod: Document, script: Script) -> None:
        order = order_of(pod)
        assert order is not None, "the pod of an attempt"
        self._agent = PodAgent(bus, order, environment_of(pod)["FLYTE_WORKER"])
        self._script = script
        self._end: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    async def run(self) -> tuple[int, str]:
        script: asyncio.Task[Any] = asyncio.ensure_future(self._script(self._agent))
        await asyncio.wait({script, self._end}, return_when=asyncio.FIRST_COMPLETED)
        if self._end.done():
            script.cancel()
            await asyncio.gather(script, return_exceptions=True)
            return self._end.result()
        script.result()
        return 0, "Completed"

    def stop(self) -> None:
        self.end(143, "Error")

    def end(self, code: int, reason: str) -> None:
        """Have it end so."""
        if not self._end.done():
            self._end.set_result((code, reason))
