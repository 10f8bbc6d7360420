"""Who hears what where: each event type, and the stream whose subjects it is said on."""

from flyte_schemas.events import EventData
from flyte_schemas.streams import (
    LOGS,
    NOTICES,
    REJECTED,
    REQUESTS,
    RUNS,
    TASKS,
    TIMERS,
    TRIGGERS,
    StreamSpec,
)
from flyte_schemas.vocabulary import DATA_TYPES

_FAMILIES: dict[str, StreamSpec] = {
    "task": TASKS,
    "run": RUNS,
    "action": RUNS,
    "attempt": RUNS,
    "trace": RUNS,
    "condition": RUNS,
    "log": LOGS,
    "request": REQUESTS,
    "timer": TIMERS,
    "message": REJECTED,
    "trigger": TRIGGERS,
    "notification": NOTICES,
}
"""The second word of a type says what it is about, and so where it is said."""


def stream_of(data: type[EventData]) -> StreamSpec:
    """The stream that holds the events of a type."""
    return _FAMILIES[data.TYPE.split(".")[1]]


def types_on(stream: StreamSpec) -> tuple[type[EventData], ...]:
    """The event types that a stream holds."""
    return tuple(data for data in DATA_TYPES if stream_of(data) is stream)


SUBSCRIBED_TYPES = (*types_on(RUNS), *types_on(TASKS))
"""The types of the public stream: what happens to runs and to tasks."""
