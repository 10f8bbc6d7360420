"""What the agent writes into the log of its own run."""

import platform
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

import structlog

from flyte._runtime.messages import Reported
from flyte_agent.lease import Confirm, Standing
from flyte_bus.errors import Conflict
from flyte_bus.history import read_action
from flyte_bus.ports import Bus
from flyte_schemas.action import ActionState
from flyte_schemas.envelope import AnyEvent, Event
from flyte_schemas.events import (
    AbortAction,
    ActionRequested,
    AttemptPlaced,
    AttemptReclaimed,
    AttemptReported,
    AttemptSaved,
    AttemptStarted,
    ConditionAnnounced,
    ConditionRequested,
    EventData,
    LogWritten,
    TraceFailed,
    TraceSucceeded,
)
from flyte_schemas.orders import Order
from flyte_schemas.streams import RUNS
from flyte_schemas.subjects import abort_request, action_subject, log_subject
from flyte_schemas.users import AGENT

log = structlog.get_logger()


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Appends(Protocol):
    """Where facts and output go: to the log, or to a place from where they come there in order."""

    async def append(self, event: AnyEvent, *, is_output: bool = False) -> None: ...


async def _always() -> None:
    """Who has no lease may always speak."""


class Reports:
    """Facts of one attempt, with ids that follow from the attempt: written twice, they count once.

    Facts and output go through `outbox` (None: straight to the log). What is asked of others (`request_…`) is
    written at once, after `confirm` has returned: a worker whose attempt was given away asks for nothing.
    """

    def __init__(
        self,
        bus: Bus,
        order: Order,
        pid: int,
        now: Callable[[], datetime] = _utc_now,
        *,
        worker: str = "",
        outbox: Appends | None = None,
        confirm: Confirm = _always,
    ) -> None:
        self._log = bus.log
        self._outbox = outbox
        self._confirm = confirm
        self._now = now
        self._order = order
        self._number = 0
        self._ours_at = 0
        """The last word on the action when the attempt was known to be ours."""
        self.traceparent: str | None = None
        """What the action was asked for with, once that is known."""
        self.worker = worker or f"{platform.node()}/{pid}"

    async def claim(self, *, enters: bool = False) -> bool:
        """Claim the attempt; False when another agent has it, or it is over.

        Who `enters` the user's function next, with nothing to prepare, says both in one word.
        """
        word = AttemptStarted if enters else AttemptPlaced
        event = self._event(word(attempt=self._order.attempt, worker=self.worker), self.worker)
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

    async def standing(self) -> Standing:
        """Whether the attempt is still this worker's. Raises the bus's errors."""
        last = await self._log.last(RUNS, action_subject(self._order.key.action))
        if last is not None and last.sequence == self._ours_at:
            return Standing.OURS
        state, _ = await read_action(self._log, self._order.key.action)
        return self._standing(state)

    async def reclaim(self) -> Standing:
        """Say that this worker lives and has the attempt still, if so. Raises the bus's errors."""
        while True:
            state, _ = await read_action(self._log, self._order.key.action)
            standing = self._standing(state)
            if standing is not Standing.OURS:
                return standing
            word = AttemptReclaimed(attempt=self._order.attempt, worker=self.worker)
            try:
                await self._log.append(self._event(word, str(state.version)), expected=state.version)
            except Conflict:
                continue
            log.info("agent.attempt.reclaimed", attempt=str(self._order.key))
            return standing

    async def fact(self, data: EventData) -> None:
        """Write a fact of this attempt, whatever happened meanwhile."""
        await self._write(self._event(data))

    async def output(self, chunk: LogWritten) -> None:
        """Append a chunk of output."""
        event = self._event(chunk, str(chunk.offset), subject=log_subject(self._order.key.action))
        await self._write(event, is_output=True)

    async def reported(self, report: Reported) -> None:
        """Append where the attempt's HTML report lies."""
        fact = AttemptReported(
            attempt=self._order.attempt, uri=report.uri, sha256=report.sha256, size_bytes=report.size_bytes
        )
        await self.numbered(fact)

    async def numbered(self, data: AttemptSaved) -> None:
        """Append a fact that may come again: each has a number of its own, and a later one counts."""
        self._number += 1
        numbered = data.model_copy(update={"serial": self._number})
        await self._write(self._event(numbered, str(self._number)))

    async def request_child(
        self, action: str, data: ActionRequested | ConditionRequested, traceparent: str | None = None
    ) -> None:
        """Ask for a child action, below the span that `traceparent` names.

        Raises Conflict when it was asked for before.
        """
        key = self._order.key.action.run.action(action)
        event: AnyEvent = Event(
            id=f"{key}.requested",
            source=self._source,
            subject=action_subject(key),
            time=self._now(),
            cause=f"{self._order.key}",
            traceparent=traceparent,
            data=data,
        )
        await self._confirm()
        await self._log.append(event, expected=0)

    async def record(
        self, step: str, trace: TraceSucceeded | TraceFailed, traceparent: str | None = None
    ) -> None:
        """Record a step of this attempt, below the span that `traceparent` names.

        Raises Conflict when something is recorded under its name.
        """
        key = self._order.key.action.run.action(step)
        event: AnyEvent = Event(
            id=f"{key}.traced.{self._order.attempt}",
            source=self._source,
            subject=action_subject(key),
            time=self._now(),
            cause=f"{self._order.key}",
            traceparent=traceparent,
            data=trace,
        )
        await self._confirm()
        await self._log.append(event, expected=0)

    async def announced(self, condition: str, data: ConditionAnnounced) -> None:
        """Append that the webhook of a condition was told."""
        key = self._order.key.action.run.action(condition)
        await self._log.append(self._event(data, condition, subject=action_subject(key)))

    async def request_abort(self, action: str) -> None:
        """Ask for the end of a child that was given up."""
        run = self._order.key.action.run
        event: AnyEvent = Event(
            id=f"{run.action(action)}.given-up.{self._order.attempt}",
            source=self._source,
            subject=abort_request(run, AGENT),
            time=self._now(),
            cause=f"{self._order.key}",
            data=AbortAction(action=action, reason=f"its parent, {self._order.action}, cancelled the call"),
        )
        await self._confirm()
        await self._log.append(event)

    def _standing(self, state: ActionState) -> Standing:
        mine = (self._order.attempt, self.worker)
        if (state.attempt, state.worker) != mine or (state.attempt_over and state.is_live):
            return Standing.GIVEN_AWAY
        if state.is_terminal:
            return Standing.ENDED
        self._ours_at = state.version
        return Standing.OURS

    async def _write(self, event: AnyEvent, *, is_output: bool = False) -> None:
        if self._outbox is None:
            await self._log.append(event)
        else:
            await self._outbox.append(event, is_output=is_output)

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
            traceparent=None if isinstance(data, LogWritten) else self.traceparent,
            data=data,
        )
