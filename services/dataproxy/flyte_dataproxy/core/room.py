"""How much one place keeps: what was counted last, and what has been promised room since.

Whoever is told where to put an object has its room for as long as he may send it, whether it arrives or not:
with a bucket nobody sees the bytes. Times are in seconds.
"""

from dataclasses import dataclass, field

RECOUNT_S = 60.0
"""A count is made anew after this time at the earliest …"""
SHARE = 100.0
"""… or after so many times as long as it took: a large store is counted less often."""
FRESH_S = 5.0
"""A count of this age is good enough to say no by."""


@dataclass(slots=True)
class PlaceRoom:
    """One place; `counted_at` None: it was never counted."""

    counted: int = 0
    counted_at: float | None = None
    took_s: float = 0.0
    promised: dict[str, tuple[int, float]] = field(default_factory=dict)
    """Size by name of the object, and until when it may be sent."""

    def use(self, without: str = "") -> int:
        """Bytes that are kept or promised, but for one object."""
        return self.counted + sum(size for name, (size, _) in self.promised.items() if name != without)

    def is_due(self, now: float) -> bool:
        """Whether it is to be counted."""
        if self.counted_at is None:
            return True
        return now - self.counted_at > max(RECOUNT_S, SHARE * self.took_s)

    def is_fresh(self, now: float) -> bool:
        """Whether a count now would hardly say anything else."""
        return self.counted_at is not None and now - self.counted_at <= max(FRESH_S, SHARE * self.took_s)

    def promise(self, name: str, size: int, until: float) -> None:
        """This object may come."""
        self.promised[name] = size, until

    def count(self, kept: dict[str, int], began: float, ended: float) -> None:
        """All that is kept was listed in that time; what was promised is in it, or may still come."""
        self.promised = {
            name: (size, until)
            for name, (size, until) in self.promised.items()
            if name not in kept and until > began
        }
        self.counted = sum(kept.values())
        self.counted_at, self.took_s = ended, ended - began

    def removed(self, size: int) -> None:
        """An object is gone."""
        self.counted = max(0, self.counted - size)
