"""Where the data of a task lies that outlives it: a folder, and new paths below it."""

import os
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path

RAW_DATA = "raw"
"""The folder below `$FLYTE_HOME` that holds what tasks on the stack make."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawDataPath:
    """The folder `path`, which need not exist yet."""

    path: str

    @classmethod
    def from_local_folder(cls, local_folder: str | Path | None = None) -> "RawDataPath":
        """A folder of this machine; a new one when none is named."""
        return cls(path=str(local_folder or tempfile.mkdtemp(prefix="flyte-")))

    @classmethod
    def of_action(cls, run: str, action: str) -> "RawDataPath":
        """Where an action on the stack puts its data: below `$FLYTE_HOME`."""
        home = Path(os.environ.get("FLYTE_HOME") or Path.home() / ".flyte")
        return cls(path=str(home / RAW_DATA / run / action))

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
