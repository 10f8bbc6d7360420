"""Results of cached tasks for local runs: what was computed on this machine before need not be again.

A SQLite file in `$FLYTE_HOME/local-cache`; what makes two calls the same is what the stack says. It is only
ever a help: when it cannot be read or written, tasks run.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from flyte._cache import VersionParameters
from flyte._local_content import by_content, is_all_there
from flyte._logger import logger
from flyte._stack import own_folder, stack_home
from flyte._task import Task
from flyte_schemas.cache_keys import call_key, without_places

Data = dict[str, Any]

BUSY_S = 10.0
"""How long one process waits while another one writes."""
_TABLE = "CREATE TABLE IF NOT EXISTS results (key TEXT PRIMARY KEY, source TEXT, outputs TEXT)"


def cache_folder() -> Path:
    """Where the results are kept."""
    return stack_home() / "local-cache"


class LocalCache:
    """The results that one local run may use, and adds to.

    `overwrite` computes anew whatever is there. As on the stack a result is kept for all, and for the
    `project` and `domain` of the run; with `is_scoped` only what is there for these is found.
    """

    def __init__(self, run: str, *, project: str, domain: str, overwrite: bool, is_scoped: bool) -> None:
        self._run = run
        self._overwrite = overwrite
        self._scopes = ("", f"{project}/{domain}/")
        self._searched = self._scopes[is_scoped]
        self._file = cache_folder() / "results.sqlite"
        self._versions: dict[Any, str] = {}
        self._kept: set[str] = set()

    def key(self, task: Task[..., Any], data: Data) -> str:
        """The key of a call with these inputs."""
        interface, cache = task.native_interface, task.options.cache
        return call_key(
            task.name,
            [(one.name, one.type_name) for one in (*interface.inputs.values(), *interface.outputs)],
            version=self._version(task),
            salt=cache.salt,
            inputs={
                name: without_places(by_content(value))
                for name, value in data.items()
                if name not in cache.ignored_inputs
            },
            ignored=cache.ignored_inputs,
        )

    def find(self, key: str, *, from_this_run: bool) -> tuple[str, Data] | None:
        """Which run computed this, and its outputs; None when nobody has.

        With `overwrite` only this run's own results count, and only `from_this_run`.
        """
        is_usable = not self._overwrite or (from_this_run and key in self._kept)
        if not is_usable or not self._file.exists():
            return None
        with self._opened() as connection:
            place = (f"{self._searched}{key}",)
            row = connection.execute("SELECT source, outputs FROM results WHERE key = ?", place).fetchone()
            if row is None:
                return None
            outputs = json.loads(row[1])
            return (str(row[0]), outputs) if is_all_there(outputs) else None  # temporary files go
        return None

    def keep(self, key: str, outputs: Data) -> None:
        """Keep what was computed."""
        own_folder(self._file.parent)
        with self._opened() as connection:
            connection.execute(_TABLE)
            result = (f"local/{self._run}", json.dumps(outputs))
            connection.executemany(
                "INSERT OR REPLACE INTO results VALUES (?, ?, ?)",
                [(f"{scope}{key}", *result) for scope in self._scopes],
            )
            connection.commit()
            self._kept.add(key)

    def _version(self, task: Task[..., Any]) -> str:
        place = (task.func, task.options.cache)
        if place not in self._versions:
            parameters = VersionParameters(func=task.func, container_image=task.image)
            self._versions[place] = task.options.cache.get_version(parameters)
        return self._versions[place]

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """The file, for one thing; what goes wrong with it is said and nothing worse."""
        try:
            with closing(sqlite3.connect(self._file, timeout=BUSY_S)) as connection:
                yield connection
        except (sqlite3.Error, ValueError) as error:
            logger.warning(
                "the local cache cannot be used (%s): `flyte delete local-cache` empties it", error
            )
