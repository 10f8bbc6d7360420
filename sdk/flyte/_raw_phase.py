"""The phases of an action as numbers."""

from enum import IntEnum

from flyte_schemas.phase import ActionPhase


class RawPhase(IntEnum):
    """The phases by the numbers that programs of Flyte's users compare with."""

    UNSPECIFIED = 0
    QUEUED = 1
    WAITING_FOR_RESOURCES = 2
    INITIALIZING = 3
    RUNNING = 4
    SUCCEEDED = 5
    FAILED = 6
    ABORTED = 7
    TIMED_OUT = 8
    PAUSED = 9
    RECOVERED = 10


def raw(phase: ActionPhase) -> RawPhase:
    """The number of a phase."""
    return RawPhase[phase.name]
