"""What killed agents leave on a machine: a folder to work in, whose name says which process it is of."""

import shutil
from pathlib import Path

from flyte_bus.process import is_alive


def clear_leftovers(parent: Path) -> None:
    """Remove the folders below `parent` (`PID.STARTED.…`) whose processes are gone."""
    for folder in parent.glob("*.*.*"):
        pid, started, _ = folder.name.split(".", 2)
        if pid.isdecimal() and not is_alive(int(pid), started):
            shutil.rmtree(folder, ignore_errors=True)
