"""Numbers that a process keeps of itself: counts, spreads of durations, and what can be looked up.

Every connection to the bus has a `Meter` (`Bus.meter`), in which the bus counts, and the service on it too;
who serves `/metrics` (`flyte_bus.metrics`) reads it. To count costs an addition: a caller holds its cell, and
knows nothing of labels, locks or text. All of it is for one event loop, and is read there.

Names are Prometheus': `flyte_<part>_<what>_<unit>`, counters end with `_total`, units are seconds and bytes.
A label has few values, known beforehand: no run, no action, no project.
"""

from bisect import bisect_left
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Literal

QUICK_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Bounds for what should take milliseconds."""
PATIENT_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 1800.0)
"""Bounds for what may have to wait for others."""

Kind = Literal["counter", "gauge", "histogram"]
Values = Mapping[tuple[str, ...], float]
"""A number for each set of the values of labels, in their order."""


class Count:
    """One number that grows; where it is hot, add to `value` itself."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def add(self, amount: float = 1.0) -> None:
        self.value += amount


class Spread:
    """How often values fell below which bound, and their sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def since(self, began: float) -> None:
        """Add the seconds since that moment of `time.perf_counter`."""
        self.add(perf_counter() - began)


@dataclass(slots=True)
class Family:
    """All cells of one name."""

    name: str
    kind: Kind
    about: str
    labels: tuple[str, ...]


@dataclass(slots=True)
class Counters(Family):
    """Counts by label."""

    cells: dict[tuple[str, ...], Count] = field(default_factory=dict)

    def child(self, *values: str) -> Count:
        """The count of these values: ask once, and hold it."""
        return self.cells.setdefault(values, Count())


@dataclass(slots=True)
class Spreads(Family):
    """Spreads by label."""

    bounds: tuple[float, ...] = QUICK_S
    cells: dict[tuple[str, ...], Spread] = field(default_factory=dict)

    def child(self, *values: str) -> Spread:
        """The spread of these values: ask once, and hold it."""
        found = self.cells.get(values)
        if found is None:
            found = self.cells[values] = Spread(self.bounds)
        return found


@dataclass(slots=True)
class Gauges(Family):
    """What is looked up when somebody asks."""

    read: Callable[[], Values] = dict


class Meter:
    """The numbers of one connection. `service` is whose it is, and a label of what the bus counts."""

    def __init__(self, service: str = "") -> None:
        self.service = service
        self.families: dict[str, Counters | Spreads | Gauges] = {}
        self.looks: list[Callable[[], Awaitable[None]]] = []

    def counter(self, name: str, about: str, *labels: str) -> Counters:
        """The counts of this name; the same ones for whoever names them again."""
        known = self.families.get(name)
        if known is None:
            known = self.families[name] = Counters(name, "counter", about, labels)
        assert isinstance(known, Counters) and known.labels == labels
        return known

    def histogram(self, name: str, about: str, *labels: str, bounds: tuple[float, ...] = QUICK_S) -> Spreads:
        """The spreads of this name; the same ones for whoever names them again."""
        known = self.families.get(name)
        if known is None:
            known = self.families[name] = Spreads(name, "histogram", about, labels, bounds)
        assert isinstance(known, Spreads) and known.labels == labels
        return known

    def gauge(self, name: str, about: str, *labels: str, read: Callable[[], Values]) -> None:
        """Have `read` called for each page; what it leaves out is not shown."""
        self.families[name] = Gauges(name, "gauge", about, labels, read)

    def number(self, name: str, about: str, read: Callable[[], float | None]) -> None:
        """A gauge without labels; None: it is not known now."""

        def values() -> Values:
            now = read()
            return {} if now is None else {(): now}

        self.gauge(name, about, read=values)

    def look_first(self, look: Callable[[], Awaitable[None]]) -> None:
        """Have this done before each page: what a gauge shows may have to be asked for."""
        self.looks.append(look)
