"""Where the files of secrets lie while a task runs: in memory where the machine has such a place.

A folder there belongs to one process, and its name says to which (`flyte_bus.leftovers`), so that what a
killed one leaves is cleared away.
"""

import contextlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

from flyte_bus.leftovers import clear_leftovers
from flyte_bus.process import start_time

MEMORY = Path("/dev/shm")
TRIES = 10


def places(home: Path) -> tuple[Path, Path]:
    """The folder in memory, and the one in the home where there is no memory to write to."""
    return MEMORY / f"flyte-{os.getuid()}", home / "mounted"


def clear_mounts(home: Path) -> None:
    """Remove what killed processes have left."""
    for parent in places(home):
        clear_leftovers(parent)


def make_folder(home: Path) -> Path:
    """An empty folder that only this user may enter. Raises OSError."""
    pid = os.getpid()
    prefix = f"{pid}.{start_time(pid)}."
    for _ in range(TRIES):
        # Whoever leaves removes the parent where it is empty: that may be in between.
        with contextlib.suppress(FileNotFoundError):
            return Path(tempfile.mkdtemp(prefix=prefix, dir=_parent(home)))
    raise OSError(f"no folder for secrets can be made below {_parent(home)}")


def remove_folder(folder: Path) -> None:
    """The end of one, and of its parent where nothing else is in it."""
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):
        folder.parent.rmdir()


def _parent(home: Path) -> Path:
    memory, disk = places(home)
    with contextlib.suppress(OSError):
        memory.mkdir(mode=0o700, exist_ok=True)
        if _is_ours(memory):
            return memory
    disk.mkdir(mode=0o700, parents=True, exist_ok=True)
    return disk


def _is_ours(folder: Path) -> bool:
    """Whether nobody else made it, or may enter it: anybody may write to memory."""
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
