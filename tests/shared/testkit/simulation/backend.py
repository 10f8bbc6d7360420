"""The executor's side of the machine: one place of it, which executors come to and leave."""

import asyncio
import platform
from contextlib import suppress

from flyte_bus.errors import BusUnavailable
from flyte_bus.ports import EventLog
from flyte_executor.backends.port import Gone, Launch, LaunchFailed, OnGone, OnWaiting
from flyte_schemas.subjects import AttemptKey
from testkit.simulation.machine import Machine


class MachineBackend:
    """The port `Backend` in one place of a machine; executors may share it."""

    def __init__(self, machine: Machine, place: int, events: EventLog) -> None:
        self._machine = machine
        self._place = place
        self._events = events
        self._live: dict[int, AttemptKey] = {}
        self._watches: set[asyncio.Task[None]] = set()

    async def start(self, on_gone: OnGone, on_waiting: OnWaiting) -> frozenset[AttemptKey]:
        self._on_gone = on_gone
        for pid, attempt in self._machine.at(self._place).items():
            self._watch(pid, attempt)
        running = {attempt for _, attempt, _ in self._machine.running}
        return frozenset(running.intersection(self._live.values()))

    async def launch(self, launch: Launch) -> None:
        chance = self._machine.chance
        await chance.delay()
        if chance.happens(chance.rates.failed_launch):
            raise LaunchFailed("no room")
        if launch.attempt in self._live.values():
            return
        pid = self._machine.launch(launch, self._place)
        self._watch(pid, launch.attempt)
        await chance.delay()

    async def stop_attempt(self, attempt: AttemptKey) -> None:
        for pid, running in tuple(self._live.items()):
            if running == attempt:
                await self._machine.chance.pause(2.0)
                self._machine.kill(pid)

    async def close(self, *, stop_attempts: bool) -> None:
        for watch in tuple(self._watches):
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)

    def _watch(self, pid: int, attempt: AttemptKey) -> None:
        self._live[pid] = attempt
        watch = asyncio.create_task(self._until_gone(pid, attempt))
        self._watches.add(watch)
        watch.add_done_callback(self._watches.discard)

    async def _until_gone(self, pid: int, attempt: AttemptKey) -> None:
        await self._machine.ended(pid)
        await self._machine.chance.delay()
        self._live.pop(pid, None)
        with suppress(BusUnavailable):  # this executor has ended: the next one does it
            await self._machine.deliver_left(self._place, self._events)
            worker = f"{platform.node()}/{pid}"
            if await self._on_gone(Gone(attempt=attempt, worker=worker, reason=f"process {pid} ended")):
                self._machine.forget(pid)
