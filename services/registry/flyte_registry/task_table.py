"""The task versions of the read model."""

import sqlite3
from collections.abc import Iterator
from datetime import datetime

from flyte_registry.core.conditions import both, searched, task_conditions
from flyte_registry.core.cursors import Place
from flyte_registry.core.rows import TaskRow, shortened
from flyte_schemas.endpoints import ListTasks, TaskSummary
from flyte_schemas.task import TaskTemplate


class TaskTable:
    """The task versions, in an open file."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def put(self, row: TaskRow) -> None:
        """Add a version; one that is there already stays as it is, as versions never change."""
        self._db.execute(
            "INSERT OR IGNORE INTO tasks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                row.project,
                row.domain,
                row.name,
                row.version,
                row.sequence,
                row.deployed_at.isoformat(),
                shortened(row.template.description),
                searched(row.name),
                row.template.environment,
                row.template.entrypoint,
                row.template.model_dump_json(),
            ),
        )

    def get(self, project: str, domain: str, name: str, version: str | None) -> TaskRow | None:
        """One version of a task; the one deployed last when `version` is None."""
        query = (
            "SELECT version, sequence, deployed_at, template FROM tasks"
            " WHERE project = ? AND domain = ? AND name = ?"
        )
        if version is None:
            cursor = self._db.execute(query + " ORDER BY sequence DESC LIMIT 1", (project, domain, name))
        else:
            cursor = self._db.execute(query + " AND version = ?", (project, domain, name, version))
        row = cursor.fetchone()
        if row is None:
            return None
        return TaskRow(
            project=project,
            domain=domain,
            name=name,
            version=row[0],
            sequence=row[1],
            deployed_at=datetime.fromisoformat(row[2]),
            template=TaskTemplate.model_validate_json(row[3]),
        )

    def names(self, project: str, domain: str, limit: int) -> list[str]:
        """The names of tasks, in no order."""
        rows = self._db.execute(
            "SELECT DISTINCT name FROM tasks WHERE project = ? AND domain = ? LIMIT ?",
            (project, domain, limit),
        )
        return [name for (name,) in rows]

    def listed(
        self, question: ListTasks, limit: int, as_of: int, behind: Place | None = None
    ) -> list[tuple[TaskSummary, int]]:
        """The first tasks that meet all that is asked for, `behind` a place, each with its sequence.

        The latest version of each, or all versions of one, as it was when TASKS ended at `as_of`.
        """
        chosen = "project = ? AND domain = ? AND sequence <= ?"
        values: list[str | int] = [question.project, question.domain, as_of]
        if question.name is None:
            chosen += (
                " AND sequence = (SELECT max(sequence) FROM tasks AS later"
                " WHERE later.project = tasks.project AND later.domain = tasks.domain"
                " AND later.name = tasks.name AND later.sequence <= ?)"
            )
            values.append(as_of)
        else:
            chosen += " AND name = ?"
            values.append(question.name)
        if behind is not None:
            chosen += f" AND sequence {'>' if question.ascending else '<'} ?"
            values.append(behind[-1])
        met = both(task_conditions(question))
        direction = "ASC" if question.ascending else "DESC"
        rows = self._db.execute(
            "SELECT name, version, deployed_at, description, entrypoint, sequence FROM tasks"
            f" WHERE {chosen} AND {met.sql} ORDER BY sequence {direction} LIMIT ?",
            (*values, *met.values, limit),
        )
        return [
            (
                TaskSummary(
                    name=row[0],
                    version=row[1],
                    deployed_at=datetime.fromisoformat(row[2]),
                    description=row[3],
                    entrypoint=bool(row[4]),
                ),
                row[5],
            )
            for row in rows
        ]

    def counts_by_place(self) -> Iterator[tuple[str, str, int]]:
        """The project, the domain and the number of tasks (not versions) of each domain that has any."""
        yield from self._db.execute(
            "SELECT project, domain, count(DISTINCT name) FROM tasks GROUP BY project, domain"
        )
