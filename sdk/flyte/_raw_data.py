"""Where the data of a task lies that outlives it: a place, and new names below it."""

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

RAW = "flyte://raw/"
"""Begins what a task on the stack names before it is written.

The artifact store names what it has by content, so this is a name within the task's process only; what
leaves it carries the name of the content."""

_scratch: list[str] = []
_scratch_here: ContextVar[str | None] = ContextVar("flyte_scratch", default=None)


def use_scratch(folder: str) -> None:
    """Keep copies and half-written files below `folder` from here on: it goes when the attempt is over."""
    _scratch[:] = [folder]


@contextmanager
def scratch_here(folder: str) -> Iterator[None]:
    """The same for this context alone, within the block: where several attempts share a process."""
    token = _scratch_here.set(folder)
    try:
        yield
    finally:
        _scratch_here.reset(token)


def scratch() -> str | None:
    """Where they are kept, a folder that exists; None for the folder of temporary files."""
    folder = _scratch_here.get() or (_scratch[0] if _scratch else None)
    if folder is not None:
        Path(folder).mkdir(parents=True, exist_ok=True)
    return folder


@dataclass(frozen=True, slots=True, kw_only=True)
class RawDataPath:
    """The folder `path` (or a URI), which need not exist yet."""

    path: str

    @classmethod
    def from_local_folder(cls, local_folder: str | Path | None = None) -> "RawDataPath":
        """A folder of this machine; a new one when none is named."""
        return cls(path=str(local_folder or tempfile.mkdtemp(prefix="flyte-")))

    @classmethod
    def of_action(cls, run: str, action: str, wanted: str = "") -> "RawDataPath":
        """Where an action on the stack puts its data: where the run wants it, or in the artifact store."""
        return cls(path=f"{wanted.rstrip('/')}/{run}/{action}" if wanted else f"{RAW}{run}/{action}")

    @classmethod
    def of_local_run(cls, run: str, wanted: str = "") -> "RawDataPath":
        """Where a run of this process puts its data: where it is wanted, or among the temporary files."""
        if wanted:
            return cls(path=f"{wanted.rstrip('/')}/{run}")
        return cls(path=str(Path(tempfile.gettempdir()) / f"flyte-{run}-{uuid.uuid4().hex[:12]}"))

    def get_random_remote_path(self, file_name: str | None = None) -> str:
        """A path that nothing has, below a folder of its own; nothing is made."""
        folder = f"{self.path.rstrip('/')}/{uuid.uuid4().hex}"
        return f"{folder}/{file_name or uuid.uuid4().hex}"
