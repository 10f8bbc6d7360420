"""Folders to and from the artifact store: small files packed together, all in parallel and verified."""

import contextlib
import hashlib
import os
import stat
import uuid
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from flyte._limits import PACK_BYTES, PACKED_FILE_BYTES
from flyte._runtime.artifact_errors import ArtifactCorrupted
from flyte._store import artifacts, told
from flyte._syncify import block_on
from flyte.errors import RuntimeUserError
from flyte.io._progress import Progress, progress
from flyte.io._reading import Span, reader
from flyte.io._threads import at_once
from flyte_schemas.artifacts import NameDigest
from flyte_schemas.folders import Folder, Member, folder_json

CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Found:
    """A file of this machine, by its path within the folder."""

    path: str
    place: Path
    size_bytes: int
    is_executable: bool


@dataclass(slots=True)
class _Scan:
    files: list[_Found] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)


def upload(root: Path, below: str = "") -> str:
    """Store the files of a folder and of those below it; the URI of the folder.

    With `below`, the files are found below that path. A link stands for what it leads to. Raises
    NotADirectoryError; FileNotFoundError for a link that leads nowhere; RuntimeUserError
    (`FolderRefused`) for what is neither file nor folder; RuntimeSystemError.
    """
    if not root.is_dir():
        raise NotADirectoryError(f"there is no folder {root}")
    scan = _Scan()
    _scan(root, below.strip("/"), (), scan)
    jobs = list(_jobs(scan.files))
    size_bytes = sum(found.size_bytes for found in scan.files)
    with progress(f"upload {root.name}", size_bytes, len(scan.files)) as shown, told(str(root)):
        parts = at_once(lambda job: _put(job, shown), jobs)
    files = {path: member for part in parts for path, member in part.items()}
    return store(Folder(files=files, empty=tuple(scan.empty)))


def store(folder: Folder) -> str:
    """Store the list of files; the URI of the folder."""
    with told("the folder"):
        return block_on(artifacts().put(folder_json(folder), "folder.json")).uri


def download(folder: Folder, target: Path, uri: str) -> None:
    """Write the files below `target`. What is there already, with the same content, is not fetched again.

    Raises RuntimeUserError (`ArtifactRefused`) for a file outside of the folder; RuntimeSystemError; OSError.
    """
    root = _made(target)
    for path in folder.empty:
        _made(_inside(root, path, uri))
    wanted: dict[str, list[tuple[Path, Member]]] = defaultdict(list)
    for folder_path in {path.rpartition("/")[0] for path in folder.files}:
        _made(_inside(root, folder_path, uri))
    is_fresh = not any(True for _ in _files_in(root))
    for path, member in folder.files.items():
        place = root / _checked(path, uri)
        if is_fresh or not _has(place, member):
            wanted[member.uri].append((place, member))
    size_bytes = sum(member.size_bytes for group in wanted.values() for _, member in group)
    count = sum(map(len, wanted.values()))
    with progress(f"download {target.name}", size_bytes, count) as shown, told(uri):
        at_once(lambda item: _fetch(*item, shown), wanted.items())


def span_of(member: Member) -> Span:
    """Where the bytes of a file are."""
    return Span(uri=member.uri, offset=member.offset, size_bytes=member.size_bytes, name=member.name)


def write_span(span: Span, target: Path) -> None:
    """Write the bytes to `target`, which appears whole or not at all. Raises RuntimeSystemError; OSError."""
    is_whole = span.offset == 0 and span.uri.endswith(f"/{span.name}")
    with told(span.uri), _replacing(target) as sink:
        if is_whole and span.size_bytes > PACK_BYTES:
            beside = Path(sink.name)
            mode = beside.stat().st_mode
            block_on(artifacts().get_named_to_file(span.uri, beside))
            beside.chmod(mode)
        elif span.size_bytes:
            with reader(span, span.size_bytes) as source:
                _copy(source, sink, span)


# -- up ----------------------------------------------------------------------------------------------------


def _scan(folder: Path, path: str, above: tuple[str, ...], scan: _Scan) -> None:
    """What is in a folder, in order. Raises as `upload` does."""
    real = os.path.realpath(folder)
    if real in above:
        raise RuntimeUserError(
            "FolderRefused", f"{folder} is a link to a folder that it is in: take the link out"
        )
    with os.scandir(folder) as items:
        entries = sorted(items, key=lambda item: item.name)
    if not entries and path:
        scan.empty.append(path)
    for item in entries:
        inner = f"{path}/{item.name}" if path else item.name
        try:
            facts = item.stat()
        except FileNotFoundError:
            raise FileNotFoundError(f"{item.path} is a link to nothing: take it out") from None
        if stat.S_ISDIR(facts.st_mode):
            _scan(Path(item.path), inner, (*above, real), scan)
        elif stat.S_ISREG(facts.st_mode):
            is_executable = bool(facts.st_mode & stat.S_IXUSR)
            scan.files.append(_Found(inner, Path(item.path), facts.st_size, is_executable))
        else:
            raise RuntimeUserError(
                "FolderRefused", f"{item.path} is neither a file nor a folder: take it out"
            )


def _jobs(files: list[_Found]) -> Iterator[list[_Found]]:
    """What goes into one object each: a large file, or small ones until they are many bytes."""
    pack: list[_Found] = []
    size_bytes = 0
    for found in files:
        if found.size_bytes >= PACKED_FILE_BYTES:
            yield [found]
            continue
        pack.append(found)
        size_bytes += found.size_bytes
        if size_bytes >= PACK_BYTES:
            yield pack
            pack, size_bytes = [], 0
    if pack:
        yield pack


def _put(job: list[_Found], shown: Progress) -> dict[str, Member]:
    if len(job) == 1 and job[0].size_bytes >= PACKED_FILE_BYTES:
        return _put_large(job[0], shown)
    pack = bytearray()
    places: list[tuple[_Found, int, int, str]] = []
    for found in job:
        data = found.place.read_bytes()
        digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
        places.append((found, len(pack), len(data), digest))
        pack += data
    stored = block_on(artifacts().put(bytes(pack), "pack"))
    shown(len(pack), len(job))
    return {
        found.path: Member(
            uri=stored.uri, offset=offset, size_bytes=size, name=name, is_executable=found.is_executable
        )
        for found, offset, size, name in places
    }


def _put_large(found: _Found, shown: Progress) -> dict[str, Member]:
    stored = block_on(artifacts().put_file(found.place, found.place.name.encode(errors="replace").decode()))
    shown(stored.size_bytes, 1)
    return {
        found.path: Member(
            uri=stored.uri,
            offset=0,
            size_bytes=stored.size_bytes,
            name=stored.md5,
            is_executable=found.is_executable,
        )
    }


# -- down --------------------------------------------------------------------------------------------------


def _fetch(uri: str, files: list[tuple[Path, Member]], shown: Progress) -> None:
    """The files that lie in one object, one after the other."""
    files.sort(key=lambda item: item[1].offset)
    start = files[0][1].offset
    stop = max(member.offset + member.size_bytes for _, member in files)
    if len(files) == 1:
        write_span(span_of(files[0][1]), files[0][0])
        _allow(*files[0])
        shown(files[0][1].size_bytes, 1)
        return
    with reader(Span(uri=uri, offset=start, size_bytes=stop - start, name=""), stop - start) as source:
        for place, member in files:
            source.seek(member.offset - start)
            with _replacing(place) as sink:
                _copy(source, sink, span_of(member))
            _allow(place, member)
            shown(member.size_bytes, 1)


def _copy(source: BinaryIO, sink: BinaryIO, span: Span) -> None:
    digest, left = NameDigest(span.size_bytes), span.size_bytes
    while left and (chunk := source.read(min(left, CHUNK_BYTES))):
        sink.write(chunk)
        digest.update(chunk)
        left -= len(chunk)
    if digest.name() != span.name:
        raise ArtifactCorrupted(span.uri, expected=f"md5 {span.name}", actual=f"md5 {digest.name()}")


def _allow(place: Path, member: Member) -> None:
    if member.is_executable:
        place.chmod(place.stat().st_mode | 0o111)


def _has(place: Path, member: Member) -> bool:
    """Whether the file is there already, as it should be."""
    try:
        if place.stat().st_size != member.size_bytes:
            return False
        with place.open("rb") as content:
            digest = NameDigest(member.size_bytes)
            while chunk := content.read(CHUNK_BYTES):
                digest.update(chunk)
            return digest.name() == member.name
    except OSError:
        return False


def _files_in(root: Path) -> Iterator[str]:
    for _, _, names in os.walk(root):
        yield from names


def _checked(path: str, uri: str) -> str:
    if path.startswith("/") or "\0" in path or not {"", ".", ".."}.isdisjoint(path.split("/")):
        raise RuntimeUserError("ArtifactRefused", f"{uri} names a file outside of itself: {path!r}")
    return path


def _inside(root: Path, path: str, uri: str) -> Path:
    """The place of a folder; no link that is there already may lead out. Raises RuntimeUserError."""
    if not path:
        return root
    place = root / _checked(path, uri)
    if not place.resolve().is_relative_to(root):
        raise RuntimeUserError("ArtifactRefused", f"{place} leads out of the folder: take the link out")
    return place


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


@contextlib.contextmanager
def _replacing(target: Path) -> Iterator[BinaryIO]:
    """A new file beside `target`, which takes its place when the block succeeds."""
    beside = target.with_name(f".flyte-{uuid.uuid4().hex}")
    try:
        with beside.open("xb") as sink:
            yield sink
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
