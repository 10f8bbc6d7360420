"""What the agent writes into the log of its own run."""

import platform
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from flyte._runtime.messages import Reported
from flyte_agent.order import Order
from flyte_bus.errors import Conflict
from flyte_bus.history import read_action
from flyte_bus.ports import Bus
from flyte_schemas.envelope import AnyEvent, Event
from flyte_schemas.events import (
    AbortAction,
    ActionRequested,
    AttemptPlaced,
    AttemptReported,
    EventData,
    LogWritten,
    TraceFailed,
    TraceSucceeded,
)
from flyte_schemas.subjects import abort_request, action_subject, log_subject

log = structlog.get_logger()


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Reports:
    """Facts of one attempt, with ids that follow from the attempt: written twice, they count once."""

    def __init__(self, bus: Bus, order: Order, pid: int, now: Callable[[], datetime] = _utc_now) -> None:
        self._log = bus.log
        self._now = now
        self._order = order
        self._number = 0
        self.worker = f"{platform.node()}/{pid}"

    async def claim(self) -> bool:
        """Claim the attempt; False when another agent has it, or it is over."""
        event = self._event(AttemptPlaced(attempt=self._order.attempt, worker=self.worker), self.worker)
        expected = self._order.fence
        while True:
            try:
                await self._log.append(event, expected=expected)
                return True
            except Conflict:
                state, _ = await read_action(self._log, self._order.key.action)
            if not state.has_open_attempt or state.fence != self._order.fence or state.worker:
                return state.has_open_attempt and state.worker == self.worker
            expected = state.version  # what came between says nothing about the attempt

    async def fact(self, data: EventData) -> None:
        """Append a fact of this attempt, whatever happened meanwhile."""
        await self._log.append(self._event(data))

    async def output(self, chunk: LogWritten) -> None:
        """Append a chunk of output."""
        event = self._event(chunk, str(chunk.offset), subject=log_subject(self._order.key.action))
        await self._log.append(event)

    async def reported(self, report: Reported) -> None:
        """Append where the attempt's HTML report lies."""
        fact = AttemptReported(
            attempt=self._order.attempt, uri=report.uri, sha256=report.sha256, size_bytes=report.size_bytes
        )
        await self.numbered(fact)

    async def numbered(self, data: EventData) -> None:
        """Append a fact that may come again: each has a number of its own."""
        self._number += 1
        await self._log.append(self._event(data, str(self._number)))

    async def request_child(self, action: str, data: ActionRequested) -> None:
        """Ask for a child action. Raises Conflict when it was asked for before."""
        key = self._order.key.action.run.action(action)
        event: AnyEvent = Event(
            id=f"{key}.requested",
            source=self._source,
            subject=action_subject(key),
            time=self._now(),
            cause=f"{self._order.key}",
            data=data,
        )
        await self._log.append(event, expected=0)

    async def record(self, step: str, trace: TraceSucceeded | TraceFailed) -> None:
        """Record a step of this attempt. Raises Conflict when something is recorded under its name."""
        key = self._order.key.action.run.action(step)
        event: AnyEvent = Event(
            id=f"{key}.traced.{self._order.attempt}",
            source=self._source,
            subject=action_subject(key),
            time=self._now(),
            cause=f"{self._order.key}",
            data=trace,
        )
        await self._log.append(event, expected=0)

    async def request_abort(self, action: str) -> None:
        """Ask for the end of a child that was given up."""
        run = self._order.key.action.run
        event: AnyEvent = Event(
            id=f"{run.action(action)}.given-up.{self._order.attempt}",
            source=self._source,
            subject=abort_request(run),
            time=self._now(),
            cause=f"{self._order.key}",
            data=AbortAction(action=action, reason=f"its parent, {self._order.action}, cancelled the call"),
        )
        await self._log.append(event)

    @property
    def _source(self) -> str:
        return f"/agent/{self.worker}"

    def _event(self, data: EventData, suffix: str = "", *, subject: str = "") -> AnyEvent:
        kind = data.TYPE.removeprefix("flyte.").removesuffix(".v1")
        identity = f"{self._order.key}.{kind}"
        return Event(
            id=f"{identity}.{suffix}" if suffix else identity,
            source=self._source,
            subject=subject or action_subject(self._order.key.action),
            time=self._now(),
            data=data,
        )
