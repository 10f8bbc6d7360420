"""Objects as files in a folder: `{root}/{project}/{domain}/{md5[:2]}/{md5}`.

A file is written beside the objects (`{root}/.incoming`), forced to the disk and then renamed, so that what
has an object's name is whole, whenever the power fails. No project is called `.incoming`: keys have no dots.
"""

import asyncio
import math
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO, TypeVar, TypeVarTuple

from flyte_dataproxy.core.keys import ArtifactKey, InvalidKey
from flyte_dataproxy.settings import CHUNK_BYTES, DISK_THREADS
from flyte_dataproxy.store.port import Kept

ResultT = TypeVar("ResultT")
Ts = TypeVarTuple("Ts")


class Disk:
    """Threads for the disk alone: no upload waits for what else may block the shared threads of the loop."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(DISK_THREADS, thread_name_prefix="flyte-dataproxy-disk")

    async def do(self, work: Callable[[*Ts], ResultT], *args: *Ts) -> ResultT:
        """Do blocking work and wait for it."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)

    def close(self) -> None:
        """Let the threads go; what they do now, they finish."""
        self._threads.shutdown(wait=False)


class LocalStore:
    """An `ArtifactStore` and `ArtifactKeep` in a folder; several processes may share it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._incoming = root / ".incoming"
        self._disk = Disk()

    def close(self) -> None:
        """Let the threads go; what they do now, they finish."""
        self._disk.close()

    def prepare(self, *, stale_before: float) -> int:
        """Make the folder, remove half-written files last touched before that time; return how many."""
        self._incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self._remove_stale(stale_before, True)

    async def trouble(self) -> str:
        """See `ArtifactKeep`."""
        can_write = await self._disk.do(os.access, self._incoming, os.W_OK | os.X_OK)
        return "" if can_write else f"nothing can be written into {self._incoming}"

    async def stat(self, key: ArtifactKey) -> Kept | None:
        """See `ArtifactStore`."""
        return await self._disk.do(_kept, key, self._path(key))

    async def touch(self, key: ArtifactKey) -> None:
        """See `ArtifactStore`."""
        await self._disk.do(_touch, self._path(key))

    @asynccontextmanager
    async def writer(self, key: ArtifactKey) -> AsyncIterator["_FileWriter"]:
        """See `ArtifactStore`."""
        handle, name = await self._disk.do(tempfile.mkstemp, None, None, self._incoming)
        with os.fdopen(handle, "wb") as file:
            try:
                yield _FileWriter(self._disk, file, Path(name), self._path(key))
            finally:
                await self._disk.do(_remove, Path(name))

    async def read(self, key: ArtifactKey, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """See `ArtifactStore`."""
        try:
            file = await self._disk.do(_open, self._path(key))
        except FileNotFoundError:
            raise KeyError(key) from None
        with file:
            file.seek(start)
            left = sys.maxsize if end is None else end - start
            while left > 0 and (chunk := await self._disk.do(file.read, min(CHUNK_BYTES, left))):
                left -= len(chunk)
                yield chunk

    async def kept(self, after: str = "") -> AsyncIterator[Kept]:
        """See `ArtifactKeep`."""
        for folder in await self._disk.do(_folders, self._root):
            path = f"{folder}/"
            if path <= after and not after.startswith(path):
                continue
            for found in await self._disk.do(_kept_in, self._root / folder, self._root):
                if found.key.path > after:
                    yield found

    async def remove(self, key: ArtifactKey) -> None:
        """See `ArtifactKeep`."""
        await self._disk.do(_remove, self._path(key))

    async def remove_unfinished(self, before: float, *, apply: bool) -> int:
        """See `ArtifactKeep`."""
        return await self._disk.do(self._remove_stale, before, apply)

    def _remove_stale(self, before: float, apply: bool) -> int:
        stale = [path for path in self._incoming.iterdir() if _last_touched(path) < before]
        for path in stale if apply else ():
            path.unlink(missing_ok=True)
        return len(stale)

    def _path(self, key: ArtifactKey) -> Path:
        return self._root / key.path


class _FileWriter:
    def __init__(self, disk: Disk, file: BinaryIO, incoming: Path, target: Path) -> None:
        self._disk = disk
        self._file = file
        self._incoming = incoming
        self._target = target

    async def write(self, chunk: bytes) -> None:
        await self._disk.do(self._file.write, chunk)

    async def commit(self) -> None:
        await self._disk.do(self._commit)

    def _commit(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        if _size_of(self._target) == self._file.tell():
            _touch(self._target)
            return
        _make_folder(self._target.parent)
        self._incoming.replace(self._target)
        _sync_folder(self._target.parent)


def _open(path: Path) -> BinaryIO:
    return path.open("rb")


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _size_of(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _kept(key: ArtifactKey, path: Path) -> Kept | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return Kept(key, found.st_size, found.st_mtime)


def _touch(path: Path) -> None:
    try:
        os.utime(path)
    except FileNotFoundError:
        pass


def _folders(root: Path) -> list[str]:
    """The folders that hold objects: `{project}/{domain}/{two digits}`, in the order of what is in them."""
    found = (path.relative_to(root).as_posix() for path in root.glob("[!.]*/[!.]*/??") if path.is_dir())
    return sorted(found, key="{}/".format)


def _kept_in(folder: Path, root: Path) -> list[Kept]:
    found = []
    for path in sorted(folder.iterdir()):
        try:
            key = ArtifactKey.from_path(path.relative_to(root).as_posix())
        except InvalidKey:
            continue
        kept = _kept(key, path)
        if kept is not None:
            found.append(kept)
    return found


def _last_touched(path: Path) -> float:
    """Seconds since the epoch; for ever in the future when another process has just renamed or removed it."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return math.inf


def _make_folder(path: Path) -> None:
    """Make a folder and its parents, each known to its own parent on the disk."""
    if not path.is_dir():
        _make_folder(path.parent)
        path.mkdir(exist_ok=True)
        _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
