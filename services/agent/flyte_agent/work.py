"""The folders that attempts run in: one for each, and gone with it.

What a killed agent leaves is cleared away by its machine's executor, or by the next zygote: a folder's name
says which process it is of (`flyte_bus.leftovers`).
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flyte_bus.process import start_time


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
