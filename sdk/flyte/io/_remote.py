"""Files and folders in any storage that fsspec reaches: `s3://`, `gs://`, `abfs://`, `https://`.

fsspec, and what it needs for a protocol (`s3fs` …), is loaded when a URI first names it.
"""

import contextlib
import errno
import io
import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import IO, Any, TypeVar

from flyte._logger import logger as log
from flyte.errors import RuntimeSystemError, RuntimeUserError
from flyte.io._here import in_order
from flyte.io._place import Entry, Tell
from flyte.io._progress import progress
from flyte.io._threads import at_once
from flyte.io._writing import Spool

BATCH_FILES = 16
"""Of one folder, how many transfers go on at a time where the storage's driver can do several."""
EXTRAS = {
    "s3": "s3",
    "s3a": "s3",
    "gs": "gcs",
    "gcs": "gcs",
    "abfs": "abfs",
    "abfss": "abfs",
    "az": "abfs",
}
"""What to install for a protocol: `flytejet[s3]` …"""
_GIVES_UP = frozenset({"s3", "s3a", "gs", "gcs"})
"""Where a file being written can be given up; elsewhere it is written beside, and sent when closed."""


UNAVAILABLE = "StorageUnavailable"
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)

ResultT = TypeVar("ResultT")


def fsspec() -> Any:
    """The package, with its parts loaded. Raises RuntimeUserError (`PackageMissing`)."""
    try:
        import fsspec
        import fsspec.compression
        import fsspec.utils
    except ImportError as error:
        raise RuntimeUserError(
            "PackageMissing", "remote storage needs fsspec: pip install flytejet[s3]"
        ) from error
    return fsspec


def protocol_of(uri: str) -> str:
    """`s3` of `s3://bucket/key`."""
    return uri.partition("://")[0].lower()


def filesystem(protocol: str, *, anonymous: bool = False, **options: Any) -> Any:
    """The storage of a protocol, reached as `flyte.storage` is told. Raises RuntimeUserError."""
    from flyte.storage._configs import fsspec_options

    library = fsspec()
    try:
        return library.filesystem(protocol, **{**fsspec_options(protocol, anonymous), **options})
    except ImportError as error:
        extra = EXTRAS.get(protocol)
        what = f"flytejet[{extra}]" if extra else f"what fsspec needs for it ({error})"
        raise RuntimeUserError("PackageMissing", f"{protocol}:// needs a package: install {what}") from error
    except ValueError as error:
        raise RuntimeUserError(
            "UnknownProtocol", f"nothing here reads {protocol}:// (fsspec says: {error})"
        ) from error


def _persist(uri: str, work: Callable[[], ResultT]) -> ResultT:
    """Do it, again while the storage cannot be reached, as often and after such pauses as it is configured.

    Raises what `_told` does.
    """
    from flyte.storage._configs import storage_of

    config = storage_of(protocol_of(uri))
    for left in range(config.retries, -1, -1):
        try:
            with _told(uri):
                return work()
        except RuntimeSystemError as error:
            if not left or error.code != UNAVAILABLE:
                raise
            log.warning("%s; trying again", error)
            time.sleep(config.backoff.total_seconds() * random.uniform(0.5, 1.0))
    raise AssertionError("the last try returns or raises")


class RemotePlace:
    """The `Place` of whatever fsspec reaches."""

    def open(self, uri: str, mode: str, options: Mapping[str, Any], written: Tell) -> IO[Any]:
        storage = filesystem(protocol_of(uri))
        known = {name: value for name, value in options.items() if value is not None}
        if set(mode) == set("wb") and protocol_of(uri) in _GIVES_UP:
            with _told(uri):
                file = storage.open(uri, mode, autocommit=False, **known)
            return _Committed(file)  # type: ignore[return-value]
        if set(mode) == set("wb"):
            return io.BufferedWriter(Spool(lambda path: self._deliver(path, uri)))
        with _told(uri):
            opened: IO[Any] = storage.open(uri, mode, **known)
        return opened

    def is_file(self, uri: str) -> bool:
        storage = filesystem(protocol_of(uri))
        with _told(uri):
            return _info(storage, uri).get("type") == "file"

    def is_folder(self, uri: str) -> bool:
        storage = filesystem(protocol_of(uri))
        with _told(uri):
            return _info(storage, uri).get("type") == "directory"

    def size_bytes(self, uri: str) -> int:
        storage = filesystem(protocol_of(uri))
        with _told(uri):
            return int(storage.info(uri)["size"])

    def entries(self, uri: str) -> list[Entry]:
        storage = filesystem(protocol_of(uri))

        def find() -> dict[str, dict[str, Any]]:
            storage.invalidate_cache(uri)
            found: dict[str, dict[str, Any]] = storage.find(uri.rstrip("/"), detail=True)
            if not found and not storage.isdir(uri):
                raise NotADirectoryError(f"there is no folder {uri}")
            return found

        root = storage._strip_protocol(uri).rstrip("/") + "/"
        return in_order(
            [
                Entry(
                    path=name.removeprefix(root),
                    uri=storage.unstrip_protocol(name),
                    size_bytes=facts.get("size"),
                )
                for name, facts in _persist(uri, find).items()
                if facts.get("type") == "file" and name.startswith(root) and not name.endswith("/")
            ]
        )

    def entry(self, uri: str, path: str) -> Entry | None:
        place = f"{uri.rstrip('/')}/{path}"
        storage = filesystem(protocol_of(uri))
        with _told(place):
            facts = _info(storage, place)
        return (
            Entry(path=path, uri=place, size_bytes=facts.get("size")) if facts.get("type") == "file" else None
        )

    def get(self, uri: str, target: Path) -> None:
        storage = filesystem(protocol_of(uri))

        def get() -> None:
            facts = storage.info(uri)
            if facts.get("type") == "directory":
                raise IsADirectoryError(f"{uri} is a folder, not a file")
            with _beside(target) as beside:
                storage.get_file(uri, str(beside))
                _check_size(beside.stat().st_size, facts.get("size"), uri)

        _persist(uri, get)

    def get_folder(self, uri: str, target: Path) -> None:
        entries = self.entries(uri)
        target.mkdir(parents=True, exist_ok=True)
        root = target.resolve()
        places = [_inside(root, entry, uri) for entry in entries]
        for folder in {place.parent for place in places}:
            folder.mkdir(parents=True, exist_ok=True)
        storage = filesystem(protocol_of(uri))
        size_bytes = sum(entry.size_bytes or 0 for entry in entries)
        with progress(f"download {target.name}", size_bytes, len(entries)) as tell:
            for batch in _batches(list(zip(entries, places, strict=True))):
                _persist(uri, partial(self._get_all, storage, batch))
                tell(sum(entry.size_bytes or 0 for entry, _ in batch), len(batch))

    def put(self, source: Path, uri: str) -> str:
        storage = filesystem(protocol_of(uri))

        def put() -> None:
            _make_above(storage, uri)
            storage.put_file(str(source), uri)
            storage.invalidate_cache()
            _check_size(int(storage.info(uri)["size"]), source.stat().st_size, uri)

        _persist(uri, put)
        return uri

    def put_folder(self, source: Path, uri: str) -> str:
        from flyte.io._here import HERE

        files = HERE.entries(str(source))
        root = uri.rstrip("/")
        storage = filesystem(protocol_of(uri))
        size_bytes = sum(entry.size_bytes or 0 for entry in files)
        with progress(f"upload {source.name}", size_bytes, len(files)) as tell:
            for folder in sorted({entry.path.rpartition("/")[0] for entry in files}):
                above = f"{root}/{folder}/x" if folder else f"{root}/x"
                _persist(uri, partial(_make_above, storage, above))
            for batch in _batches(files):
                _persist(uri, partial(self._put_all, storage, batch, root))
                tell(sum(entry.size_bytes or 0 for entry in batch), len(batch))
            storage.invalidate_cache()
            self._check_all(uri, files)
        return uri

    def _deliver(self, path: Path, uri: str) -> None:
        self.put(path, uri)

    def make_folder(self, uri: str) -> None:
        """Nothing: a folder is there when something is in it."""

    def _get_all(self, storage: Any, batch: list[tuple[Entry, Path]]) -> None:
        if storage.async_impl:
            storage.get([entry.uri for entry, _ in batch], [str(place) for _, place in batch])
        else:
            at_once(lambda item: storage.get_file(item[0].uri, str(item[1])), batch)
        for entry, place in batch:
            _check_size(place.stat().st_size, entry.size_bytes, entry.uri)

    def _put_all(self, storage: Any, batch: list[Entry], root: str) -> None:
        targets = [f"{root}/{entry.path}" for entry in batch]
        if storage.async_impl:
            storage.put([entry.uri for entry in batch], targets, batch_size=BATCH_FILES)
        else:
            pairs = list(zip(batch, targets, strict=True))
            at_once(lambda pair: storage.put_file(pair[0].uri, pair[1]), pairs)

    def _check_all(self, uri: str, files: list[Entry]) -> None:
        """One listing says whether all of it arrived."""
        there = {entry.path: entry.size_bytes for entry in self.entries(uri)} if files else {}
        for entry in files:
            if entry.path not in there:
                raise RuntimeSystemError("StorageIncomplete", f"{uri}/{entry.path} did not arrive")
            _check_size(there[entry.path], entry.size_bytes, f"{uri}/{entry.path}")


class _Committed:
    """A file that is there when it was closed, and is not when it was discarded."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._is_open = True

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._file.close()
            self._file.commit()

    def discard(self) -> None:
        if self._is_open:
            self._is_open = False
            with contextlib.suppress(Exception):
                self._file.close()
                self._file.discard()

    @property
    def closed(self) -> bool:
        return not self._is_open

    def __enter__(self) -> "_Committed":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.close() if kind is None else self.discard()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _info(storage: Any, uri: str) -> dict[str, Any]:
    try:
        storage.invalidate_cache(uri)
        found: dict[str, Any] = storage.info(uri)
        return found
    except FileNotFoundError:
        return {}


def _make_above(storage: Any, uri: str) -> None:
    """The folders above a file, where they have to be made; a bucket has to be there."""
    if not storage.async_impl:
        storage.makedirs(uri.rpartition("/")[0], exist_ok=True)


def _batches(items: list[Any]) -> Iterator[list[Any]]:
    step = 8 * BATCH_FILES
    for start in range(0, len(items), step):
        yield items[start : start + step]


def _check_size(actual: int | None, expected: int | None, uri: str) -> None:
    if actual is not None and expected is not None and actual != expected:
        raise RuntimeSystemError("StorageIncomplete", f"{uri} has {actual} bytes where {expected} were sent")


def _inside(root: Path, entry: Entry, uri: str) -> Path:
    place = (root / entry.path).resolve()
    if not place.is_relative_to(root):
        raise RuntimeUserError("StorageRefused", f"{uri} names a file outside of itself: {entry.path!r}")
    return place


@contextlib.contextmanager
def _beside(target: Path) -> Iterator[Path]:
    beside = target.with_name(f".flyte-{uuid.uuid4().hex}")
    try:
        yield beside
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


@contextlib.contextmanager
def _told(uri: str) -> Iterator[None]:
    """What a driver raises, as ours. Raises FileNotFoundError; RuntimeUserError; RuntimeSystemError."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(f"there is nothing at {uri}") from error
    except (NotADirectoryError, IsADirectoryError, RuntimeSystemError, RuntimeUserError):
        raise
    except PermissionError as error:
        raise _refused(uri, f"the storage refuses ({error}): check its keys and rights") from error
    except OSError as error:
        if error.errno in _DISK:
            raise  # this machine's own
        raise RuntimeSystemError(UNAVAILABLE, f"{uri}: {error}") from error
    except (NotImplementedError, ValueError, TypeError) as error:
        raise _refused(uri, f"the storage cannot do this: {error}") from error
    except Exception as error:  # botocore's, aiohttp's …, which are not loaded here
        said = str(error) or type(error).__name__
        if "Credential" in type(error).__name__ or "Token" in type(error).__name__:
            raise _refused(
                uri, f"{said}: give them to flyte.init(storage=flyte.storage.S3(…)), or set FLYTE_AWS_…"
            ) from error
        raise RuntimeSystemError(UNAVAILABLE, f"{uri}: {said}") from error


def _refused(uri: str, why: str) -> RuntimeUserError:
    return RuntimeUserError("StorageRefused", f"{uri}: {why}")


REMOTE = RemotePlace()
