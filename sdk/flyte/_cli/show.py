"""Values as text for a person: errors, failures, events, tables."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from flyte.errors import BaseRuntimeError, ModuleLoadError
from flyte_schemas.action import ActionState
from flyte_schemas.envelope import AnyEvent
from flyte_schemas.events import (
    ActionAborted,
    ActionCacheHit,
    ActionFailed,
    ActionQueued,
    ActionRequested,
    ActionRetried,
    ActionTimedOut,
    AttemptFailed,
    AttemptPlaced,
    AttemptReported,
    AttemptStarted,
    AttemptStopped,
    AttemptSucceeded,
)
from flyte_schemas.failure import Failure


def sentence_of(error: BaseException) -> str:
    """What an error says: its message, with its code when that says more, and the hint."""
    if isinstance(error, ModuleLoadError):
        return str(error).rstrip()
    text = str(error) or type(error).__name__
    if isinstance(error, KeyError | AttributeError | AssertionError | IndexError):
        text = f"this is a bug in flyte ({type(error).__name__}: {text}); FLYTE_DEBUG=1 shows where"
    if isinstance(error, BaseRuntimeError) and error.failure and error.failure.hint not in text:
        text = f"{text}\n  {error.failure.hint}"
    return text


def failure_box(failure: Failure) -> tuple[str, str]:
    """A failure for a box: code and message first; then what to do, and the user's traceback."""
    cause = f"{failure.code}: {failure.message}" if failure.message else failure.code
    parts = [part for part in (failure.hint, failure.traceback.rstrip()) if part]
    return cause, "\n\n".join(parts)


def failure_text(failure: Failure) -> str:
    """A failure in full: the user's traceback, then code and message, then what to do."""
    summary = f"{failure.code}: {failure.message}" if failure.message else failure.code
    lines = [failure.traceback.rstrip()] if failure.traceback else []
    if not (lines and lines[0].endswith(f"\n{summary}")):
        lines.append(summary)
    if failure.hint:
        lines.append(f"  {failure.hint}")
    return "\n".join(lines)


def ending_text(state: ActionState) -> str:
    """Why an action that did not succeed ended."""
    if state.failure is not None:
        return failure_text(state.failure)
    return f"aborted: {state.abort_reason}" if state.abort_reason else "nothing says why"


def ending_box(state: ActionState) -> tuple[str, str]:
    """The same for a box."""
    return failure_box(state.failure) if state.failure is not None else (ending_text(state), "")


def event_line(action: str, event: AnyEvent) -> str:
    """One event in a line: when, to which action, what."""
    time = event.time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    return f"{time}Z  {action:<20}  {event_text(event)}"


def event_text(event: AnyEvent) -> str:
    """What an event says, without time and place."""
    match event.data:
        case ActionRequested() as data:
            parent = f" by {data.parent}" if data.parent else ""
            group = f" in group {data.group}" if data.group else ""
            return f"requested{parent}: {data.task}{group}"
        case ActionQueued(attempt=attempt, pool=pool):
            return f"queued attempt {attempt} on {pool}"
        case AttemptPlaced(attempt=attempt, worker=worker):
            return f"placed attempt {attempt} on {worker}"
        case AttemptStarted(attempt=attempt):
            return f"started attempt {attempt}"
        case AttemptReported(attempt=attempt, size_bytes=size):
            return f"reported in attempt {attempt}: {size} bytes"
        case AttemptSucceeded(attempt=attempt):
            return f"succeeded in attempt {attempt}"
        case AttemptFailed(attempt=attempt, failure=failure):
            return f"failed in attempt {attempt}: {_brief(failure)}"
        case ActionRetried(reason=reason, retry_at=at):
            pause = f" at {at.astimezone(UTC):%H:%M:%S}Z" if at else ""
            return f"tries again{pause}: {_first_line(reason)}"
        case ActionCacheHit(source=source):
            return f"taken from the cache: {source} has computed it"
        case AttemptStopped(attempt=attempt):
            return f"stopped the process of attempt {attempt}"
        case ActionFailed(failure=failure):
            return f"failed: {_brief(failure)}"
        case ActionTimedOut(failure=failure):
            return f"timed out: {_brief(failure)}"
        case ActionAborted(reason=reason):
            return f"aborted: {reason}"
        case _:
            return event.type


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns as wide as what stands in them."""
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def json_text(document: Any) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)


def time_text(time: datetime | None) -> str:
    """A time in the user's zone, to the second."""
    return time.astimezone().strftime("%Y-%m-%d %H:%M:%S") if time else "-"


def duration_text(start: datetime | None, end: datetime | None) -> str:
    if start is None or end is None:
        return "-"
    return seconds_text((end - start).total_seconds())


def seconds_text(seconds: float) -> str:
    """A duration as people say it: 4.2s, 3m05s, 2h10m."""
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}h{minutes % 60:02}m" if minutes >= 60 else f"{minutes}m{rest:02}s"


def _brief(failure: Failure) -> str:
    return f"{failure.code}: {_first_line(failure.message)}" if failure.message else failure.code


def _first_line(text: str) -> str:
    return text.splitlines()[0] if text else ""
