"""After a crash: how soon a parent has its 10,000 finished children again, and an executor its live actions.

The log of the run is written directly, on a real nats-server; then the agent's or the executor's own code
starts on it, as after a crash. On a machine that is busy with other things the processor time tells more than
the wall clock; its floor is what reading the same messages costs, undecoded.
"""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

from bench import log, written
from bench.rows import Row
from flyte._runtime.messages import Ask, ChildEnded, Paused
from flyte_agent.children import Children
from flyte_agent.reports import Reports
from flyte_bus import event_loop
from flyte_bus.ports import Bus
from flyte_executor.executor import Executor
from flyte_executor.requests import Admission
from flyte_executor.settings import ExecutorSettings
from flyte_schemas.events import StartRun
from flyte_schemas.literals import InlineLiteral
from flyte_schemas.orders import Order
from flyte_schemas.phase import ActionPhase
from flyte_schemas.streams import RUNS
from flyte_schemas.subjects import AttemptKey, RunKey, run_filter, run_request
from testkit.nats_server import NatsServer

ACTIONS = 10_000
Took = tuple[float, float]
"""Seconds by the clock, and of this process's processor time."""


def rows() -> Iterator[Row]:
    """A parent that comes back, and an executor that does; each on a log of its own."""
    yield from event_loop.run(_parent())
    yield from event_loop.run(_executor())


def _now() -> Took:
    return time.perf_counter(), time.process_time()


async def _rows(what: str, begun: Took, ended: Took, server: NatsServer, run: RunKey, goal: str) -> list[Row]:
    began = time.process_time()
    await log.replay(server, run_filter(run), (5 if "parent" in what else 4) * ACTIONS)
    floor = time.process_time() - began
    took_s, processor_s = (after - before for after, before in zip(ended, begun, strict=True))
    return [
        Row(what=what, unit="s", figures=(took_s,), goal=goal),
        Row(
            what="  of it processor time",
            unit="s",
            figures=(processor_s,),
            floor=floor,
            floor_is="ordered replay of the same messages, undecoded; processor time",
            goal="—",
        ),
    ]


async def _parent() -> list[Row]:
    async with written.server_and_bus() as (server, bus):
        run = RunKey("bench", "bench", "parent")
        await written.action(bus, run.action("a0"), None, *written.LIFE)
        names = await written.children(bus, run, ACTIONS, *written.LIFE, written.END)
        before = await bus.log.last_sequence(RUNS)
        begun, ended = await _resume(bus, names, before)
        again = await bus.log.last_sequence(RUNS) - before
        assert not again, f"{again} events were written for children that had finished"
        what = f"parent crash, {ACTIONS:,} finished children: resumed"
        return await _rows(what, begun, ended, server, run, "≤ 3 s, none run again")


async def _resume(bus: Bus, names: list[str], fence: int) -> tuple[Took, Took]:
    """Ask for all of them, and be answered."""
    order = Order(project="bench", domain="bench", run="parent", action="a0", attempt=2, fence=fence)
    answers: list[ChildEnded | Paused] = []
    done = asyncio.Event()

    async def answer(ended: ChildEnded | Paused) -> None:
        answers.append(ended)
        if len(answers) == len(names):
            done.set()

    def broken(error: BaseException) -> None:
        raise error

    reports = Reports(bus, order, 1)
    children = Children(bus, order, reports, since=1, answer=answer, on_broken=broken)
    begun = _now()
    for call, name in enumerate(names):
        children.ask(Ask(call=call, action=name, task=written.TASK, inputs={"x": InlineLiteral(value=1)}))
    await done.wait()
    ended = _now()
    await children.close()
    assert all(isinstance(one, ChildEnded) and one.phase is ActionPhase.SUCCEEDED for one in answers)
    return begun, ended


async def _executor() -> list[Row]:
    """Full service: a run that is asked for after the restart has its process."""
    async with written.server_and_bus() as (server, bus):
        run, later = RunKey("bench", "bench", "live"), RunKey("bench", "bench", "later")
        await written.deploy(bus)
        await written.action(bus, run.action("a0"), None, *written.LIFE)
        names = await written.children(bus, run, ACTIONS, *written.LIFE)
        before = await bus.log.last_sequence(RUNS)
        await written.say(bus, run_request(later, "alice"), StartRun(task=written.TASK))
        alive = frozenset(AttemptKey(run.action(name), 1) for name in ["a0", *names])
        begun, ended = await _restart(bus, written.Watched(alive), later)
        assert await bus.log.last_sequence(RUNS) == before + 2, "something was decided for what was alive"
        what = f"executor restart, {ACTIONS:,} live actions: full service"
        return await _rows(what, begun, ended, server, run, "≤ 5 s, none run twice")


async def _restart(bus: Bus, machine: written.Watched, later: RunKey) -> tuple[Took, Took]:
    executor = Executor(bus, machine, ExecutorSettings(home=Path("/nowhere"), slots=2 * ACTIONS))
    begun = _now()
    await executor.start()
    admission = asyncio.create_task(Admission(bus).run())
    await machine.changed.wait()
    ended = _now()
    while executor._settling:  # noqa: ASYNC110 - nothing tells when all is quiet
        await asyncio.sleep(0.01)
    admission.cancel()
    await asyncio.gather(admission, return_exceptions=True)
    await executor.stop()
    assert [attempt.action.run for attempt in machine.launched] == [later]
    assert not machine.stopped
    return begun, ended
