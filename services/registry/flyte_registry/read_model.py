"""The read model: one SQLite file that answers what tasks and runs there are.

It is disposable. Each transaction takes in some entries together with the place in the log that they
reach, so a crash never leaves it half right; a file of another shape, or of another log, is made anew.
One process owns the file: two that fold into it would count everything twice.

Everything here is synchronous and meant for one thread; `projection` gives it that thread.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import orjson

from flyte_registry.core.position import Position
from flyte_registry.model_file import TABLES, open_file
from flyte_registry.run_table import RunTable
from flyte_registry.seal_table import SealTable
from flyte_registry.task_table import TaskTable


class DiskFull(Exception):
    """The disk has no room for a transaction; what it was about is still in the log."""


class ReadModel:
    """The open file; opening it raises ReadModelInUse when another process has it."""

    def __init__(self, file: Path) -> None:
        self._db = open_file(file)
        self.tasks = TaskTable(self._db)
        self.runs = RunTable(self._db)
        self.seals = SealTable(self._db)

    def close(self) -> None:
        self._db.close()

    def clear(self) -> None:
        """Forget everything, places in the log included."""
        with self.transaction():
            for table in TABLES:
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
