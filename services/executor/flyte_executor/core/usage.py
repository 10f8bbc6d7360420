"""What runs have written into the log and printed: by run, and by project and domain for each day of UTC."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from flyte_executor.core.lines import place_of
from flyte_schemas.failure import Failure
from flyte_schemas.limits import Limits, Place, too_many_bytes
from flyte_schemas.subjects import RunKey

MOST_RUNS = 2_000
"""Of so many runs at most, those that have written most, a record keeps what they have."""


@dataclass(slots=True)
class Use:
    """Bytes of one kind: `event` or `log`."""

    kind: str
    today: Counter[Place] = field(default_factory=Counter)
    of_run: Counter[RunKey] = field(default_factory=Counter)

    def add(self, run: RunKey, size: int) -> None:
        self.today[place_of(run)] += size
        self.of_run[run] += size

    def keep(self, lives: Callable[[RunKey], bool]) -> None:
        """Forget the runs that have ended."""
        for run in [run for run in self.of_run if not lives(run)]:
            del self.of_run[run]

    def over(self, run: RunKey, limits: Limits) -> Failure | None:
        """Why a run may not go on. It may write at most what its whole project may in a day."""
        use = self.of_run[run]
        allowed = limits.allows(what := f"{self.kind}_bytes_per_run")
        if allowed is None:
            allowed = limits.allows(f"{self.kind}_bytes_per_day")
        if allowed is None or use <= allowed:
            return None
        return too_many_bytes(what, place_of(run), use, int(allowed))

    def over_today(self, place: Place, limits: Limits) -> Failure | None:
        """Why a new run may not begin."""
        allowed, use = limits.allows(what := f"{self.kind}_bytes_per_day"), self.today[place]
        if allowed is None or use < allowed:
            return None
        return too_many_bytes(what, place, use, int(allowed))


class Usage:
    """What is known of all runs. `as_of` is the sequence of RUNS up to which events were counted.

    Each executor reads all of the log, so each counts the same.
    """

    def __init__(self) -> None:
        self.day = ""
        self.as_of = 0
        self.events = Use("event")
        self.logs = Use("log")

    def begin_day(self, day: str) -> None:
        """It is this day (`2026-05-01`) now; a clock that goes back changes nothing."""
        if day > self.day:
            self.day = day
            self.events.today.clear()
            self.logs.today.clear()

    def wrote(self, run: RunKey, size: int, sequence: int) -> None:
        """An event of a run stands in the log; one that was counted before is not counted again."""
        if sequence > self.as_of:
            self.as_of = sequence
            self.events.add(run, size)

    def over(self, run: RunKey, limits: Limits) -> Failure | None:
        """Why a run may not go on."""
        return self.events.over(run, limits) or self.logs.over(run, limits)

    def over_today(self, place: Place, limits: Limits) -> Failure | None:
        """Why a new run may not begin."""
        return self.events.over_today(place, limits) or self.logs.over_today(place, limits)

    # -- as a document -------------------------------------------------------------------------------------

    def document(self) -> dict[str, Any]:
        """The counts of events as JSON data. Those of what was printed have a record of their own."""
        return {"as_of": self.as_of, **record(self.day, self.events)}

    def restore(self, document: dict[str, Any]) -> None:
        """Take over what was counted in an earlier life. Raises ValueError, KeyError or TypeError."""
        self.as_of = int(document["as_of"])
        self.day = take(document, self.events)


def record(day: str, use: Use) -> dict[str, Any]:
    """One kind of bytes as JSON data."""
    return {
        "day": day,
        "today": {".".join(place): size for place, size in use.today.items()},
        "runs": {".".join(run): size for run, size in use.of_run.most_common(MOST_RUNS)},
    }


def take(document: dict[str, Any], use: Use) -> str:
    """Put what a record says in place of what is known; its day. Raises ValueError, KeyError or TypeError."""
    today = Counter({Place(*_split(name, 2)): int(size) for name, size in document["today"].items()})
    of_run = Counter({RunKey(*_split(name, 3)): int(size) for name, size in document["runs"].items()})
    use.today, use.of_run = today, of_run
    return str(document["day"])


def _split(name: str, parts: int) -> Iterator[str]:
    words = name.split(".")
    if len(words) != parts:
        raise ValueError(f"{name!r} does not have {parts} parts")
    return iter(words)
