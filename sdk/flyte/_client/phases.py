"""How an action came to where it stands: its state, and the phases that it was in, with their times."""

from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from flyte.errors import ActionNotFoundError
from flyte_bus.ports import Bus
from flyte_schemas.action import ActionState, evolve
from flyte_schemas.envelope import AnyEvent, Malformed
from flyte_schemas.phase import ActionPhase
from flyte_schemas.streams import RUNS
from flyte_schemas.subjects import ActionKey, RunKey, action_subject, parse_action, run_filter


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseTransitionInfo:
    """A stay in one phase; `end` is None while it lasts. `attempt` counts from 1."""

    phase: ActionPhase
    start: datetime
    end: datetime | None
    attempt: int

    @property
    def duration(self) -> timedelta:
        """How long it lasted, or has lasted until now."""
        return (self.end or datetime.now(UTC)) - self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """An action's state and how it came there; all that the log had up to `as_of` is in it."""

    state: ActionState
    transitions: tuple[PhaseTransitionInfo, ...]
    as_of: int = 0


class _Telling:
    """An action's history, told event by event."""

    def __init__(self) -> None:
        self.state = ActionState()
        self.stays: list[PhaseTransitionInfo] = []

    def hear(self, event: AnyEvent, sequence: int) -> None:
        before, self.state = self.state, evolve(self.state, event, sequence)
        state, at = self.state, event.time
        if state.phase is None or (state.phase, state.attempt) == (before.phase, before.attempt):
            return
        if self.stays:
            self.stays[-1] = replace(self.stays[-1], end=at)
        end = at if state.is_terminal else None
        self.stays.append(
            PhaseTransitionInfo(phase=state.phase, start=at, end=end, attempt=max(1, state.attempt))
        )

    def history(self, as_of: int) -> History:
        return History(state=self.state, transitions=tuple(self.stays), as_of=max(as_of, self.state.version))


async def read_history(bus: Bus, key: ActionKey, as_of: int | None = None) -> History:
    """What the log says of an action now. Raises ActionNotFoundError when it says nothing.

    `as_of` is a place in the log that is known to be reached; without it, the log is asked for its end.
    """
    if as_of is None:
        as_of = await bus.log.last_sequence(RUNS)
    told = _Telling()
    async with aclosing(bus.log.read(RUNS, action_subject(key))) as entries:
        async for entry in entries:
            if not isinstance(entry.content, Malformed):
                told.hear(entry.content, entry.sequence)
    if told.state.phase is None:
        raise ActionNotFoundError(unknown(key))
    return told.history(as_of)


async def read_histories(bus: Bus, run: RunKey) -> dict[str, History]:
    """The same of all actions of a run, by name, in the order in which they were asked for: one read."""
    as_of = await bus.log.last_sequence(RUNS)
    told: dict[str, _Telling] = {}
    async with aclosing(bus.log.read(RUNS, run_filter(run))) as entries:
        async for entry in entries:
            place = parse_action(entry.subject)
            if place is not None and not isinstance(entry.content, Malformed):
                told.setdefault(place.action, _Telling()).hear(entry.content, entry.sequence)
    last = max((one.state.version for one in told.values()), default=0)
    return {name: one.history(max(as_of, last)) for name, one in told.items()}


def unknown(key: ActionKey) -> str:
    """One sentence on an action that the log does not have."""
    place = f"{key.run.project}/{key.run.domain}"
    if key.is_root:
        return f"the log has no run {key.run.run!r} in {place}: `flyte get run` lists them"
    run = key.run.run
    return (
        f"the log has no action {key.action!r} of run {run!r} in {place}: `flyte get action {run}` lists them"
    )


def last_change(state: ActionState) -> datetime | None:
    """When it ended; until then when it began to run, or was asked for."""
    return state.ended_at or state.started_at or state.requested_at
