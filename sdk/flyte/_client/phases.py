"""How an action came to where it stands: its state, and the phases that it was in, with their times."""

from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from flyte.errors import ActionNotFoundError
from flyte_bus.ports import Bus
from flyte_schemas.action import ActionState, evolve
from flyte_schemas.envelope import Malformed
from flyte_schemas.phase import ActionPhase
from flyte_schemas.streams import RUNS
from flyte_schemas.subjects import ActionKey, action_subject


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


async def read_history(bus: Bus, key: ActionKey, as_of: int | None = None) -> History:
    """What the log says of an action now. Raises ActionNotFoundError when it says nothing.

    `as_of` is a place in the log that is known to be reached; without it, the log is asked for its end.
    """
    if as_of is None:
        as_of = await bus.log.last_sequence(RUNS)
    state, stays = ActionState(), list[PhaseTransitionInfo]()
    async with aclosing(bus.log.read(RUNS, action_subject(key))) as entries:
        async for entry in entries:
            if isinstance(entry.content, Malformed):
                continue
            before, state = state, evolve(state, entry.content, entry.sequence)
            at = entry.content.time
            if state.phase is None or (state.phase, state.attempt) == (before.phase, before.attempt):
                continue
            if stays:
                stays[-1] = replace(stays[-1], end=at)
            end = at if state.is_terminal else None
            stays.append(
                PhaseTransitionInfo(phase=state.phase, start=at, end=end, attempt=max(1, state.attempt))
            )
    if state.phase is None:
        raise ActionNotFoundError(unknown(key))
    return History(state=state, transitions=tuple(stays), as_of=max(as_of, state.version))


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
