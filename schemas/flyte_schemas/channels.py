"""Who hears what where: each event type, and the stream whose subjects it is said on."""

from flyte_schemas.events import EventData
from flyte_schemas.streams import RUNS, STREAMS, TASKS, StreamSpec
from flyte_schemas.vocabulary import DATA_TYPES

_SAID_ON = {
    "action": "run",
    "attempt": "run",
    "trace": "run",
    "condition": "run",
    "request": "req",
    "message": "rejected",
    "notification": "notice",
}
"""The second word of a type says what it is about, and is mostly that of its subject; else it stands here."""

_STREAMS = {subject.split(".")[1]: stream for stream in STREAMS for subject in stream.subjects}


def stream_of(data: type[EventData]) -> StreamSpec:
    """The stream that holds the events of a type."""
    about = data.TYPE.split(".")[1]
    return _STREAMS[_SAID_ON.get(about, about)]


def types_on(stream: StreamSpec) -> tuple[type[EventData], ...]:
    """The event types that a stream holds."""
    return tuple(data for data in DATA_TYPES if stream_of(data) is stream)


SUBSCRIBED_TYPES = (*types_on(RUNS), *types_on(TASKS))
"""The types of the public stream: what happens to runs and to tasks."""
