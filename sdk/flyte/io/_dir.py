"""`Dir`: a folder as a value."""

import asyncio
import fnmatch
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, ClassVar

from pydantic import ConfigDict, field_serializer, model_validator
from typing_extensions import TypeVar

from flyte._runtime.codecs.schemas import FORM
from flyte.io import _places as places
from flyte.io._file import File, Placed

T = TypeVar("T", default=Any)


class Dir(Placed[T]):
    """A folder by its path. Methods that touch it have blocking twins, with `_sync` at the end.

    Raises RuntimeUserError (`RemoteStorageNotSupported`) as `File` does.
    """

    model_config = ConfigDict(json_schema_extra={FORM: "dir"})
    __flyte_form__: ClassVar[str] = "dir"

    path: str
    name: str | None = None
    format: str = ""
    hash: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_path(cls, data: Any) -> Any:
        return places.from_text(data, "path")

    @field_serializer("path", when_used="json")
    def _for_others(self, path: str) -> str:
        return places.absolute(path)

    def model_post_init(self, context: Any) -> None:
        if self.name is None and self.path:
            self.name = Path(self.path).name

    @property
    def is_empty(self) -> bool:
        """Whether this is the folder that stands for none."""
        return not self.path

    @classmethod
    def empty(cls) -> "EmptyDir":
        """A folder that stands for none: nothing is in it, and nothing is read."""
        return EmptyDir()

    @classmethod
    def new_remote(cls, dir_name: str | None = None, hash: str | None = None) -> "Dir[T]":
        """A new, empty folder at a place that outlives the task."""
        path = places.new_path(dir_name)
        path.mkdir()
        return cls(path=str(path), hash=hash)

    @classmethod
    def from_existing_remote(cls, remote_path: str, dir_cache_key: str | None = None) -> "Dir[T]":
        """A folder that exists, by its path or URI; nothing is read."""
        return cls(path=remote_path, hash=dir_cache_key)

    @classmethod
    def from_local_sync(
        cls,
        local_path: "str | os.PathLike[str]",
        remote_destination: str | None = None,
        dir_cache_key: str | None = None,
    ) -> "Dir[T]":
        """A folder of this machine, for other tasks; copied as `File.from_local_sync` does.

        Raises NotADirectoryError.
        """
        source = Path(local_path)
        if not source.is_dir():
            raise NotADirectoryError(f"there is no folder {source}")
        target = source.absolute()
        if remote_destination is not None or places.is_on_stack():
            target = places.destination(remote_destination, source.name)
            shutil.copytree(source, target, dirs_exist_ok=True)
        return cls(path=str(target), name=source.name, hash=dir_cache_key)

    @classmethod
    async def from_local(
        cls,
        local_path: "str | os.PathLike[str]",
        remote_destination: str | None = None,
        dir_cache_key: str | None = None,
        batch_size: int | None = None,
    ) -> "Dir[T]":
        """The same as `from_local_sync`, to be awaited."""
        return await asyncio.to_thread(cls.from_local_sync, local_path, remote_destination, dir_cache_key)

    def walk_sync(
        self, recursive: bool = True, file_pattern: str = "*", max_depth: int | None = None
    ) -> Iterator[File[T]]:
        """The files whose names match, in order; `max_depth` 1 is the folder itself."""
        if self.is_empty:
            return
        if places.is_artifact(self.path):
            yield from self._listed(1 if not recursive else max_depth, file_pattern)
            return
        root = places.local_path(self.path, "walk through")
        if not root.is_dir():
            raise NotADirectoryError(f"there is no folder {root}")
        depth = 1 if not recursive else max_depth
        for folder, folders, names in os.walk(root):
            folders.sort()
            level = len(Path(folder).relative_to(root).parts) + 1
            if depth is not None and level >= depth:
                folders.clear()
            for name in sorted(fnmatch.filter(names, file_pattern)):
                yield File(path=str(Path(folder) / name), name=name)

    def _listed(self, depth: int | None, file_pattern: str) -> Iterator[File[T]]:
        """The same for a folder in the artifact store: files before folders, each by name."""
        from flyte.io import _artifacts

        def place(relative: str) -> list[tuple[bool, str]]:
            *folders, name = relative.split("/")
            return [*((True, folder) for folder in folders), (False, name)]

        for relative, uri in sorted(_artifacts.listing(self.path).items(), key=lambda item: place(item[0])):
            name = relative.rpartition("/")[2]
            is_near = depth is None or relative.count("/") < depth
            if is_near and fnmatch.fnmatch(name, file_pattern):
                yield File(path=uri, name=name)

    async def walk(self, recursive: bool = True, max_depth: int | None = None) -> AsyncIterator[File[T]]:
        """The same: `async for file in folder.walk()`."""
        if places.is_artifact(self.path):  # its listing is fetched: not on the event loop
            for file in await asyncio.to_thread(
                lambda: list(self.walk_sync(recursive=recursive, max_depth=max_depth))
            ):
                yield file
            return
        for file in self.walk_sync(recursive=recursive, max_depth=max_depth):
            yield file

    def list_files_sync(self) -> list[File[T]]:
        """The files of the folder itself."""
        return list(self.walk_sync(recursive=False))

    async def list_files(self) -> list[File[T]]:
        """The same, to be awaited."""
        return await asyncio.to_thread(self.list_files_sync)

    def exists_sync(self) -> bool:
        """Whether the folder is there."""
        if places.is_artifact(self.path):
            from flyte.io import _artifacts

            return _artifacts.exists(self.path)
        return not self.is_empty and places.local_path(self.path, "look for").is_dir()

    async def exists(self) -> bool:
        """The same, to be awaited."""
        return await asyncio.to_thread(self.exists_sync)

    def get_file_sync(self, file_name: str) -> File[T] | None:
        """The file of this name (or path within the folder); None when it is not there."""
        if self.is_empty:
            return None
        if places.is_artifact(self.path):
            from flyte.io import _artifacts

            uri = _artifacts.listing(self.path).get(file_name)
            return File(path=uri, name=Path(file_name).name) if uri else None
        path = places.local_path(self.path, "look into") / file_name
        return File(path=str(path), name=path.name) if path.is_file() else None

    async def get_file(self, file_name: str) -> File[T] | None:
        """The same, to be awaited."""
        return await asyncio.to_thread(self.get_file_sync, file_name)

    def download_sync(self, local_path: "str | os.PathLike[str] | None" = None) -> str:
        """Put the files into `local_path`, or find them a place; the path of it.

        A folder of this machine without a `local_path` stays where it is.
        """
        if places.is_artifact(self.path):
            from flyte.io import _artifacts

            return str(_artifacts.fetched_folder(self.path, local_path))
        source = places.local_path(self.path, "download")
        if not source.is_dir():
            raise NotADirectoryError(f"there is no folder {source}")
        if local_path is None:
            return str(source)
        if Path(local_path).absolute() != source.absolute():
            shutil.copytree(source, local_path, dirs_exist_ok=True)
        return str(local_path)

    async def download(self, local_path: "str | os.PathLike[str] | None" = None) -> str:
        """The same as `download_sync`, to be awaited."""
        return await asyncio.to_thread(self.download_sync, local_path)


class EmptyDir(Dir[Any]):
    """A folder that stands for none."""

    path: str = ""
