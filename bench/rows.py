"""One row of the table: what was measured, against what, and what is asked of it."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Figures in `unit`; `floor` is what the same machine does at best in the same run (None: no floor)."""

    what: str
    unit: str
    figures: tuple[float, ...]
    goal: str
    floor: float | None = None
    floor_is: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.figures)

    def line(self) -> str:
        """The row as printed."""
        spread = f"{min(self.figures):.4g}..{max(self.figures):.4g}" if len(self.figures) > 1 else ""
        floor = f"{self.floor:.4g}" if self.floor is not None else "—"
        ratio = f"{self.median / self.floor:.2f}" if self.floor else "—"
        figures = f"{self.median:>9.4g} {self.unit:<9} {spread:>17} {floor:>9} {ratio:>7}"
        return f"{self.what:<52} {figures}  {self.goal}"


HEADER = f"{'what':<52} {'median':>9} {'unit':<9} {'min..max':>17} {'floor':>9} {'ratio':>7}  goal"


def timed(work: Callable[[], object]) -> float:
    """How many seconds `work` takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def several(work: Callable[[], object], times: int, *, warm_up: int = 1) -> tuple[float, ...]:
    """Seconds of each of `times` runs of `work`, after some that do not count."""
    for _ in range(warm_up):
        work()
    return tuple(timed(work) for _ in range(times))
