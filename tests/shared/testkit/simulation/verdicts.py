"""What the log of a world and the folds of its runs tell of broken promises."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from flyte_bus.ports import Entry
from flyte_schemas.envelope import Event
from flyte_schemas.events import AttemptFailed, AttemptPlaced
from flyte_schemas.literals import InlineLiteral
from flyte_schemas.run import RunFold
from testkit.simulation.machine import TTL_S, Machine, described, x_of

ABORTED_WITHIN_S = 800.0
"""How soon after its parent a child has ended; late copies of old words may be on their way until then."""


def late_ends(folds: list[RunFold], peace: datetime) -> list[str]:
    """Actions that went on long after their parents had ended, and all trouble too."""
    wrongs = []
    for fold in folds:
        for name, state in fold.actions.items():
            parent = fold.get(state.requested.parent or "") if state.requested else None
            if parent is None or parent.ended_at is None or state.ended_at is None:
                continue
            late_s = (state.ended_at - max(parent.ended_at, peace)).total_seconds()
            if late_s > ABORTED_WITHIN_S:
                wrongs.append(f"{name} ended {late_s:g} s after its parent")
    return wrongs


def foreign_values(folds: list[RunFold]) -> list[str]:
    """Actions whose value is that of another call."""
    wrongs = []
    for fold in folds:
        for name, state in fold.actions.items():
            literal = (state.outputs or {}).get("o0")
            if state.requested is None or not isinstance(literal, InlineLiteral):
                continue
            wanted = described(state.requested.task.name, x_of(state.requested))
            if not literal.value.startswith(f"{wanted} by "):
                wrongs.append(f"{name} is {wanted}, and has the value {literal.value!r}")
    return wrongs


def wrongly_lost(log: Iterable[Entry], machine: Machine, written_at: Mapping[int, float]) -> list[str]:
    """Workers that counted as lost, and had been there and heard all the time."""
    found = []
    workers: dict[str, str] = {}
    for entry in log:
        match entry.content:
            case Event(data=AttemptPlaced(attempt=attempt, worker=worker)):
                workers.setdefault(f"{entry.subject}/{attempt}", worker)
            case Event(source="/executor", data=AttemptFailed(attempt=attempt, failure=failure)) if (
                failure.code == "WorkerLost"
            ):
                claimed_by = workers.get(f"{entry.subject}/{attempt}")
                lost_at = written_at[entry.sequence]
                if claimed_by is None:
                    found.append(f"{entry.subject}: attempt {attempt} was lost before anybody had it")
                elif machine.was_sound(claimed_by, lost_at - 2 * TTL_S, lost_at):
                    found.append(f"{claimed_by} was sound when it counted as lost at {lost_at:g} s")
            case _:
                pass
    return found
