"""Values as text for a person: errors, failures, tables, times."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flyte.errors import BaseRuntimeError, ModuleLoadError

if TYPE_CHECKING:
    from flyte_schemas.action import ActionState
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


def failure_box(failure: "Failure") -> tuple[str, str]:
    """A failure for a box: code and message first; then what to do, and the user's traceback."""
    cause = f"{failure.code}: {failure.message}" if failure.message else failure.code
    parts = [part for part in (failure.hint, failure.traceback.rstrip()) if part]
    return cause, "\n\n".join(parts)


def failure_text(failure: "Failure") -> str:
    """A failure in full: the user's traceback, then code and message, then what to do."""
    summary = f"{failure.code}: {failure.message}" if failure.message else failure.code
    lines = [failure.traceback.rstrip()] if failure.traceback else []
    if not (lines and _ends_with(lines[0], summary)):
        lines.append(summary)
    if failure.hint:
        lines.append(f"  {failure.hint}")
    return "\n".join(lines)


def _ends_with(traceback: str, summary: str) -> bool:
    """Whether a traceback says the summary already, with or without the module of its class."""
    if not traceback.endswith(summary):
        return False
    module = traceback.removesuffix(summary).rpartition("\n")[2]
    return not module or (module.endswith(".") and module[:-1].replace(".", "").isidentifier())


def ending_text(state: "ActionState") -> str:
    """Why an action that did not succeed ended."""
    if state.failure is not None:
        return failure_text(state.failure)
    return f"aborted: {state.abort_words}" if state.abort_words else "nothing says why"


def ending_box(state: "ActionState") -> tuple[str, str]:
    """The same for a box."""
    return failure_box(state.failure) if state.failure is not None else (ending_text(state), "")


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
