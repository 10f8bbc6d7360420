"""How far a transfer is, on a terminal; nowhere else does it print anything."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flyte._screen import drawing
from flyte.io._places import is_on_stack

Progress = Callable[[int, int], None]
"""Is told of bytes and files that are done. May be called from any thread."""

SHOWN_FROM_FILES = 20
SHOWN_FROM_BYTES = 32 * 1024 * 1024


@contextmanager
def progress(title: str, size_bytes: int, files: int) -> Iterator[Progress]:
    """A bar within the block, when there is a terminal to show it and enough to wait for."""
    is_large = files >= SHOWN_FROM_FILES or size_bytes >= SHOWN_FROM_BYTES
    if not is_large or is_on_stack() or not sys.stderr.isatty():
        yield lambda size_bytes, files: None
        return
    from rich.console import Console
    from rich.errors import LiveError
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    bar = Bar(
        *columns, TextColumn("{task.fields[done]}/{task.fields[files]} files"), console=Console(stderr=True)
    )
    shown = bar.add_task(title, total=size_bytes, done=0, files=files)
    lock, done = threading.Lock(), [0]

    def tell(size_bytes: int, files: int) -> None:
        with lock:
            done[0] += files
            bar.update(shown, advance=size_bytes, done=done[0])

    with drawing():
        try:
            bar.start()
        except LiveError:  # something else is shown there already
            yield tell
            return
        try:
            yield tell
        finally:
            bar.stop()
