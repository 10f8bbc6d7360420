"""What a question for tasks or runs asks of them, as conditions on the rows of the read model.

A condition is text with places for values, never the values themselves: those come from users.
"""

from dataclasses import dataclass

from flyte_schemas.endpoints import ListRuns, ListTasks
from flyte_schemas.phase import ActionPhase


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition in SQL over the table of tasks or of runs, and the values of its places."""

    sql: str
    values: tuple[str | int, ...]


def conditions(question: ListRuns) -> tuple[Condition, ...]:
    """All of what a question for runs asks for."""
    asked: list[Condition] = []
    if question.in_phase:
        places = ", ".join("?" * len(question.in_phase))
        asked.append(Condition(f"phase IN ({places})", tuple(phase.value for phase in question.in_phase)))
    if question.paused_only:
        over = tuple(phase.value for phase in ActionPhase if phase.is_terminal)
        asked.append(Condition(f"paused != '[]' AND phase NOT IN ({', '.join('?' * len(over))})", over))
    for path, value in (
        ("$.requested.task.name", question.task_name),
        ("$.requested.task.version", question.task_version),
        ("$.requested.requested_by", question.requested_by),
    ):
        if value is not None:
            asked.append(Condition("json_extract(root, ?) = ?", (path, value)))
    for moment, comparison, time in (
        (_REQUESTED_AT, ">", question.requested_after),
        (_REQUESTED_AT, "<", question.requested_before),
        (_UPDATED_AT, ">", question.updated_after),
        (_UPDATED_AT, "<", question.updated_before),
    ):
        if time is not None:
            sql = f"julianday({moment}) {comparison} julianday(?)"
            asked.append(Condition(sql, (time.isoformat(),)))
    for label, value in question.labels.items():
        asked.append(Condition(f"EXISTS ({_LABELS} AND value = ?)", (label, value)))
    asked += [Condition(f"EXISTS ({_LABELS})", (label,)) for label in question.label_keys]
    return tuple(asked)


def order(question: ListRuns) -> str:
    """How the runs that a question asks for are sorted, in SQL."""
    direction = "ASC" if question.ascending else "DESC"
    by_time = f"julianday({_UPDATED_AT}) {direction}, " if question.sort_by == "updated_at" else ""
    return f"{by_time}sequence {direction}"


def task_conditions(question: ListTasks) -> tuple[Condition, ...]:
    """All of what a question for tasks asks for, beside a name."""
    asked: list[Condition] = []
    if question.environment is not None:
        asked.append(Condition("json_extract(template, '$.environment') = ?", (question.environment,)))
    if question.entrypoint is not None:
        asked.append(Condition("json_extract(template, '$.entrypoint') = ?", (int(question.entrypoint),)))
    return tuple(asked)


_REQUESTED_AT = "json_extract(root, '$.requested_at')"
_UPDATED_AT = (
    "coalesce(json_extract(root, '$.ended_at'), json_extract(root, '$.started_at'),"
    " json_extract(root, '$.requested_at'))"
)
_LABELS = "SELECT 1 FROM json_each(runs.root, '$.requested.settings.labels') WHERE key = ?"
