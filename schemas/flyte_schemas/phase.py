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
    """A condition that waits for a person's answer."""
    RECOVERED = "recovered"
    """Took the result that an action of an earlier run had given."""

    __hash__ = str.__hash__
    """A table of phases is looked into with every event; the hash of an `Enum` is slower than the table."""

    @property
    def is_terminal(self) -> bool:
        """Whether nothing can follow."""
        return self in _TERMINAL

    @property
    def is_success(self) -> bool:
        """Whether there is a result, computed or taken over."""
        return self in _SUCCESSES


_TERMINAL = frozenset(
    {
        ActionPhase.SUCCEEDED,
        ActionPhase.FAILED,
        ActionPhase.ABORTED,
        ActionPhase.TIMED_OUT,
        ActionPhase.RECOVERED,
    }
)

_SUCCESSES = frozenset({ActionPhase.SUCCEEDED, ActionPhase.RECOVERED})
