"""The scheduler's limits; every one has its unit in its name."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

SERVICE = "scheduler"
"""The service's name: of its consumers, its endpoint, its events' source."""

Now = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerSettings:
    """What a scheduler takes on at once, and how long it lets things rest."""

    ack_wait_s: float = 10.0
    """When a timer or a request that a scheduler took and never settled goes to another one."""
    patrol_s: float = 30.0
    """How often it is looked for an instant whose timer was lost."""
    max_looks: int = 16
    """Triggers that are looked at side by side."""
    max_decisions: int = 20
    """How often one word is decided anew because somebody else wrote first."""
    ready_patience_s: float = 0.8
    """How long the triggers may lag behind the log before the scheduler says that it is not ready."""
