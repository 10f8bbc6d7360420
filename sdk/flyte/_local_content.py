"""Files, folders and tables in the data of a local run: what they hold, and whether they are still there.

On the stack a place in the artifact store is named by its content. A path of this machine is not, so where
calls are compared the content is read.
"""

import hashlib
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

REMEMBERED_DIGESTS = 1024


def by_content(value: Any) -> Any:
    """JSON data in which what is on this machine counts by its content, not by where it lies.

    What has a hash of its own keeps it, what is not there keeps its path. Raises OSError for a file that
    cannot be read.
    """
    match value:
        case {"format": str(), "hash": None} if (place := _path_of(value)) is not None and place.exists():
            rest = {name: item for name, item in value.items() if name not in ("path", "uri")}
            return {**rest, "content": _digest(place)}
        case dict():
            return {name: by_content(item) for name, item in value.items()}
        case list():
            return [by_content(item) for item in value]
        case _:
            return value


def is_all_there(value: Any) -> bool:
    """Whether every file, folder and table of this machine that JSON data names is there."""
    return all(place.exists() for place in _places(value))


def _places(value: Any) -> Iterator[Path]:
    if isinstance(value, dict):
        if "format" in value and "hash" in value and (place := _path_of(value)) is not None:
            yield place
        for item in value.values():
            yield from _places(item)
    elif isinstance(value, list):
        for item in value:
            yield from _places(item)


def _path_of(value: dict[str, Any]) -> Path | None:
    """The path on this machine; None for another place."""
    place = value.get("path") or value.get("uri")
    if not isinstance(place, str):
        return None
    if place.startswith("file://"):
        return Path(unquote(place.removeprefix("file://")))
    return None if "://" in place else Path(place)


def _digest(path: Path) -> str:
    if not path.is_dir():
        facts = path.stat()
        return _digest_of_file(str(path), facts.st_mtime_ns, facts.st_size, facts.st_ino)
    total = hashlib.md5(usedforsecurity=False)
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            inner = Path(folder) / name
            line = f"{inner.relative_to(path).as_posix()}\n{_digest(inner)}\n"
            total.update(line.encode(errors="surrogateescape"))
    return total.hexdigest()


@lru_cache(REMEMBERED_DIGESTS)
def _digest_of_file(path: str, mtime_ns: int, size_bytes: int, inode: int) -> str:
    """The MD5, for as long as the file looks the same."""
    with Path(path).open("rb") as content:
        return hashlib.file_digest(content, "md5").hexdigest()
