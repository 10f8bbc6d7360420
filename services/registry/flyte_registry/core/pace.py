"""How fast a stream is read, and how long the rest will take."""

from collections import deque
from dataclasses import dataclass, field

WINDOW_S = 10.0
"""The rate is that of so many seconds."""
SAMPLE_S = 0.5


@dataclass(slots=True)
class Pace:
    """Where reading was at some moments of late; times in seconds on any one clock."""

    _samples: deque[tuple[float, int]] = field(default_factory=deque)

    def note(self, now: float, as_of: int) -> None:
        """Reading has come to `as_of`."""
        if self._samples and now - self._samples[-1][0] < SAMPLE_S:
            return
        self._samples.append((now, as_of))
        while len(self._samples) > 2 and now - self._samples[1][0] >= WINDOW_S:
            self._samples.popleft()

    def per_s(self, now: float, as_of: int) -> float:
        """Events a second of late; 0 when nothing moved."""
        if not self._samples:
            return 0.0
        then, began = self._samples[0]
        return max(0, as_of - began) / (now - then) if now > then else 0.0


def eta_s(left: int, per_s: float) -> float | None:
    """How long `left` events will take; None when nobody can tell."""
    if left <= 0:
        return 0.0
    return left / per_s if per_s > 0 else None


def in_words(stream: str, as_of: int, end: int, per_s: float) -> str:
    """How far reading is, as a part of a sentence."""
    said = f"it has read {as_of:,} of {end:,} events of {stream}"
    eta = eta_s(end - as_of, per_s)
    return f"{said}, {per_s:,.0f} a second, some {eta:,.0f} s to go" if eta is not None else said
