"""The traced steps of a simulated task: the agent's own code records them, and tells later attempts."""

import asyncio
from typing import TYPE_CHECKING

from flyte._runtime.messages import Kept, Recall, Record, Remembered
from flyte_agent.recovered import Source, source_of
from flyte_agent.reports import Reports
from flyte_agent.traces import Traces
from flyte_bus.history import read_action, read_run
from flyte_bus.ports import EventLog
from flyte_schemas.action import ActionState
from flyte_schemas.events import TraceFailed, TraceSucceeded
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.literals import InlineLiteral
from flyte_schemas.orders import Order
from flyte_schemas.subjects import ActionKey, RunKey
from testkit.simulation.faulty_bus import FaultyBus
from testkit.stores import NoStore

if TYPE_CHECKING:
    from testkit.simulation.machine import Machine


async def earlier_steps(
    machine: "Machine", log: EventLog, key: ActionKey, state: ActionState
) -> Source | None:
    """Where the agent finds the steps of an earlier run; what it must find there is noted as recorded."""
    root, _ = await read_action(log, key.run.action("a0"))
    settings = root.requested.settings if root.requested else None
    recovery = settings.recovery if settings else None
    if recovery is None:
        return None
    if not any(f"{key.action}x".startswith(f"{one}x") for one in recovery.again):
        fold = await read_run(log, RunKey(key.run.project, key.run.domain, recovery.run))
        before = fold.get(key.action)
        for name, step in fold.children(key.action):
            is_there = before.is_terminal and step.version < before.version
            if is_there and isinstance(step.traced, TraceSucceeded):
                value = step.traced.outputs["o0"]
                assert isinstance(value, InlineLiteral)
                machine.steps_of_source.setdefault((key, name), value.value)
    return await source_of(log, key, state, recovery)


class StepsTaken:
    """Takes the steps of one attempt, one after the other."""

    def __init__(
        self,
        machine: "Machine",
        bus: FaultyBus,
        order: Order,
        reports: Reports,
        first: int,
        source: Source | None,
    ) -> None:
        self._machine = machine
        self._asks_first = order.attempt > 1 or source is not None
        self._order = order
        self._reports = reports
        self._answer: asyncio.Future[Kept] = asyncio.get_running_loop().create_future()
        self._traces = Traces(
            bus.log,
            order,
            reports,
            NoStore(),
            since=first,
            answer=self._hear,
            on_broken=self._broken,
            source=source,
        )

    async def take(self, count: int) -> None:
        """Run what is not recorded, and record it."""
        try:
            for number in range(count):
                if number == 1 and self._order.attempt == 1:
                    await self._fail(f"{self._order.action}s{number}")
                await self._take(f"{self._order.action}s{number}")
        finally:
            await self._traces.close()

    async def _take(self, step: str) -> None:
        attempt, trace = self._order.key, None
        if self._asks_first:
            trace = await self._ask(Recall(call=1, step=step))
        if trace is None:
            self._machine.step_runs(attempt, step, self._reports.worker)
            await self._machine.chance.pause(1.0)
            said = TraceSucceeded(
                name="m.step",
                parent=self._order.action,
                parent_attempt=self._order.attempt,
                outputs={"o0": InlineLiteral(value=f"{step} by {self._reports.worker}")},
                started_at=self._machine.now(),
            )
            trace = await self._ask(Record(call=1, step=step, trace=said)) or said
        value = trace.outputs["o0"]
        assert isinstance(value, InlineLiteral)
        self._machine.step_is_known(attempt, step, value.value)

    async def _fail(self, step: str) -> None:
        """A step raises what may go away: it is known of this attempt, and the call's own name stays free."""
        said = TraceFailed(
            name="m.step",
            parent=self._order.action,
            parent_attempt=self._order.attempt,
            failure=Failure(code="ValueError", kind=FailureKind.USER, message="on purpose"),
            started_at=self._machine.now(),
        )
        await self._ask(Record(call=1, step=f"{step}x{self._order.attempt}", trace=said))

    async def _ask(self, question: Recall | Record) -> TraceSucceeded | TraceFailed | None:
        self._answer = asyncio.get_running_loop().create_future()
        self._traces.hear(question)
        kept = await self._answer
        if kept.failure is not None:
            raise RuntimeError(f"no answer about {question.step}: {kept.failure.message}")
        return kept.trace

    async def _hear(self, kept: Kept | Remembered) -> None:
        assert isinstance(kept, Kept)
        self._answer.set_result(kept)

    def _broken(self, error: BaseException) -> None:
        if not self._answer.done():
            self._answer.set_exception(error)
