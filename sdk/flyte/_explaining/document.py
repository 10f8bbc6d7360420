"""An explanation as JSON data, for programs."""

from datetime import datetime
from typing import Any

from flyte._explaining.explanation import Explanation
from flyte._explaining.record import AttemptRecord


def document_of(found: Explanation) -> dict[str, Any]:
    """Everything that the text has, by name; times in ISO 8601."""
    return {
        "run": found.run,
        "action": found.action,
        "task": found.task,
        "phase": found.phase.value,
        "summary": found.summary,
        "notes": list(found.notes),
        "cause": found.cause,
        "path": [
            {"action": step.action, "task": step.task, "phase": step.phase.value} for step in found.path
        ],
        "failure": found.failure.model_dump(mode="json") if found.failure else None,
        "todo": found.todo,
        "page": found.page,
        "attempts": [_attempt(attempt) for attempt in found.attempts],
        "waits": [
            {
                "action": wait.action,
                "task": wait.task,
                "waits_for": wait.waits_for.value,
                "text": wait.text,
                "since": _time(wait.since),
                "until": _time(wait.until),
            }
            for wait in found.waits
        ],
        "clocks": [{"at": _time(clock.at), "text": clock.text} for clock in found.clocks],
        "log": list(found.log),
    }


def _attempt(attempt: AttemptRecord) -> dict[str, Any]:
    return {
        "attempt": attempt.number,
        "queued_at": _time(attempt.queued_at),
        "placed_at": _time(attempt.placed_at),
        "started_at": _time(attempt.started_at),
        "ended_at": _time(attempt.ended_at),
        "worker": attempt.worker,
        "code": attempt.failure.code if attempt.failure else None,
        "message": attempt.failure.message if attempt.failure else None,
        "is_cut_short": attempt.is_cut_short,
        "retry_at": _time(attempt.retry_at),
    }


def _time(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
