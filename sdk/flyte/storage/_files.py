"""Files and folders by path: copied, opened, streamed."""

import asyncio
import shutil
import tempfile
import uuid
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flyte.io._places import is_artifact, local_path, new_path
from flyte.io._streams import Stream

CHUNK_BYTES = 10 * 1024 * 1024
"""How much of a stream is in memory at a time."""


def is_remote(path: str | Path) -> bool:
    """Whether the path is not of this machine: a URI other than `file://`."""
    text = str(path)
    return "://" in text and urlsplit(text).scheme != "file"


def join(*paths: str) -> str:
    """Parts of a path or URI, put together with one slash between them."""
    first, *rest = (str(path) for path in paths)
    return "/".join([first.rstrip("/"), *(part.strip("/") for part in rest)]) if rest else first


def get_random_local_path(file_path_or_file_name: str | Path | None = None) -> Path:
    """A path of this machine that nothing has, in a folder that exists; of this name, when it is given."""
    name = Path(file_path_or_file_name).name if file_path_or_file_name else uuid.uuid4().hex
    return get_random_local_directory() / name


def get_random_local_directory() -> Path:
    """A new folder of this machine."""
    return Path(tempfile.mkdtemp(prefix="flyte-"))


def exists_sync(path: str, **kwargs: Any) -> bool:
    """Whether there is a file or a folder."""
    if is_artifact(path):
        from flyte.io import _artifacts

        return _artifacts.exists(path)
    return local_path(path, "look for").exists()


async def exists(path: str, **kwargs: Any) -> bool:
    """The same, to be awaited."""
    return await asyncio.to_thread(exists_sync, path)


async def get(
    from_path: str, to_path: str | Path | None = None, recursive: bool = False, **kwargs: Any
) -> str:
    """Copy a file (a folder with `recursive`) to this machine; where it is then.

    Without `to_path` a file of this machine stays where it is. Raises FileNotFoundError.
    """
    return await asyncio.to_thread(_get, from_path, to_path, recursive)


async def put(
    from_path: str | Path,
    to_path: str | None = None,
    recursive: bool = False,
    batch_size: int | None = None,
    **kwargs: Any,
) -> str:
    """Copy a file (a folder with `recursive`) of this machine to `to_path`, or to a new place; where that is.

    Raises FileNotFoundError.
    """
    return await asyncio.to_thread(_put, Path(from_path), to_path, recursive)


async def open(path: str, mode: str = "rb", **kwargs: Any) -> Stream:
    """An open file whose results may be used at once or awaited: `await (await open(path)).read()`."""
    if is_artifact(path):
        from flyte.io import _artifacts

        return Stream(await asyncio.to_thread(_artifacts.opened, path, mode))
    target = local_path(path, "open")
    if any(letter in mode for letter in "wax"):
        target.parent.mkdir(parents=True, exist_ok=True)
    return Stream(target.open(mode))


async def put_stream(
    data_iterable: bytes | Iterable[bytes] | AsyncIterable[bytes],
    *,
    name: str | None = None,
    to_path: str | None = None,
    **kwargs: Any,
) -> str:
    """Write what comes to `to_path`, or to a new place under `name`; where that is."""
    target = new_path(name) if to_path is None else local_path(to_path, "write to")
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        async for chunk in _chunks(data_iterable):
            file.write(chunk)
    return str(target)


async def get_stream(path: str, chunk_size: int = CHUNK_BYTES, **kwargs: Any) -> AsyncGenerator[bytes]:
    """A file, `chunk_size` bytes at a time. Raises FileNotFoundError."""
    file = await open(path, "rb")
    try:
        while chunk := bytes(file.read(chunk_size)):
            yield chunk
    finally:
        file.close()


async def _chunks(data: bytes | Iterable[bytes] | AsyncIterable[bytes]) -> AsyncGenerator[bytes]:
    if isinstance(data, bytes | bytearray | memoryview):
        yield bytes(data)
    elif isinstance(data, AsyncIterable):
        async for chunk in data:
            yield chunk
    else:
        for chunk in data:
            yield chunk


def _get(from_path: str, to_path: str | Path | None, recursive: bool) -> str:
    if is_artifact(from_path):
        return _get_artifact(from_path, to_path, recursive)
    source = local_path(from_path, "get")
    return _copied(source, None if to_path is None else Path(to_path), recursive)


def _get_artifact(uri: str, to_path: str | Path | None, recursive: bool) -> str:
    from flyte.io import _artifacts

    if recursive:
        return str(_artifacts.fetched_folder(uri, to_path))
    if to_path is None:
        return str(_artifacts.fetched(uri))
    Path(to_path).parent.mkdir(parents=True, exist_ok=True)
    _artifacts.fetch(uri, Path(to_path))
    return str(to_path)


def _put(source: Path, to_path: str | None, recursive: bool) -> str:
    target = new_path(source.name) if to_path is None else local_path(to_path, "write to")
    return _copied(source, target, recursive)


def _copied(source: Path, target: Path | None, recursive: bool) -> str:
    if not source.exists():
        raise FileNotFoundError(f"there is no file {source}")
    if source.is_dir() and not recursive:
        raise IsADirectoryError(f"{source} is a folder: say recursive=True")
    if target is None or target.absolute() == source.absolute():
        return str(source)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
        return str(target)
    if target.is_dir():
        target = target / source.name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    return str(target)
