"""A run as a few lines of a tree, however many actions it has: what is alike is one line with counts.

Pure: a fold of the run's events and the time in, rows out. A row is one action, or a *bunch*: the children
of one action that are in one group, or that are of one task when there are `BUNCH_FROM` of them or more.
Below a large bunch stand the few of its members that a person looks for: those that failed, then those that
have run the longest. No more than `limit` rows come out, so ten thousand actions are as calm as ten.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from flyte_schemas.action import ActionState
from flyte_schemas.phase import ActionPhase
from flyte_schemas.run import RunFold
from flyte_schemas.subjects import ROOT_ACTION

BUNCH_FROM = 6
"""So many children of one task, and they are one line."""
NOTABLE = 3
"""So many members are shown below a bunch, at most."""
DEPTH = 12
"""Deeper rows are not indented further."""

_BAD = frozenset({ActionPhase.FAILED, ActionPhase.TIMED_OUT, ActionPhase.ABORTED})
_ORDER = (
    ActionPhase.FAILED,
    ActionPhase.TIMED_OUT,
    ActionPhase.ABORTED,
    ActionPhase.PAUSED,
    ActionPhase.RUNNING,
    ActionPhase.INITIALIZING,
    ActionPhase.WAITING_FOR_RESOURCES,
    ActionPhase.QUEUED,
    ActionPhase.RECOVERED,
    ActionPhase.SUCCEEDED,
)
_RANK = {phase: rank for rank, phase in enumerate(_ORDER)}

Counts = tuple[tuple[ActionPhase, int], ...]
Member = tuple[str, ActionState]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line: an action, or a bunch of `size` actions. `seconds` is how long it took, or has taken."""

    depth: int
    label: str
    phase: ActionPhase
    seconds: float = 0.0
    attempt: int = 0
    size: int = 1
    counts: Counts = ()

    @property
    def is_bunch(self) -> bool:
        return bool(self.counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A run at one moment: its rows, how many rows were left out, and all of its actions by phase."""

    rows: tuple[Row, ...]
    left_out: int
    counts: Counts
    retried: int

    @property
    def size(self) -> int:
        return sum(count for _, count in self.counts)


@dataclass(frozen=True, slots=True)
class _Bunch:
    label: str
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class _Single:
    action: str
    state: ActionState


def draw(fold: RunFold, now: datetime, limit: int) -> Picture:
    """The run as at most `limit` rows."""
    rows: list[Row] = []
    left_out = 0
    pending: list[tuple[int, _Bunch | _Single]] = []
    if fold.root.phase is not None:
        pending.append((0, _Single(ROOT_ACTION, fold.root)))
    while pending:
        depth, item = pending.pop()
        if len(rows) >= limit:
            left_out = 1 + len(pending)
            break
        rows.append(_row(item, depth, now))
        below = _below(fold, item)
        pending.extend((min(depth + 1, DEPTH), one) for one in reversed(below))
    return Picture(
        rows=tuple(rows),
        left_out=left_out,
        counts=counts_of(fold.actions.values()),
        retried=sum(state.attempt > 1 for state in fold.actions.values()),
    )


def counts_of(states: Iterable[ActionState]) -> Counts:
    """How many there are in each phase: what failed first, what succeeded last."""
    found = Counter(state.phase for state in states if state.phase is not None)
    return tuple((phase, found[phase]) for phase in _ORDER if found[phase])


def _row(item: _Bunch | _Single, depth: int, now: datetime) -> Row:
    if isinstance(item, _Single):
        return Row(
            depth=depth,
            label=_label(item.action, item.state),
            phase=item.state.phase or ActionPhase.QUEUED,
            seconds=_seconds(item.state, now),
            attempt=item.state.attempt,
        )
    counts = counts_of(state for _, state in item.members)
    return Row(
        depth=depth,
        label=item.label,
        phase=counts[0][0] if counts else ActionPhase.QUEUED,
        seconds=_span(item.members, now),
        size=len(item.members),
        counts=counts,
    )


def _below(fold: RunFold, item: _Bunch | _Single) -> Sequence[_Bunch | _Single]:
    if isinstance(item, _Single):
        return list(_bunches(fold.children(item.action)))
    if len(item.members) < BUNCH_FROM:
        return [_Single(*member) for member in item.members]
    notable = [member for member in item.members if _is_notable(member[1])]
    notable.sort(key=_by_notability)
    return [_Single(*member) for member in notable[:NOTABLE]]


def _bunches(children: Iterator[Member]) -> Iterator[_Bunch | _Single]:
    """The children of one action, in the order in which the first of each kind was asked for."""
    found: dict[tuple[str | None, str], list[Member]] = {}
    for action, state in sorted(children, key=lambda member: _asked(member[1])):
        group = state.group
        found.setdefault((group, "" if group else _kind(state)), []).append((action, state))
    for (group, task), members in found.items():
        if group or len(members) >= BUNCH_FROM:
            yield _Bunch(group or task, tuple(members))
        else:
            yield from (_Single(*member) for member in members)


def _is_notable(state: ActionState) -> bool:
    is_under_way = state.phase in (ActionPhase.RUNNING, ActionPhase.PAUSED)
    return state.phase in _BAD or is_under_way or (state.is_live and state.attempt > 1)


def _by_notability(member: Member) -> tuple[int, float]:
    state = member[1]
    return _RANK[state.phase or ActionPhase.QUEUED], _asked(state)


def _asked(state: ActionState) -> float:
    return state.requested_at.timestamp() if state.requested_at else 0.0


def task_name(state: ActionState) -> str:
    """The name of an action's function, without environment or module; empty while nobody knows it."""
    return (state.task_name or "").rpartition(".")[2]


def _kind(state: ActionState) -> str:
    return "conditions" if state.condition is not None else task_name(state)


def _label(action: str, state: ActionState) -> str:
    """A task by its name; a condition by its own, and by what it asks while it waits."""
    if state.condition is not None and state.phase is ActionPhase.PAUSED:
        return f"{action}: {state.condition.prompt.partition(chr(10))[0]}"
    return task_name(state) or action


def _seconds(state: ActionState, now: datetime) -> float:
    start = state.started_at or state.requested_at
    return max(0.0, ((state.ended_at or now) - start).total_seconds()) if start else 0.0


def _span(members: Sequence[Member], now: datetime) -> float:
    """From the first request of a bunch to its last end, or until now."""
    starts = [state.requested_at for _, state in members if state.requested_at]
    ends = [state.ended_at for _, state in members if state.ended_at]
    end = max(ends) if len(ends) == len(members) else now
    return max(0.0, (end - min(starts)).total_seconds()) if starts else 0.0
