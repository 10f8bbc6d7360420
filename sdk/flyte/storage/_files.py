"""Files and folders by path or URI: copied, opened, streamed."""

import tempfile
import uuid
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flyte.io import _places as places
from flyte.io._opening import Opened, opened
from flyte.io._streams import Stream
from flyte.io._threads import aside
from flyte.storage._configs import fsspec_options

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


def get_configured_fsspec_kwargs(protocol: str | None = None, anonymous: bool = False) -> dict[str, Any]:
    """What the fsspec driver of a protocol (`s3`, `gs`, `abfs`) is given, by configuration and variables."""
    return fsspec_options(protocol, anonymous)


def get_underlying_filesystem(
    protocol: str | None = None, anonymous: bool = False, path: str | None = None, **kwargs: Any
) -> Any:
    """The fsspec filesystem of a protocol, or of a path's; without either, that of this machine.

    `flyte` is the stack's artifact store, for reading. Raises RuntimeUserError for a protocol that nothing
    here reads, and for a package that is missing.
    """
    from flyte.io._remote import filesystem, protocol_of

    if protocol is None:
        protocol = protocol_of(path) if path and "://" in path else "file"
    if protocol == "flyte":
        from flyte.io.fsspec import ArtifactFileSystem

        return ArtifactFileSystem(**kwargs)
    return filesystem(protocol, anonymous=anonymous, **kwargs)


def exists_sync(path: str, **kwargs: Any) -> bool:
    """Whether there is a file or a folder."""
    place = places.place_of(path)
    return place.is_file(path) or place.is_folder(path)


async def exists(path: str, **kwargs: Any) -> bool:
    """The same, to be awaited."""
    return await aside(exists_sync, path)


async def get(
    from_path: str, to_path: str | Path | None = None, recursive: bool = False, **kwargs: Any
) -> str:
    """Copy a file (a folder with `recursive`) to this machine; where it is then.

    Without `to_path` a file of this machine stays where it is. Raises FileNotFoundError, IsADirectoryError.
    """
    return await aside(_get, from_path, to_path, recursive)


async def put(
    from_path: str | Path,
    to_path: str | None = None,
    recursive: bool = False,
    batch_size: int | None = None,
    **kwargs: Any,
) -> str:
    """Copy a file (a folder with `recursive`) of this machine to `to_path`, or to a new place; where that is.

    Raises FileNotFoundError, IsADirectoryError.
    """
    return await aside(_put, Path(from_path), to_path, recursive)


async def open(path: str, mode: str = "rb", **kwargs: Any) -> Stream:
    """An open file whose results may be used at once or awaited: `await (await open(path)).read()`."""
    return Stream(await aside(_opened, path, mode, kwargs))


async def put_stream(
    data_iterable: bytes | Iterable[bytes] | AsyncIterable[bytes],
    *,
    name: str | None = None,
    to_path: str | None = None,
    **kwargs: Any,
) -> str:
    """Write what comes to `to_path`, or to a new place under `name`; where that is."""
    target, at = to_path or places.new_uri(name), []
    opening = await aside(lambda: opened(target, "wb", kwargs, written=lambda uri, _: at.append(uri)))
    async with Stream(opening) as file:
        async for chunk in _chunks(data_iterable):
            file.write(chunk)
    return at[0] if at else target


async def get_stream(path: str, chunk_size: int = CHUNK_BYTES, **kwargs: Any) -> AsyncGenerator[bytes]:
    """A file, `chunk_size` bytes at a time. Raises FileNotFoundError."""
    opening = await aside(_opened, path, "rb", kwargs)
    try:
        while chunk := await aside(opening.file.read, chunk_size):
            yield chunk
    finally:
        opening.close()


async def _chunks(data: bytes | Iterable[bytes] | AsyncIterable[bytes]) -> AsyncGenerator[bytes]:
    if isinstance(data, bytes | bytearray | memoryview):
        yield bytes(data)
    elif isinstance(data, AsyncIterable):
        async for chunk in data:
            yield chunk
    else:
        for chunk in data:
            yield chunk


def _opened(path: str, mode: str, options: dict[str, Any]) -> Opened:
    return opened(path, mode, options, written=lambda uri, content: None)


def _get(from_path: str, to_path: str | Path | None, recursive: bool) -> str:
    place = places.place_of(from_path)
    _check_kind(from_path, recursive)
    if to_path is None and places.is_here(from_path):
        return str(places.local_path(from_path, "get"))
    target = Path(to_path) if to_path is not None else places.fetched_path(places.name_of(from_path))
    if recursive and place.is_folder(from_path):
        place.get_folder(from_path, target)
        return str(target)
    if target.is_dir():
        target = target / places.name_of(from_path)
    target.parent.mkdir(parents=True, exist_ok=True)
    place.get(from_path, target)
    return str(target)


def _put(source: Path, to_path: str | None, recursive: bool) -> str:
    _check_kind(str(source), recursive)
    target = places.destination(to_path, source.name)
    if source.is_dir():
        return places.place_of(target).put_folder(source, target)
    if places.is_here(target) and places.local_path(target, "write to").is_dir():
        target = join(target, source.name)
    return places.place_of(target).put(source, target)


def _check_kind(path: str, recursive: bool) -> None:
    place = places.place_of(path)
    if not recursive and not place.is_file(path):
        if place.is_folder(path):
            raise IsADirectoryError(f"{path} is a folder: say recursive=True")
        raise FileNotFoundError(f"there is no file {path}")
    if recursive and not place.is_folder(path) and not place.is_file(path):
        raise FileNotFoundError(f"there is no file {path}")
