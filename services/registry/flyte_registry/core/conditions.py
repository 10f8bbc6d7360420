"""What a question for runs asks of them, as conditions on the rows of the read model.

A condition is text with places for values, never the values themselves: those come from users.
"""

from dataclasses import dataclass

from flyte_schemas.endpoints import ListRuns


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition in SQL over the table of runs, and the values of its places."""

    sql: str
    values: tuple[str, ...]


def conditions(question: ListRuns) -> tuple[Condition, ...]:
    """All of what the question asks for."""
    asked: list[Condition] = []
    if question.in_phase:
        places = ", ".join("?" * len(question.in_phase))
        asked.append(Condition(f"phase IN ({places})", tuple(phase.value for phase in question.in_phase)))
    for path, value in (
        ("$.requested.task.name", question.task_name),
        ("$.requested.task.version", question.task_version),
        ("$.requested.requested_by", question.requested_by),
    ):
        if value is not None:
            asked.append(Condition("json_extract(root, ?) = ?", (path, value)))
    for comparison, time in ((">", question.requested_after), ("<", question.requested_before)):
        if time is not None:
            sql = f"julianday(json_extract(root, '$.requested_at')) {comparison} julianday(?)"
            asked.append(Condition(sql, (time.isoformat(),)))
    for label, value in question.labels.items():
        asked.append(Condition(f"EXISTS ({_LABELS} AND value = ?)", (label, value)))
    asked += [Condition(f"EXISTS ({_LABELS})", (label,)) for label in question.label_keys]
    return tuple(asked)


_LABELS = "SELECT 1 FROM json_each(runs.root, '$.requested.settings.labels') WHERE key = ?"
