"""A file on its way to a place that takes it as a whole: written beside, handed over when closed."""

import io
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from flyte._raw_data import scratch


class Spool(io.FileIO):
    """An open file of this machine. `close` hands its path to `deliver` and removes it; `discard` removes."""

    def __init__(self, deliver: Callable[[Path], None]) -> None:
        handle, name = tempfile.mkstemp(prefix=".flyte-spool-", dir=scratch())
        self._path: Path | None = Path(name)
        self._deliver = deliver
        super().__init__(handle, "w+b")

    def close(self) -> None:
        """Raises what `deliver` raises; the file is removed all the same."""
        path, self._path = self._path, None
        super().close()
        if path is not None:
            try:
                self._deliver(path)
            finally:
                path.unlink(missing_ok=True)

    def discard(self) -> None:
        """Close it, and nothing was written."""
        path, self._path = self._path, None
        super().close()
        if path is not None:
            path.unlink(missing_ok=True)

    def __del__(self) -> None:
        self.discard()  # nobody closed it: nobody says that it is whole


def scratch_file(suffix: str = "") -> Path:
    """A new, empty file of this machine, for the caller to remove."""
    handle, name = tempfile.mkstemp(prefix=".flyte-spool-", suffix=suffix, dir=scratch())
    os.close(handle)
    return Path(name)
