"""Checkpoints: what an attempt saves of its work, for the next attempt to go on from.

What can be saved (bytes, a file, a folder) is the same everywhere; it is kept in a folder for a local run,
and in the artifact store on the stack.
"""

import asyncio
import shutil
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flyte._syncify import block_on

BYTES_NAME = "checkpoint"
"""The file that holds a checkpoint which was given as bytes."""


@dataclass(frozen=True, slots=True)
class CheckpointPaths:
    """Where the checkpoint of an earlier attempt lies (None: there is none), and where this one's goes to."""

    prev_checkpoint_path: str | None
    checkpoint_path: str


class BaseCheckpoint(ABC):
    """What every checkpoint can do; `_sync` twins block."""

    @property
    @abstractmethod
    def path(self) -> Path:
        """A folder of this attempt's own, for what is to be saved and what was loaded."""

    @abstractmethod
    def prev_exists(self) -> bool:
        """Whether an earlier attempt has saved one."""

    @abstractmethod
    async def load(self) -> Path | None:
        """What the last attempt that saved has saved last: a copy below `path`; None when none has.

        It is a file or a folder by the name under which it was saved; bytes are a file `checkpoint`.
        """

    @abstractmethod
    async def save(self, data: bytes | str | Path) -> None:
        """Keep bytes, a file or a folder for later attempts, in place of what this attempt saved before.

        When it returns, the checkpoint outlasts this process. Raises FileNotFoundError for a path of nothing,
        TypeError for anything else.
        """

    def load_sync(self) -> Path | None:
        """`load`, blocking."""
        return block_on(self.load())

    def save_sync(self, data: bytes | str | Path) -> None:
        """`save`, blocking."""
        block_on(self.save(data))


class Checkpoint(BaseCheckpoint):
    """A checkpoint that is kept in the folder `checkpoint_dest`; `checkpoint_src` is an earlier one's."""

    def __init__(self, checkpoint_dest: str, checkpoint_src: str | None = None) -> None:
        self._dest = str(checkpoint_dest)
        self._src = None if checkpoint_src is None else str(checkpoint_src)

    @classmethod
    def of_attempt(cls, folder: str, attempt: int) -> "Checkpoint":
        """Of attempt `attempt`, from 0, where all attempts keep theirs below `folder`."""
        earlier = (f"{folder}/{number}" for number in range(attempt - 1, -1, -1))
        return cls(f"{folder}/{attempt}", next((place for place in earlier if _saved_in(place)), None))

    @property
    def remote_destination(self) -> str:
        """Where it is kept."""
        return self._dest

    @property
    def remote_source(self) -> str | None:
        """Where the earlier one is kept."""
        return self._src

    @property
    def paths(self) -> CheckpointPaths:
        """Both."""
        return CheckpointPaths(self.remote_source, self.remote_destination)

    @property
    def path(self) -> Path:
        folder = _folder(self._dest) / "work"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def prev_exists(self) -> bool:
        return self._src is not None and _saved_in(self._src) is not None

    async def load(self) -> Path | None:
        saved = _saved_in(self._src) if self._src is not None else None
        return None if saved is None else await asyncio.to_thread(copied, saved, self.path)

    async def save(self, data: bytes | str | Path) -> None:
        await asyncio.to_thread(self._save, checked(data))

    def _save(self, data: bytes | Path) -> None:
        folder = _folder(self._dest)
        new, saved = folder / f"new-{uuid.uuid4().hex}", folder / "saved"
        new.mkdir(parents=True)
        if isinstance(data, bytes):
            (new / BYTES_NAME).write_bytes(data)
        else:
            copied(data, new)
        old = folder / f"old-{uuid.uuid4().hex}"
        if saved.exists():
            saved.rename(old)
        new.rename(saved)
        shutil.rmtree(old, ignore_errors=True)


def checked(data: object) -> bytes | Path:
    """What is to be saved: bytes, or the path of what is there. Raises as `save` does."""
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data)
    if not isinstance(data, str | Path):
        raise TypeError(
            f"a checkpoint is bytes, or the path of a file or folder, not a {type(data).__name__}"
        )
    path = Path(data)
    if not path.exists():
        raise FileNotFoundError(
            f"there is no file or folder {str(data)[:200]!r} to save as a checkpoint; "
            "text is saved as bytes: give it with .encode()"
        )
    return path


def copied(source: Path, folder: Path) -> Path:
    """A copy of a file or folder within `folder`, in place of what has its name."""
    target = folder / (source.resolve().name or BYTES_NAME)
    if target.resolve() == source.resolve():
        return target
    remove(target)
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copy2(source, target)
    return target


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def latest_checkpoint(
    root: str | Path | None, glob_pattern: str = "**/last.ckpt", *, key: Callable[[Path], Any] | None = None
) -> Path | None:
    """The file below `root` that matches the pattern and was written last; None when none does.

    `root` may be what `load` gave: a folder, a file (which is taken when its name matches) or None. With
    `key` it is the one for which that is greatest.
    """
    if root is None:
        return None
    place = Path(root)
    found = [place] if place.is_file() and place.match(glob_pattern) else list(place.glob(glob_pattern))
    return max(found, key=key or (lambda path: path.stat().st_mtime), default=None)


def _folder(place: str) -> Path:
    from flyte.io._places import local_path

    return local_path(place, "write to")


def _saved_in(place: str) -> Path | None:
    """What was saved in this folder."""
    saved = Path(place) / "saved"
    return next(saved.iterdir(), None) if saved.is_dir() else None
