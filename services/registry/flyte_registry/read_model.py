"""The read model: one SQLite file that answers what tasks and runs there are.

It is disposable. Each transaction takes in some entries together with the place in the log that they
reach, so a crash never leaves it half right; a file of another shape, or of another log, is made anew.
One process owns the file: two that fold into it would count everything twice.

Everything here is synchronous and meant for one thread; `projection` gives it that thread.
"""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

import orjson
from pydantic import TypeAdapter

from flyte_registry.core.conditions import Condition
from flyte_registry.core.position import Position
from flyte_registry.core.rows import RunRow, TaskRow, shortened
from flyte_registry.model_file import open_file
from flyte_schemas.action import ActionState, StateDocument
from flyte_schemas.endpoints import TaskSummary
from flyte_schemas.subjects import RunKey
from flyte_schemas.task import TaskTemplate

_STATE = TypeAdapter[ActionState](StateDocument)


class DiskFull(Exception):
    """The disk has no room for a transaction; what it was about is still in the log."""


class ReadModel:
    """The open file; opening it raises ReadModelInUse when another process has it."""

    def __init__(self, file: Path) -> None:
        self._db = open_file(file)

    def close(self) -> None:
        self._db.close()

    def clear(self) -> None:
        """Forget everything, places in the log included."""
        with self.transaction():
            for table in ("positions", "tasks", "runs"):
                self._db.execute(f"DELETE FROM {table}")

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the writes inside, or none. Raises DiskFull."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except BaseException as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                raise DiskFull(str(error)) from error
            raise

    # -- places ------------------------------------------------------------------------------------------

    def position(self, stream: str) -> Position:
        """Where reading of this stream stopped; the beginning when it never began."""
        row = self._db.execute(
            "SELECT as_of, mark, ahead FROM positions WHERE stream = ?", (stream,)
        ).fetchone()
        if row is None:
            return Position()
        return Position(row[0], row[1], {int(at): mark for at, mark in orjson.loads(row[2]).items()})

    def put_position(self, stream: str, position: Position) -> None:
        ahead = orjson.dumps(position.ahead, option=orjson.OPT_NON_STR_KEYS).decode()
        self._db.execute(
            "INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?)",
            (stream, position.as_of, position.mark, ahead),
        )

    # -- tasks -------------------------------------------------------------------------------------------

    def put_task(self, row: TaskRow) -> None:
        """Add a version; one that is there already stays as it is, as versions never change.

        One that was imported becomes one that is deployed.
        """
        self._db.execute(
            "INSERT INTO tasks VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
            " SET sequence = excluded.sequence, deployed_at = excluded.deployed_at"
            " WHERE sequence < 0 AND excluded.sequence > 0",
            (
                row.project,
                row.domain,
                row.name,
                row.version,
                row.sequence,
                row.deployed_at.isoformat(),
                shortened(row.template.description),
                row.template.model_dump_json(),
            ),
        )

    def task(self, project: str, domain: str, name: str, version: str | None) -> TaskRow | None:
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

    def task_names(self, project: str, domain: str, limit: int) -> list[str]:
        rows = self._db.execute(
            "SELECT DISTINCT name FROM tasks WHERE project = ? AND domain = ? LIMIT ?",
            (project, domain, limit),
        )
        return [name for (name,) in rows]

    def listed_tasks(
        self,
        project: str,
        domain: str,
        limit: int,
        *,
        name: str | None = None,
        conditions: Sequence[Condition] = (),
        ascending: bool = False,
    ) -> list[TaskSummary]:
        """The latest version of each task, or all versions of one, that meet all conditions; newest first."""
        chosen, values = "project = ? AND domain = ?", [project, domain]
        # With one max() in the columns, SQLite takes the others from the row where the maximum stands.
        source = f"SELECT *, max(sequence) FROM tasks WHERE {chosen} GROUP BY name"
        if name is not None:
            source = f"SELECT * FROM tasks WHERE {chosen} AND name = ?"
            values.append(name)
        met = " AND ".join(condition.sql for condition in conditions) or "1"
        rows = self._db.execute(
            "SELECT name, version, deployed_at, description, json_extract(template, '$.entrypoint')"
            f" FROM ({source}) WHERE {met} ORDER BY sequence {'ASC' if ascending else 'DESC'} LIMIT ?",
            (*values, *(value for condition in conditions for value in condition.values), limit),
        )
        return [
            TaskSummary(
                name=row[0],
                version=row[1],
                deployed_at=datetime.fromisoformat(row[2]),
                description=row[3],
                entrypoint=bool(row[4]),
            )
            for row in rows
        ]

    # -- runs --------------------------------------------------------------------------------------------

    def run(self, key: RunKey) -> RunRow | None:
        rows = self._db.execute(
            "SELECT name, sequence, actions, root, paused FROM runs"
            " WHERE project = ? AND domain = ? AND name = ?",
            (key.project, key.domain, key.run),
        )
        return next(_run_rows(key.project, key.domain, rows), None)

    def runs(
        self,
        project: str,
        domain: str,
        limit: int,
        conditions: Sequence[Condition] = (),
        order: str = "sequence DESC",
    ) -> list[RunRow]:
        """The first runs in this order, of those that meet all conditions."""
        more = "".join(f" AND {condition.sql}" for condition in conditions)
        values = (value for condition in conditions for value in condition.values)
        rows = self._db.execute(
            "SELECT name, sequence, actions, root, paused FROM runs"
            f" WHERE project = ? AND domain = ? AND sequence > 0{more} ORDER BY {order} LIMIT ?",
            (project, domain, *values, limit),
        )
        return list(_run_rows(project, domain, rows))

    def put_run(self, row: RunRow) -> None:
        key = row.key
        self._db.execute(
            "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                key.project,
                key.domain,
                key.run,
                row.sequence,
                row.actions,
                row.root.phase,
                _STATE.dump_json(row.root).decode(),
                orjson.dumps(sorted(row.paused)).decode(),
            ),
        )


def _run_rows(project: str, domain: str, rows: Iterable[tuple[str, int, int, str, str]]) -> Iterator[RunRow]:
    for name, sequence, actions, root, paused in rows:
        yield RunRow(
            key=RunKey(project, domain, name),
            sequence=sequence,
            actions=actions,
            root=_STATE.validate_json(root),
            paused=frozenset(orjson.loads(paused)),
        )
