"""Who could not be heard, and when: of such a worker alone a function may run on beside its successor."""

import math
import time
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class Absence:
    """`pid` is the agent's; None: of some agents, those at one of several nats-servers.

    Times are those of the machine's monotonic clock, in nanoseconds.
    """

    pid: int | None
    since: float
    until: float = math.inf

    def end(self) -> None:
        """From now on it can be heard."""
        self.until = time.monotonic_ns()


@dataclass(slots=True)
class Absences:
    """All of one drill."""

    known: list[Absence] = field(default_factory=list)

    def begin(self, pid: int | None) -> Absence:
        """From now on the agent cannot be heard, or some agents cannot."""
        absence = Absence(pid=pid, since=time.monotonic_ns())
        self.known.append(absence)
        return absence

    def of(self, pid: int, since: float, until: float) -> bool:
        """Whether this agent may have been out of touch at some time between these."""
        return any(
            absence.pid in (None, pid) and absence.since <= until and absence.until >= since
            for absence in self.known
        )
