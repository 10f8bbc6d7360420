"""Endings from outside: how soon an abort has reached a thousand live actions, and a lost worker is replaced.

The processes are scripted: what is measured is what the executor sees, decides and writes, on a real
nats-server, not how long a thousand processes take to die.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench import written
from bench.rows import Row
from flyte_bus import event_loop
from flyte_bus.history import read_run
from flyte_bus.ports import Bus
from flyte_executor.backends.port import Gone
from flyte_executor.executor import Executor
from flyte_executor.requests import Admission
from flyte_executor.settings import ExecutorSettings
from flyte_schemas.events import AbortAction
from flyte_schemas.phase import ActionPhase
from flyte_schemas.streams import LEASES_BUCKET
from flyte_schemas.subjects import AttemptKey, RunKey, abort_request, lease_key

ACTIONS = 1_000
TTL_S = 2
RENEWED = 5
"""How often the worker that dies renews its lease before: the executor must have watched for a while."""
RUN = RunKey("bench", "bench", "run")


def rows() -> Iterator[Row]:
    """Each on a server of its own."""
    yield event_loop.run(_abort())
    yield event_loop.run(_silence())
    yield event_loop.run(_exit())


async def _abort() -> Row:
    async with written.server_and_bus() as (_, bus):
        await written.action(bus, RUN.action("a0"), None, *written.LIFE)
        names = ["a0", *await written.children(bus, RUN, ACTIONS - 1, *written.LIFE)]
        machine = written.Watched(frozenset(AttemptKey(RUN.action(name), 1) for name in names))
        async with _serving(bus, machine):
            begun = time.perf_counter()
            await written.say(bus, abort_request(RUN, "alice"), AbortAction(action="a0"))
            while len(machine.stopped) < ACTIONS:
                machine.changed.clear()
                await machine.changed.wait()
            took_s = time.perf_counter() - begun
        fold = await read_run(bus.log, RUN)
        assert {state.phase for state in fold.actions.values()} == {ActionPhase.ABORTED}
    what = f"abort of a run with {ACTIONS:,} live actions (scripted)"
    return Row(what=what, unit="s", figures=(took_s,), goal="all told to stop, all in the log")


async def _silence() -> Row:
    """From the last sign of life of a worker on another machine to the launch of the next attempt here."""
    attempt = AttemptKey(RUN.action("a0"), 1)
    async with written.server_and_bus() as (_, bus):
        await written.action(bus, attempt.action, None, *written.LIFE)
        machine = written.Watched()
        async with _serving(bus, machine):
            bucket = bus.bucket(LEASES_BUCKET)
            for _ in range(RENEWED):
                await asyncio.sleep(TTL_S / 3)
                await bucket.put(lease_key(attempt), written.WORKER.encode(), ttl_s=TTL_S)
            took_s = await _until_launched(machine, attempt)
    what = f"lost machine, leases of {TTL_S} s: launched again (scripted)"
    return Row(what=what, unit="s", figures=(took_s,), goal=f"≤ {TTL_S + 1} s")


async def _exit() -> Row:
    """From the word of the backend that a process has ended to the launch of the next attempt."""
    attempt = AttemptKey(RUN.action("a0"), 1)
    async with written.server_and_bus() as (_, bus):
        await written.action(bus, attempt.action, None, *written.LIFE)
        machine = written.Watched(frozenset({attempt}))
        async with _serving(bus, machine):
            assert machine.on_gone is not None
            gone = Gone(attempt=attempt, worker=written.WORKER, reason="its process ended")
            await machine.on_gone(gone)
            took_s = await _until_launched(machine, attempt)
    return Row(what="dead process: launched again (scripted)", unit="s", figures=(took_s,), goal="≤ 1 s")


async def _until_launched(machine: written.Watched, lost: AttemptKey) -> float:
    begun = time.perf_counter()
    while not machine.launched:
        machine.changed.clear()
        await machine.changed.wait()
    assert machine.launched == [AttemptKey(lost.action, lost.attempt + 1)]
    return time.perf_counter() - begun


@asynccontextmanager
async def _serving(bus: Bus, machine: written.Watched) -> AsyncIterator[None]:
    """An executor that has caught up with what was written."""
    await written.deploy(bus)
    settings = ExecutorSettings(home=Path("/nowhere"), slots=2 * ACTIONS, lease_ttl_s=TTL_S)
    executor = Executor(bus, machine, settings)
    await executor.start()
    admission = asyncio.create_task(Admission(bus).run())
    try:
        yield
    finally:
        admission.cancel()
        await asyncio.gather(admission, return_exceptions=True)
        await executor.stop()
