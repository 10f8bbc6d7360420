"""After a crash: how soon a parent has its 10,000 finished children again, and an executor its live actions.

The log of the run is written directly, on a real nats-server; then the agent's or the executor's own code
starts on it, as after a crash.
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from bench.rows import Row
from flyte._runtime.messages import Ask, ChildEnded
from flyte_agent.children import Children
from flyte_agent.order import Order
from flyte_agent.reports import Reports
from flyte_bus.jetstream import connect
from flyte_bus.ports import Bus
from flyte_bus.settings import BusSettings
from flyte_executor.backends.port import Launch, OnGone
from flyte_executor.executor import Executor
from flyte_executor.requests import Admission
from flyte_executor.settings import ExecutorSettings
from flyte_schemas.envelope import Event
from flyte_schemas.events import (
    ActionQueued,
    ActionRequested,
    AttemptPlaced,
    AttemptStarted,
    AttemptSucceeded,
    EventData,
    StartRun,
    TaskDeployed,
)
from flyte_schemas.literals import InlineLiteral
from flyte_schemas.phase import ActionPhase
from flyte_schemas.streams import RUNS
from flyte_schemas.subjects import ActionKey, AttemptKey, RunKey, action_subject, run_request, task_subject
from flyte_schemas.task import TaskReference
from testkit.nats_server import NatsServer
from testkit.simulation.machine import NoStore
from testkit.tasks import template

ACTIONS = 10_000
TASK = TaskReference(name="env.task", version="v1")
WORKER = "host/1"
LIFE: tuple[EventData, ...] = (
    ActionQueued(attempt=1, pool="process"),
    AttemptPlaced(attempt=1, worker=WORKER),
    AttemptStarted(attempt=1, worker=WORKER),
)
END = AttemptSucceeded(attempt=1, outputs={"o0": InlineLiteral(value=1)})


def rows() -> Iterator[Row]:
    """A parent that comes back, and an executor that does; each on a log of its own."""
    yield asyncio.run(_on_a_server(_parent))
    yield asyncio.run(_on_a_server(_executor))


Measure = Callable[[Bus], Awaitable[Row]]


async def _on_a_server(measure: Measure) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        server = NatsServer(Path(folder))
        server.start()
        try:
            settings = BusSettings(url=server.url, user=server.user, password=server.password)
            async with await connect(settings) as bus:
                await bus.provision()
                return await measure(bus)
        finally:
            server.kill()


async def _parent(bus: Bus) -> Row:
    run = RunKey("bench", "bench", "parent")
    names = [f"child{number}" for number in range(ACTIONS)]
    await _live(bus, run.action("a0"), None, *LIFE)
    await _all(bus, run, names, *LIFE, END)
    before = await bus.log.last_sequence(RUNS)
    order = Order(project="bench", domain="bench", run="parent", action="a0", attempt=2, fence=before)
    answers: list[ChildEnded] = []
    done = asyncio.Event()

    async def answer(ended: ChildEnded) -> None:
        answers.append(ended)
        if len(answers) == ACTIONS:
            done.set()

    def broken(error: BaseException) -> None:
        raise error

    children = Children(
        bus, order, Reports(bus, order, 1), NoStore(), since=1, answer=answer, on_broken=broken
    )
    begun = time.perf_counter()
    for call, name in enumerate(names):
        children.ask(Ask(call=call, action=name, task=TASK, inputs={"x": InlineLiteral(value=1)}))
    await done.wait()
    took_s = time.perf_counter() - begun
    await children.close()
    assert all(ended.phase is ActionPhase.SUCCEEDED for ended in answers)
    again = await bus.log.last_sequence(RUNS) - before
    assert not again, f"{again} events were written for children that had finished"
    return Row(
        what=f"parent crash, {ACTIONS:,} finished children: resumed",
        unit="s",
        figures=(took_s,),
        goal="≤ 3 s, none run again",
    )


class _Machine:
    """A backend on which all these attempts run already."""

    def __init__(self, alive: frozenset[AttemptKey]) -> None:
        self._alive = alive
        self.launched: list[AttemptKey] = []
        self.new = asyncio.Event()

    async def start(self, on_gone: OnGone) -> frozenset[AttemptKey]:
        return self._alive

    async def launch(self, launch: Launch) -> None:
        self.launched.append(launch.attempt)
        self.new.set()

    async def stop_attempt(self, attempt: AttemptKey) -> None:
        raise AssertionError(f"{attempt} should live on")

    async def close(self, *, stop_attempts: bool) -> None: ...


async def _executor(bus: Bus) -> Row:
    """Full service: a run that is asked for after the restart has its process."""
    run, later = RunKey("bench", "bench", "live"), RunKey("bench", "bench", "later")
    deployed = template(TASK.name)
    await _say(
        bus,
        task_subject("bench", "bench", TASK.name),
        TaskDeployed(version=TASK.version, digest=deployed.digest(), template=deployed),
    )
    names = [f"child{number}" for number in range(ACTIONS)]
    await _live(bus, run.action("a0"), None, *LIFE)
    await _all(bus, run, names, *LIFE)
    before = await bus.log.last_sequence(RUNS)
    await _say(bus, run_request(later), StartRun(task=TASK))
    machine = _Machine(frozenset(AttemptKey(run.action(name), 1) for name in ["a0", *names]))
    executor = Executor(bus, machine, ExecutorSettings(home=Path("/nowhere"), slots=2 * ACTIONS))
    begun = time.perf_counter()
    await executor.start()
    admission = asyncio.create_task(Admission(bus).run())
    await machine.new.wait()
    took_s = time.perf_counter() - begun
    while executor._settling:  # noqa: ASYNC110 - nothing tells when all is quiet
        await asyncio.sleep(0.01)
    admission.cancel()
    await asyncio.gather(admission, return_exceptions=True)
    await executor.stop()
    assert [attempt.action.run for attempt in machine.launched] == [later]
    assert await bus.log.last_sequence(RUNS) == before + 2, "something was decided for what was alive"
    return Row(
        what=f"executor restart, {ACTIONS:,} live actions: full service",
        unit="s",
        figures=(took_s,),
        goal="≤ 5 s, none run twice",
    )


# -- writing logs ---------------------------------------------------------------------------------------


async def _all(bus: Bus, run: RunKey, names: list[str], *life: EventData) -> None:
    gate = asyncio.Semaphore(128)

    async def one(name: str) -> None:
        async with gate:
            await _live(bus, run.action(name), "a0", *life)

    await asyncio.gather(*map(one, names))


async def _live(bus: Bus, key: ActionKey, parent: str | None, *life: EventData) -> None:
    asked = ActionRequested(
        task=TASK, inputs={"x": InlineLiteral(value=1)}, parent=parent, parent_attempt=1 if parent else None
    )
    for data in (asked, *life):
        await _say(bus, action_subject(key), data)


async def _say(bus: Bus, subject: str, data: EventData) -> None:
    event: Event[EventData] = Event(
        id=f"{subject}.{data.TYPE}", source="/bench", subject=subject, time=datetime.now(UTC), data=data
    )
    await bus.log.append(event)
