"""Events for tests, with the parts that a test does not care about filled in."""

from datetime import UTC, datetime, timedelta

from flyte_schemas.envelope import AnyEvent, Event
from flyte_schemas.events import ActionQueued, EventData
from flyte_schemas.subjects import ActionKey, RunKey, action_subject, run_request

MORNING = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
"""When everything in the tests happens, unless a test says otherwise."""

RUN = RunKey("project", "domain", "run")


def event(
    subject: str, data: EventData, *, id: str = "id", cause: str | None = None, after_s: float = 0.0
) -> AnyEvent:
    """An event with `data`, `after_s` seconds after the morning began."""
    time = MORNING + timedelta(seconds=after_s)
    return Event(id=id, source="test", subject=subject, time=time, data=data, cause=cause)


def action(name: str = "a0", run: str = "run") -> str:
    """The subject of an action."""
    return action_subject(ActionKey(RunKey("project", "domain", run), name))


def numbered(subject: str, number: int = 1, *, id: str | None = None) -> AnyEvent:
    """The `number`-th of many small events on one subject; its id is the subject and the number."""
    return event(subject, ActionQueued(attempt=number, pool="default"), id=id or f"{subject}.{number}")


def request(number: int, *, verb: str = "run") -> AnyEvent:
    """A small event on a subject of the requests."""
    subject = run_request(RunKey("project", "domain", f"run{number}"), "alice")
    return numbered(subject.replace(".run.", f".{verb}."), number)
