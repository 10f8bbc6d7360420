"""Files and folders in the stack's artifact store: what `flyte.remote.upload_file` and `upload_dir` make.

A folder is an object that lists its files, each an object of its own, so that a reader fetches what it wants.
"""

import json
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import IO, Any

from flyte._store import artifacts, told
from flyte._syncify import block_on
from flyte.errors import RuntimeUserError

LISTING = "flyte-dir"
"""What the object of a folder begins with, as JSON: `{"flyte-dir": 1, "files": {PATH: URI}}`."""
VERSION = 1


def listing_text(files: dict[str, str]) -> bytes:
    """The object of a folder with these files: paths with forward slashes, and URIs."""
    return json.dumps({LISTING: VERSION, "files": dict(sorted(files.items()))}, ensure_ascii=False).encode()


def fetch(uri: str, path: Path) -> None:
    """Write an object to `path`. Raises FileNotFoundError, RuntimeSystemError."""
    with told(uri):
        block_on(artifacts().get_named_to_file(uri, path))


def fetched(uri: str, name: str | None = None) -> Path:
    """A file of this process's own with the object's content; it is gone when the process ends."""
    path = Path(tempfile.mkdtemp(dir=_folder().name)) / (name or uri.rpartition("/")[2])
    fetch(uri, path)
    return path


def opened(uri: str, mode: str) -> IO[Any]:
    """An object, open for reading. Raises RuntimeUserError for a mode that writes."""
    if any(letter in mode for letter in "wax+"):
        raise RuntimeUserError(
            "ArtifactNotWritable",
            f"{uri} is in the artifact store, whose objects never change: write to File.new_remote() instead",
        )
    path = fetched(uri)
    file = path.open(mode)
    path.unlink()  # the open file keeps its content
    return file


def exists(uri: str) -> bool:
    """Whether there is such an object. Raises RuntimeSystemError when nobody can say."""
    try:
        with told(uri):
            block_on(artifacts().size_of(uri))
        return True
    except FileNotFoundError:
        return False


def listing(uri: str) -> dict[str, str]:
    """The files of a folder: URIs by paths. Raises NotADirectoryError for an object that is none."""
    with opened(uri, "rb") as content:
        try:
            document = json.load(content)
        except ValueError:
            document = None
    if not isinstance(document, dict) or document.get(LISTING) != VERSION:
        raise NotADirectoryError(f"{uri} is a file, not a folder")
    return dict(document["files"])


def fetched_folder(uri: str, wanted: "str | os.PathLike[str] | None") -> Path:
    """The files of a folder at the path that is wanted, or at one of this process's own; that path."""
    target = Path(wanted) if wanted is not None else Path(tempfile.mkdtemp(dir=_folder().name))
    target.mkdir(parents=True, exist_ok=True)
    for relative, file in listing(uri).items():
        path = target / relative
        if not path.resolve().is_relative_to(target.resolve()):
            raise RuntimeUserError("ArtifactRefused", f"{uri} names a file outside of itself: {relative!r}")
        path.parent.mkdir(parents=True, exist_ok=True)
        fetch(file, path)
    return target


@cache
def _folder() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="flyte-fetched-")
