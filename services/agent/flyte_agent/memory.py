"""What memory had to do with the end of a process: pure."""

from dataclasses import dataclass
from typing import Self

from flyte._runtime.memory import MemoryLimits, size_text

NEAR = 0.9
"""Of a limit: who held that much when somebody killed it was killed for it."""
LARGE = 0.1
"""Of the machine's memory: who held that much may be whom the machine's kernel chose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryUse:
    """The most that a process held, and the limit that it had, in bytes (None: unknown).

    `is_of_machine` says that the limit is the machine's own memory. The kills are those for memory within the
    life of the process: in its cgroup, and on the whole machine, where other people's containers count too.
    """

    peak_bytes: int
    limit_bytes: int | None = None
    is_of_machine: bool = False
    cgroup_kills: int = 0
    machine_kills: int = 0

    @classmethod
    def between(cls, before: MemoryLimits, after: MemoryLimits, *, peak_bytes: int) -> Self:
        """What follows from the limits and counters before and after the life of a process."""
        limits = [size for size in (after.cgroup_bytes, after.machine_bytes) if size is not None]
        limit = min(limits, default=None)
        return cls(
            peak_bytes=peak_bytes,
            limit_bytes=limit,
            is_of_machine=limit is not None and limit != after.cgroup_bytes,
            cgroup_kills=_more(before.cgroup_kills, after.cgroup_kills),
            machine_kills=_more(before.machine_kills, after.machine_kills),
        )

    @property
    def ran_out(self) -> bool:
        """Whether a process that somebody killed was killed for its memory."""
        if self.cgroup_kills:
            return True
        if self.limit_bytes is None:
            return False
        chosen = self.is_of_machine and self.machine_kills and self.peak_bytes >= LARGE * self.limit_bytes
        return bool(chosen) or self.peak_bytes >= NEAR * self.limit_bytes

    def __str__(self) -> str:
        held = f"it held {size_text(self.peak_bytes)} at its peak"
        if self.limit_bytes is None:
            return held
        whose = "the machine has" if self.is_of_machine else "the limit of its cgroup is"
        return f"{held}, and {whose} {size_text(self.limit_bytes)}"


def _more(before: int | None, after: int | None) -> int:
    return max(0, after - before) if before is not None and after is not None else 0
