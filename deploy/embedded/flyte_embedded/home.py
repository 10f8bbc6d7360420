"""The folder of an embedded stack: one stack at a time, found by others through its note."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

STACK_FILE = "stack.json"


class HomeInUse(Exception):
    """The folder is not for us: another stack runs in it, or it is another user's."""


@dataclass(frozen=True, slots=True)
class Home:
    """`path` holds everything a stack keeps: the log, artifacts, read models, records of agents."""

    path: Path

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep others out while the block runs. Raises HomeInUse."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._shut()
        with (self.path / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise HomeInUse(
                    f"a stack runs in {self.path} already: `flyte status` shows it, `flyte stop` ends it"
                ) from error
            yield

    def _shut(self) -> None:
        """Let nobody else in, whatever the folder was before. Raises HomeInUse for another user's."""
        try:
            self.path.chmod(0o700)
        except PermissionError as error:
            raise HomeInUse(f"{self.path} is another user's: name a folder of yours (--home)") from error

    @contextmanager
    def announced(self, note: dict[str, Any]) -> Iterator[None]:
        """Let others find the stack while the block runs; the note holds a password and is ours alone."""
        write_private(self.path / STACK_FILE, note)
        try:
            yield
        finally:
            (self.path / STACK_FILE).unlink(missing_ok=True)


def write_private(path: Path, document: dict[str, Any]) -> None:
    """Write JSON that only its owner may read, whole or not at all."""
    half = path.with_name(path.name + ".part")
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    half.replace(path)


def read_document(path: Path) -> dict[str, Any]:
    """The JSON object in a file; an empty one when there is none."""
    try:
        document = orjson.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}
