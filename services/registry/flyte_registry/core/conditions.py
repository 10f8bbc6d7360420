"""What a question for tasks or runs asks of them, in SQL over the columns of the read model.

A condition is text with places for values, never the values themselves: those come from users.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flyte_schemas.endpoints import ListRuns, ListTasks

Value = str | int

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(time: datetime) -> int:
    """A time as the read model has it; without a zone it is UTC."""
    return ((time if time.tzinfo else time.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND


def moment(value: int) -> datetime:
    """The time that the read model has as `value`."""
    return _EPOCH + value * _MICROSECOND


def searched(text: str) -> str:
    """A text as searches compare it."""
    return text.casefold()


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition in SQL over the table of tasks or of runs, and the values of its places."""

    sql: str
    values: tuple[Value, ...] = ()


def both(conditions: Sequence[Condition]) -> Condition:
    """All of these as one."""
    sql = " AND ".join(condition.sql for condition in conditions) or "1"
    return Condition(sql, tuple(value for condition in conditions for value in condition.values))


def time_ranges(question: ListRuns) -> tuple[Condition, ...]:
    """The times that are asked for, one condition a column, each over an index of that column."""
    found = []
    for column, after, before in (
        ("requested_at", question.requested_after, question.requested_before),
        ("updated_at", question.updated_after, question.updated_before),
    ):
        bounds = [Condition(f"{column} > ?", (microseconds(after),))] if after else []
        bounds += [Condition(f"{column} < ?", (microseconds(before),))] if before else []
        found += [both(bounds)] if bounds else []
    return tuple(found)


def conditions(question: ListRuns) -> tuple[Condition, ...]:
    """All of what a question for runs asks for, but for phases and times."""
    asked = [
        Condition(f"{column} = ?", (value,))
        for column, value in (
            ("task", question.task_name),
            ("version", question.task_version),
            ("requested_by", question.requested_by),
        )
        if value is not None
    ]
    if question.paused_only:
        asked.append(Condition("paused > 0"))
    if question.search:
        asked.append(Condition("instr(words, ?) > 0", (searched(question.search),)))
    for label, value in question.labels.items():
        asked.append(Condition(f"sequence IN ({_LABELLED} AND value = ?)", (label, value)))
    asked += [Condition(f"sequence IN ({_LABELLED})", (label,)) for label in question.label_keys]
    return tuple(asked)


def task_conditions(question: ListTasks) -> tuple[Condition, ...]:
    """All of what a question for tasks asks for, beside a name."""
    asked: list[Condition] = []
    if question.environment is not None:
        asked.append(Condition("environment = ?", (question.environment,)))
    if question.entrypoint is not None:
        asked.append(Condition("entrypoint = ?", (int(question.entrypoint),)))
    if question.search:
        asked.append(Condition("instr(words, ?) > 0", (searched(question.search),)))
    return tuple(asked)


_LABELLED = "SELECT sequence FROM labels WHERE place = ?1 AND label = ?"
"""The place of a question is the first value of its query."""
