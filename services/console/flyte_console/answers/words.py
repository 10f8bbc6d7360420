"""What was said: the events of a run, and its output."""

from typing import Any, Literal

from flyte_console.answers.parts import Answer, Moment


class EventLine(Answer):
    """One event: where it stands, and what it says, in a line and as it is on the wire."""

    sequence: int
    action: str
    type: str
    time: Moment | None
    text: str
    event: dict[str, Any]


class Events(Answer):
    """A page of a run's events, in the order of the log; `next`: ask for those after it."""

    events: tuple[EventLine, ...]
    next: int | None
    as_of: int


class LogLine(Answer):
    """One line of output, where its end stands and when it was written; `partial`: it has not ended yet."""

    sequence: int
    action: str
    attempt: int
    stream: Literal["stdout", "stderr"]
    at_ms: int
    text: str
    partial: bool = False


class Logs(Answer):
    """A page of output, each attempt's in the order in which it was written; `next`: go on after it."""

    lines: tuple[LogLine, ...]
    next: int | None
    as_of: int


class LinesPrinted(Answer):
    """In a stream: these lines have come."""

    lines: tuple[LogLine, ...]
    as_of: int
