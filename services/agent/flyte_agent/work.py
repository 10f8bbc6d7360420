"""The folders that attempts run in: one for each, and gone with it.

What a killed agent leaves is cleared away by the next zygote: a folder's name says which process it is of.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flyte_bus.process import is_alive, start_time


@contextmanager
def work_folder(parent: Path) -> Iterator[Path]:
    """An empty folder below `parent` that exists within the block."""
    parent.mkdir(parents=True, exist_ok=True)
    pid = os.getpid()
    folder = tempfile.mkdtemp(prefix=f"{pid}.{start_time(pid)}.", dir=parent)
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def clear_leftovers(parent: Path) -> None:
    """Remove the folders below `parent` whose processes are gone."""
    for folder in parent.glob("*.*.*"):
        pid, started, _ = folder.name.split(".", 2)
        if pid.isdecimal() and not is_alive(int(pid), started):
            shutil.rmtree(folder, ignore_errors=True)
