"""Files and folders in the stack's artifact store, over signed URLs.

Objects are named by their content. A task names what it writes before that is known (`flyte://raw/…`): such a
name holds within its process, and stands for the content's name as soon as it is written.
"""

import io
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, unquote

from flyte._limits import REMEMBERED_FOLDERS
from flyte._raw_data import RAW
from flyte._store import artifacts, told
from flyte._syncify import block_on
from flyte.errors import RuntimeUserError
from flyte.io import _folders
from flyte.io._here import in_order
from flyte.io._place import Entry, Tell
from flyte.io._places import ARTIFACTS
from flyte.io._reading import Span, reader, whole
from flyte.io._writing import Spool
from flyte_schemas.folders import BEGINNING, Folder, Member, folder_of

_KEY_PARTS = 3
"""`PROJECT/DOMAIN/MD5`, after which the path of a file in a folder may follow."""

_written: dict[str, str] = {}
"""What this process has written, by the names that it was given before."""


class ArtifactPlace:
    """The `Place` of `flyte://`."""

    def open(self, uri: str, mode: str, options: Mapping[str, Any], written: Tell) -> IO[Any]:
        if set("wxa") & set(mode):
            _check_new(uri)
            spool = Spool(lambda path: written(self.put(path, uri), path))
            return io.BufferedRandom(spool) if "+" in mode else io.BufferedWriter(spool)
        if "+" in mode:
            raise _not_writable(uri)
        return reader(_span(settled(uri)))

    def is_file(self, uri: str) -> bool:
        try:
            base, relative = _parts(settled(uri))
            return relative in folder_at(base).files if relative else _exists(base)
        except (FileNotFoundError, NotADirectoryError):
            return False

    def is_folder(self, uri: str) -> bool:
        try:
            self._contents(uri)
            return True
        except (FileNotFoundError, NotADirectoryError):
            return False

    def size_bytes(self, uri: str) -> int:
        return _span(settled(uri)).size_bytes

    def entries(self, uri: str) -> list[Entry]:
        base, folder = self._contents(uri)
        return in_order(
            [
                Entry(path=path, uri=_joined(base, path), size_bytes=member.size_bytes)
                for path, member in folder.files.items()
            ]
        )

    def entry(self, uri: str, path: str) -> Entry | None:
        base, folder = self._contents(uri)
        member = folder.files.get(path)
        if member is None:
            return None
        return Entry(path=path, uri=_joined(base, path), size_bytes=member.size_bytes)

    def get(self, uri: str, target: Path) -> None:
        span = _span(settled(uri))
        _folders.write_span(span, target)

    def get_folder(self, uri: str, target: Path) -> None:
        _, folder = self._contents(uri)
        _folders.download(folder, target, uri)

    def put(self, source: Path, uri: str) -> str:
        _check_new(uri)
        with told(uri):
            stored = block_on(artifacts().put_file(source))
        _written[uri] = stored.uri
        return stored.uri

    def put_folder(self, source: Path, uri: str) -> str:
        _check_new(uri)
        stored = _folders.upload(source)
        _written[uri] = stored
        return stored

    def make_folder(self, uri: str) -> None:
        _check_new(uri)  # it is there as soon as something is in it

    def _contents(self, uri: str) -> tuple[str, Folder]:
        """A folder, and the URI that the paths of its files are below. Raises NotADirectoryError …"""
        if uri.startswith(RAW) and (parts := _written_below(uri)):
            return uri, _folder_of_written(parts)
        base, relative = _parts(settled(uri))
        folder = folder_at(base)
        return (f"{base}/{quoted(relative)}", _below(folder, relative, uri)) if relative else (base, folder)


def settled(uri: str) -> str:
    """The name of the content of what was written. Raises FileNotFoundError when nothing was."""
    if not uri.startswith(RAW):
        return uri
    place, rest = uri, ""
    while place not in _written:
        place, slash, last = place.rpartition("/")
        if not slash or len(place) < len(RAW):
            raise FileNotFoundError(
                f"there is nothing at {uri}: this process wrote no file there, and other processes know "
                "what was written by the File or Dir that they are given"
            )
        rest = f"/{last}{rest}"
    return _written[place] + rest


def sealed(uri: str) -> str:
    """As others name it: a folder that files were written into becomes one that lists them.

    Raises FileNotFoundError when nothing was written there.
    """
    if not uri.startswith(RAW):
        return uri
    parts = _written_below(uri)
    if uri in _written or not parts:
        return settled(uri)
    return _folders.store(_folder_of_written(parts))


def quoted(path: str) -> str:
    """A path within a folder as part of a URI, whatever bytes its name has."""
    return quote(path.encode(errors="surrogateescape"), safe="/ !$&'()*+,;=:@~")


@lru_cache(REMEMBERED_FOLDERS)
def folder_at(uri: str) -> Folder:
    """The folder that an object lists. Raises NotADirectoryError for an object that is none …"""
    with reader(whole(uri)) as content:
        beginning = content.read(len(BEGINNING))
        folder = folder_of(beginning + content.read()) if beginning == BEGINNING else None
    if folder is None:
        raise NotADirectoryError(f"{uri} is a file, not a folder")
    return folder


def _parts(uri: str) -> tuple[str, str]:
    """The URI of an object, and the path of a file in it when it is a folder."""
    parts = uri.removeprefix(ARTIFACTS).split("/", _KEY_PARTS)
    base = ARTIFACTS + "/".join(parts[:_KEY_PARTS])
    relative = parts[_KEY_PARTS].strip("/") if len(parts) > _KEY_PARTS else ""
    return base, unquote(relative, errors="surrogateescape")


def _span(uri: str) -> Span:
    base, relative = _parts(uri)
    if not relative:
        return whole(base)
    member = folder_at(base).files.get(relative)
    if member is None:
        raise FileNotFoundError(f"there is no file {relative} in the folder {base}")
    return _folders.span_of(member)


def _exists(uri: str) -> bool:
    with told(uri):
        block_on(artifacts().size_of(uri))
    return True


def _joined(base: str, path: str) -> str:
    return f"{base}/{quoted(path)}"


def _below(folder: Folder, relative: str, uri: str) -> Folder:
    start = f"{relative}/"
    files = {path.removeprefix(start): at for path, at in folder.files.items() if path.startswith(start)}
    empty = tuple(path.removeprefix(start) for path in folder.empty if path.startswith(start))
    if not files and not empty and relative not in folder.empty:
        raise NotADirectoryError(f"there is no folder {uri}")
    return Folder(files=files, empty=empty)


def _written_below(uri: str) -> dict[str, str]:
    start = uri.rstrip("/") + "/"
    return {
        place.removeprefix(start): stored for place, stored in _written.items() if place.startswith(start)
    }


def _folder_of_written(parts: Mapping[str, str]) -> Folder:
    files: dict[str, Member] = {}
    for path, stored in parts.items():
        span = _span(stored)
        files[path] = Member(uri=span.uri, offset=span.offset, size_bytes=span.size_bytes, name=span.name)
    return Folder(files=files)


def _check_new(uri: str) -> None:
    if not uri.startswith(RAW):
        raise _not_writable(uri)


def _not_writable(uri: str) -> RuntimeUserError:
    return RuntimeUserError(
        "ArtifactNotWritable",
        f"{uri} is in the artifact store, whose objects never change: write to File.new_remote() instead",
    )


STORE = ArtifactPlace()
