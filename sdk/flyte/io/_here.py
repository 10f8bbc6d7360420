"""Files and folders of this machine."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from flyte.io._place import Entry, Tell
from flyte.io._places import local_path

_WRITING = frozenset("wax+")


class Here:
    """The `Place` of paths and `file://`."""

    def open(self, uri: str, mode: str, options: Mapping[str, Any], written: Tell) -> IO[Any]:
        path = local_path(uri, "open")
        if _WRITING & set(mode):
            path.parent.mkdir(parents=True, exist_ok=True)
            return path.open(mode)
        return _found(path).open(mode)

    def is_file(self, uri: str) -> bool:
        return local_path(uri, "look for").is_file()

    def is_folder(self, uri: str) -> bool:
        return local_path(uri, "look for").is_dir()

    def size_bytes(self, uri: str) -> int:
        return _found(local_path(uri, "measure")).stat().st_size

    def entries(self, uri: str) -> list[Entry]:
        root = _folder(local_path(uri, "list"))
        return [
            Entry(path=relative, uri=str(root / relative), size_bytes=size)
            for relative, size in sorted(_walked(root, root, ()), key=lambda item: _order(item[0]))
        ]

    def entry(self, uri: str, path: str) -> Entry | None:
        found = local_path(uri, "look into") / path
        return Entry(path=path, uri=str(found), size_bytes=found.stat().st_size) if found.is_file() else None

    def get(self, uri: str, target: Path) -> None:
        source = _found(local_path(uri, "get"))
        if not (target.exists() and source.samefile(target)):
            shutil.copyfile(source, target)

    def get_folder(self, uri: str, target: Path) -> None:
        source = _folder(local_path(uri, "get"))
        if source.absolute() != target.absolute():
            shutil.copytree(source, target, dirs_exist_ok=True)

    def put(self, source: Path, uri: str) -> str:
        target = local_path(uri, "write to")
        target.parent.mkdir(parents=True, exist_ok=True)
        self.get(str(source), target)
        return uri if uri.startswith("file://") else str(target)

    def put_folder(self, source: Path, uri: str) -> str:
        target = local_path(uri, "write to")
        self.get_folder(str(source), target)
        return uri if uri.startswith("file://") else str(target)

    def make_folder(self, uri: str) -> None:
        local_path(uri, "make").mkdir(parents=True, exist_ok=True)


def _order(path: str) -> list[tuple[bool, str]]:
    """Files before folders, each by name."""
    *folders, name = path.split("/")
    return [*((True, folder) for folder in folders), (False, name)]


def in_order(entries: list[Entry]) -> list[Entry]:
    """As a walk meets them: the files of a folder by name, then its folders."""
    return sorted(entries, key=lambda entry: _order(entry.path))


def _walked(root: Path, folder: Path, above: tuple[str, ...]) -> "list[tuple[str, int]]":
    """The files below a folder, with their sizes; a link back to a folder above is not followed."""
    found: list[tuple[str, int]] = []
    real = os.path.realpath(folder)
    with os.scandir(folder) as items:
        for item in items:
            if item.is_dir():
                if os.path.realpath(item.path) not in (*above, real):
                    found += _walked(root, Path(item.path), (*above, real))
            elif item.is_file():
                found.append((Path(item.path).relative_to(root).as_posix(), item.stat().st_size))
    return found


def _found(path: Path) -> Path:
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, not a file")
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    return path


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise NotADirectoryError(f"there is no folder {path}")
    return path


HERE = Here()
