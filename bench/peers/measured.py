"""What was measured of one system: figures in rounds, notes, or the reason why there are none."""

import json
import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field

CHILD, STEP, IDLE, HELP, IMPORT, PACE = "child", "step", "idle", "help", "import", "pace"


def fan_out(size: int) -> str:
    """The name of the figure of so many children at once."""
    return f"fan-out {size}"


@dataclass(frozen=True, slots=True)
class Figure:
    """Samples of each round: of many calls in turn, or one."""

    rounds: tuple[tuple[float, ...], ...]

    @property
    def medians(self) -> list[float]:
        """One for each round."""
        return [statistics.median(samples) for samples in self.rounds]

    @property
    def median(self) -> float:
        return statistics.median(self.medians)

    @property
    def late(self) -> float | None:
        """The 99th percentile of all samples; None where they are too few to tell."""
        samples = sorted(sample for samples in self.rounds for sample in samples)
        return samples[int(0.99 * len(samples))] if len(samples) >= 100 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One system; `failure` says what is missing and why, "" if nothing is."""

    title: str
    durable: str
    versions: str
    figures: dict[str, Figure] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    failure: str = ""

    def as_json(self) -> dict[str, object]:
        """For `json.dumps`, with what the table shows and all that it was made of."""
        return {
            "title": self.title,
            "durable": self.durable,
            "versions": self.versions,
            "failure": self.failure,
            "notes": self.notes,
            "figures": {
                name: {"median": figure.median, "p99": figure.late, "rounds": figure.rounds}
                for name, figure in self.figures.items()
            },
        }


@dataclass(frozen=True, slots=True)
class Told:
    """What a program has told: figures, notes, and why there are no more."""

    figures: dict[str, Figure]
    notes: tuple[str, ...] = ()
    failure: str = ""


def read(lines: Iterable[str]) -> Told:
    """The lines that a program has printed; what is not JSON of its kind is passed over."""
    rounds: dict[str, list[tuple[float, ...]]] = {}
    notes: list[str] = []
    failure = ""
    for line in lines:
        match _document(line):
            case {"figure": str(name), "samples": [_, *_] as samples}:
                rounds.setdefault(name, []).append(tuple(float(sample) for sample in samples))
            case {"note": str(note)}:
                notes.append(note)
            case {"failure": str(why)}:
                failure = why
    return Told({name: Figure(tuple(each)) for name, each in rounds.items()}, tuple(notes), failure)


def _document(line: str) -> object:
    try:
        return json.loads(line)
    except ValueError:
        return None
