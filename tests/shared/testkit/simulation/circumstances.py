"""What a world is told by: its seed, and what was taken out of it to see what it needs to break."""

from dataclasses import dataclass

TROUBLE_S = 120.0
"""How long things go wrong, in seconds of the world."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """One world. `without` names the faults (fields of `Rates`) that do not happen in it; it has at most
    `runs` and `executors` (None: what the seed says), and trouble for `trouble_s` seconds.

    Its `repr` is Python that makes it again: a world that found a bug is kept as a test that way.
    """

    seed: int
    without: tuple[str, ...] = ()
    runs: int | None = None
    executors: int | None = None
    trouble_s: float = TROUBLE_S

    def at_most(self, drawn: int, limit: int | None) -> int:
        """What was drawn, or the limit when it is less."""
        return drawn if limit is None else min(drawn, limit)
