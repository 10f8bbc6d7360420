"""The phases of an action, by the names that Flyte's users know."""

from enum import StrEnum


class ActionPhase(StrEnum):
    """Where an action stands; the root action's phase is the run's."""

    QUEUED = "queued"
    """Asked for; the executor has not placed it yet, or it waits for a retry."""
    WAITING_FOR_RESOURCES = "waiting_for_resources"
    """An attempt is open and waits for a process."""
    INITIALIZING = "initializing"
    """An agent has the attempt: it fetches the bundle and imports the code."""
    RUNNING = "running"
    """The user's function runs."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABORTED = "aborted"
    TIMED_OUT = "timed_out"
    PAUSED = "paused"
    """Waits for a person. No action is in it yet."""
    RECOVERED = "recovered"
    """Took the result of an earlier run. No action is in it yet."""

    __hash__ = str.__hash__
    """A table of phases is looked into with every event; the hash of an `Enum` is slower than the table."""

    @property
    def is_terminal(self) -> bool:
        """Whether nothing can follow."""
        return self in _TERMINAL


_TERMINAL = frozenset(
    {
        ActionPhase.SUCCEEDED,
        ActionPhase.FAILED,
        ActionPhase.ABORTED,
        ActionPhase.TIMED_OUT,
        ActionPhase.RECOVERED,
    }
)
