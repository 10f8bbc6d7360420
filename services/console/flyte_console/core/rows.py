"""A run as the page draws it: one row an action, in the order in which the rows changed last.

A row is small, so that ten thousand are one answer; it holds when the action entered which phase, so that the
page can draw any moment of the run. Of a state only what the fold needs is kept beside it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flyte_schemas.action import ActionState, evolve
from flyte_schemas.envelope import AnyEvent
from flyte_schemas.events import AttemptFailed, AttemptSucceeded
from flyte_schemas.phase import ActionPhase

Stay = tuple[int, int, str, int]
"""A phase that was entered: where the log says so, when (ms since the epoch), which, in which attempt."""

_NOTHING = ActionState()
_OVER = ActionState()
"""Stands for any action that has ended: nothing that comes can change it."""


@dataclass(slots=True)
class Row:
    """One action. `tick` and `stamp` say when the row changed last (see `RunRows`)."""

    name: str
    kind: str = "task"
    parent: str | None = None
    task: str = ""
    group: str | None = None
    phase: str = ActionPhase.QUEUED.value
    attempt: int = 0
    requested_at_ms: int = 0
    history: list[Stay] = field(default_factory=list)
    ended_at_ms: int | None = None
    failure_code: str | None = None
    cached: bool = False
    recovered_from: str | None = None
    has_report: bool = False
    tick: int = 0
    stamp: int = 0

    def values(self) -> list[Any]:
        """What the page is told, in the order of `COLUMNS`."""
        return [getattr(self, name) for name in COLUMNS]


COLUMNS = tuple(name for name in Row.__slots__ if name not in ("tick", "stamp"))


class RunRows:
    """The rows of one run, fed with its events.

    Who follows asks for the rows that changed after a tick, which counts the changes. Who comes back names
    the sequence that he was told last. A row's stamp is the highest sequence that was known when it changed,
    doubled; what came late, behind a gap that had to be filled, is one more: he was not told of it yet.
    """

    def __init__(self) -> None:
        self._states: dict[str, ActionState] = {}
        self._live = 0
        self._rows: dict[str, Row] = {}
        self._ends: dict[tuple[str, int], int | None] = {}
        self.tick = 0
        """How many changes there were."""
        self.as_of = 0

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def is_settled(self) -> bool:
        """Whether every action has ended."""
        return bool(self._rows) and not self._live

    def row(self, action: str) -> Row | None:
        """The row of one action."""
        return self._rows.get(action)

    def has_ended(self, action: str) -> bool:
        return self._states.get(action, _NOTHING) is _OVER

    def ends(self) -> dict[tuple[str, int], int | None]:
        """How many bytes each attempt that is over has printed, by action and attempt (None: unknown)."""
        return self._ends

    def apply(self, action: str, event: AnyEvent, sequence: int) -> None:
        """Take in one event; one that comes again changes nothing."""
        is_late = sequence < self.as_of
        if not is_late:
            self.as_of = sequence
        before = self._states.get(action, _NOTHING)
        if before is _OVER or sequence <= before.version:
            return
        after = evolve(before, event, sequence)
        if after.phase is None:
            self._states[action] = after  # a word that comes before its request
            return
        row = self._rows.pop(action, None) or self._begun(action, after)
        self._rows[action] = row  # at the end: it changed last
        self.tick += 1
        row.tick, row.stamp = self.tick, 2 * self.as_of + is_late
        _fill(row, before, after, event, sequence)
        if isinstance(event.data, (AttemptSucceeded, AttemptFailed)):
            self._ends.setdefault((action, event.data.attempt), event.data.log_end)
        self._keep(action, after, row)

    def skip(self, sequence: int) -> None:
        """Take note of a message that nobody can read."""
        self.as_of = max(self.as_of, sequence)

    def changed_after(self, tick: int, limit: int) -> list[Row]:
        """The rows that changed after a tick, the oldest change first, and the first of them only."""
        found = []
        for row in reversed(self._rows.values()):
            if row.tick <= tick:
                break
            found.append(row)
        found.reverse()
        return found[:limit]

    def tick_of(self, sequence: int) -> int:
        """The tick up to which somebody knows all changes who was told this sequence last."""
        for row in reversed(self._rows.values()):
            if row.stamp <= 2 * sequence:
                return row.tick
        return 0

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows.values())

    def _begun(self, action: str, state: ActionState) -> Row:
        """The row of an action that was just asked for."""
        kind = "condition" if state.condition else "trace" if state.traced else "task"
        row = Row(action, kind, state.parent, state.task_name or "", state.group)
        if state.requested_at is not None:
            row.requested_at_ms = milliseconds(state.requested_at)
        self._live += 1
        return row

    def _keep(self, action: str, after: ActionState, row: Row) -> None:
        """Keep of the state what the next event needs: the row has the rest, and the log the values."""
        if row.ended_at_ms is not None:
            self._states[action] = _OVER
            self._live -= 1
        elif after.requested is not None or after.failure is not None:
            self._states[action] = after._replace(requested=None, failure=None)
        else:
            self._states[action] = after


def milliseconds(time: datetime) -> int:
    """Since the epoch."""
    return int(time.timestamp() * 1000)


def _fill(row: Row, before: ActionState, after: ActionState, event: AnyEvent, sequence: int) -> None:
    """Bring a row up to the state after an event."""
    phase = after.phase
    assert phase is not None
    at_ms = milliseconds(event.time)
    if phase is not before.phase or after.attempt != before.attempt:
        if before.phase is None and after.traced is not None:
            row.history.append((sequence, row.requested_at_ms, ActionPhase.RUNNING.value, 0))
        row.history.append((sequence, at_ms, phase.value, after.attempt))
        row.phase, row.attempt = phase.value, after.attempt
    if after.failure is not None:
        row.failure_code = after.failure.code
    if after.reports:
        row.has_report = True
    if phase.is_terminal:
        row.ended_at_ms = at_ms
        row.cached = bool(after.cached_from)
        row.recovered_from = after.recovered_from or None
        if phase.is_success:
            row.failure_code = None
