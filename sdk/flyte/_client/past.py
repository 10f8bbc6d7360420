"""A run as it was: the fold of its log up to one point, which is a sequence or a time.

A point cuts the log, so what is seen did really stand there. At a time that is before the first event that
is later: a word that an agent could only bring when the bus was back counts from when it came.
"""

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flyte._client.phases import unknown
from flyte_bus.ports import Bus
from flyte_schemas.action import ActionState
from flyte_schemas.envelope import AnyEvent, Malformed
from flyte_schemas.imported import RunImported
from flyte_schemas.run import RunFold
from flyte_schemas.streams import RUNS
from flyte_schemas.subjects import ROOT_ACTION, RunKey, parse_action, run_filter

Point = int | datetime | None
"""A sequence of the log, a time, or None: the end of the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One event of a run. `clock` is how late it was when it came: the latest time said until then."""

    action: str
    event: AnyEvent
    sequence: int
    clock: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A run as the log had it at `sequence`; `time` is when that was, and what durations are counted to."""

    run: RunKey
    fold: RunFold
    events: int
    sequence: int
    time: datetime

    def to_dict(self) -> dict[str, Any]:
        """The picture as JSON data."""
        states = self.fold.actions.values()
        counts = Counter(state.phase.value for state in states if state.phase is not None)
        return {
            "name": self.run.run,
            "project": self.run.project,
            "domain": self.run.domain,
            "as_of": {"sequence": self.sequence, "time": self.time.isoformat()},
            "phase": self.fold.phase.value if self.fold.phase else None,
            "is_settled": self.fold.is_settled,
            "events": self.events,
            "counts": dict(sorted(counts.items())),
            "actions": [
                _document(name, state, self.time)
                for name, state in self.fold.actions.items()
                if state.phase is not None
            ],
        }


async def tell(bus: Bus, run: RunKey) -> AsyncGenerator[Told]:
    """What happened to a run, one event after the other: not that it was imported, which was later."""
    clock = datetime.min.replace(tzinfo=UTC)
    async with aclosing(bus.log.read(RUNS, run_filter(run))) as entries:
        async for entry in entries:
            place = parse_action(entry.subject)
            if place is None or isinstance(entry.content, Malformed):
                continue
            if isinstance(entry.content.data, RunImported):
                continue
            clock = max(clock, entry.content.time)
            yield Told(action=place.action, event=entry.content, sequence=entry.sequence, clock=clock)


async def read_past(bus: Bus, run: RunKey, at: Point = None) -> Past:
    """The run as it was `at` a point. A picture of the end of a log that goes on is one of now.

    Raises LookupError for a run that the log does not have, ValueError for a point that is not in its log;
    the bus's errors.
    """
    fold, events, first, last, beyond = RunFold(), 0, None, None, False
    async with aclosing(tell(bus, run)) as story:
        async for told in story:
            first = first or told
            beyond = _is_after(told, at)
            if beyond:
                break
            fold.apply(told.action, told.event, told.sequence)
            last, events = told, events + 1
    if first is None:
        raise LookupError(unknown(run.action(ROOT_ACTION)))
    if last is None:
        raise ValueError(_too_early(run, at, first))
    if isinstance(at, int) and not beyond and at > last.sequence:
        raise ValueError(f"run {run.run} ends at sequence {last.sequence} of the log: {at} is after it")
    now = datetime.now(UTC)
    match at:
        case datetime():
            time = min(at, now)
        case None if not fold.is_settled:
            time = now
        case _:
            time = last.clock
    return Past(run=run, fold=fold, events=events, sequence=last.sequence, time=time.astimezone(UTC))


def _is_after(told: Told, at: Point) -> bool:
    match at:
        case int():
            return told.sequence > at
        case datetime():
            return told.event.time > at
        case None:
            return False


def _too_early(run: RunKey, at: Point, first: Told) -> str:
    began = f"{first.event.time.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3]
    shown = at.isoformat() if isinstance(at, datetime) else at
    return f"run {run.run} began at sequence {first.sequence} of the log, {began}Z: {shown} is before it"


def _document(name: str, state: ActionState, now: datetime) -> dict[str, Any]:
    start, failure = state.started_at or state.requested_at, state.failure
    return {
        "name": name,
        "parent": state.parent,
        "group": state.group,
        "task": state.task_name,
        "version": state.requested.task.version if state.requested else None,
        "phase": state.phase.value if state.phase else None,
        "attempt": state.attempt,
        "worker": state.worker,
        "waiting": state.waiting,
        "requested_at": _moment(state.requested_at),
        "started_at": _moment(state.started_at),
        "ended_at": _moment(state.ended_at),
        "seconds": max(0.0, ((state.ended_at or now) - start).total_seconds()) if start else 0.0,
        "error": {"code": failure.code, "message": failure.message} if failure else None,
        "abort_reason": state.abort_reason,
        "cached_from": state.cached_from,
        "recovered_from": state.recovered_from,
    }


def _moment(time: datetime | None) -> str | None:
    return time.astimezone(UTC).isoformat() if time else None
