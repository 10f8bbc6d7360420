"""What a listing can ask for, in the words of `flyte.remote`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from flyte._binding import did_you_mean
from flyte_schemas.phase import ActionPhase

Direction = Literal["asc", "desc"]
Phases = ActionPhase | str | Sequence[ActionPhase | str] | None
"""One phase or several, each by itself or by its name or value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeFilter:
    """After and before these times; a time without a zone is the machine's."""

    after: datetime | None = None
    before: datetime | None = None

    def admits(self, time: datetime | None) -> bool:
        """Whether `time` is within; no time is within only where nothing is asked for."""
        if time is None:
            return self.after is None and self.before is None
        after, before = self.bounds
        return (after is None or time > after) and (before is None or time < before)

    @property
    def bounds(self) -> tuple[datetime | None, datetime | None]:
        """Both, with their zones."""
        return _aware(self.after), _aware(self.before)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """What a run must meet to be listed; empty fields ask for nothing."""

    in_phase: tuple[ActionPhase, ...] = ()
    task_name: str | None = None
    task_version: str | None = None
    requested_by: str | None = None
    created_at: TimeFilter = TimeFilter()
    updated_at: TimeFilter = TimeFilter()
    labels: dict[str, str] = field(default_factory=dict)
    label_keys: tuple[str, ...] = ()
    paused_only: bool = False
    search: str = ""
    order: "Order" = field(default_factory=lambda: Order())


def phases_of(given: Phases) -> tuple[ActionPhase, ...]:
    """The phases that are meant. Raises ValueError for one that does not exist."""
    if given is None:
        return ()
    return tuple(map(_phase_of, [given] if isinstance(given, str) else given))


def _phase_of(given: ActionPhase | str) -> ActionPhase:
    if isinstance(given, ActionPhase):
        return given
    known = [phase.value for phase in ActionPhase]
    if given.lower() not in known:
        raise ValueError(f"there is no phase {given!r}{did_you_mean(given.lower(), known)}")
    return ActionPhase(given.lower())


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """By which time a listing is sorted, and whether the oldest come first."""

    by: Literal["created_at", "updated_at"] = "created_at"
    ascending: bool = False


def order_of(sort_by: tuple[str, Direction] | None, *, ascending: bool = False) -> Order:
    """The order that `sort_by` asks for. Raises ValueError for one that there is not."""
    match sort_by:
        case None:
            return Order(ascending=ascending)
        case ("created_at" | "updated_at" as by, "asc" | "desc" as direction):
            return Order(by=by, ascending=direction == "asc")
        case _:
            raise ValueError(
                f'sort_by={sort_by!r} is not known: write ("created_at" or "updated_at", "asc" or "desc")'
            )


def _aware(time: datetime | None) -> datetime | None:
    return time.astimezone() if time is not None and time.tzinfo is None else time
