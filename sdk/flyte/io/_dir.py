"""`Dir`: a folder as a value."""

import fnmatch
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, ClassVar

from pydantic import ConfigDict, field_serializer, model_validator
from typing_extensions import TypeVar

from flyte._runtime.codecs.schemas import FORM
from flyte.io import _places as places
from flyte.io._file import File, Placed
from flyte.io._place import Entry
from flyte.io._publishing import Form, place_for_others
from flyte.io._threads import aside

T = TypeVar("T", default=Any)


class Dir(Placed[T]):
    """A folder by its path or URI, where a `File` may be. Methods that touch it have blocking twins, with
    `_sync`.

    Raises as `File` does, and NotADirectoryError when there is no such folder.
    """

    model_config = ConfigDict(json_schema_extra={FORM: "dir"})
    __flyte_form__: ClassVar[Form] = "dir"

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
        return place_for_others("dir", path)

    def model_post_init(self, context: Any) -> None:
        if self.name is None and self.path:
            self.name = places.name_of(self.path)

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
        """A new, empty folder at a place that outlives the task: write files below its path.

        `File(path=f"{folder.path}/a.txt").open("w")` does, and `flyte.storage.put`.
        """
        path = places.new_uri(dir_name)
        places.place_of(path).make_folder(path)
        return cls(path=path, hash=hash)

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
        """A folder of this machine, for other tasks; put where it outlives them as `File.from_local_sync`
        does.

        A link stands for what it leads to. Raises NotADirectoryError; FileNotFoundError for a link to
        nothing.
        """
        source = Path(local_path).expanduser()
        if not source.is_dir():
            raise NotADirectoryError(f"there is no folder {source}")
        target, name = str(source.absolute()), source.absolute().name
        if remote_destination is not None or places.is_on_stack():
            wanted = places.destination(remote_destination, name)
            target = places.place_of(wanted).put_folder(source, wanted)
        return cls(path=target, name=name, hash=dir_cache_key)

    @classmethod
    async def from_local(
        cls,
        local_path: "str | os.PathLike[str]",
        remote_destination: str | None = None,
        dir_cache_key: str | None = None,
        batch_size: int | None = None,
    ) -> "Dir[T]":
        """The same as `from_local_sync`, to be awaited. How many files go at a time is not up to
        `batch_size`.
        """
        return await aside(cls.from_local_sync, local_path, remote_destination, dir_cache_key)

    def walk_sync(
        self, recursive: bool = True, file_pattern: str = "*", max_depth: int | None = None
    ) -> Iterator[File[T]]:
        """The files whose names match, in order; `max_depth` 1 is the folder itself."""
        if self.is_empty:
            return
        depth = 1 if not recursive else max_depth
        for entry in places.place_of(self.path).entries(self.path):
            is_near = depth is None or entry.path.count("/") < depth
            if is_near and fnmatch.fnmatch(entry.path.rpartition("/")[2], file_pattern):
                yield _file(entry)

    async def walk(self, recursive: bool = True, max_depth: int | None = None) -> AsyncIterator[File[T]]:
        """The same: `async for file in folder.walk()`."""
        for file in await aside(lambda: list(self.walk_sync(recursive=recursive, max_depth=max_depth))):
            yield file

    def list_files_sync(self) -> list[File[T]]:
        """The files of the folder itself."""
        return list(self.walk_sync(recursive=False))

    async def list_files(self) -> list[File[T]]:
        """The same, to be awaited."""
        return await aside(self.list_files_sync)

    def exists_sync(self) -> bool:
        """Whether the folder is there."""
        return not self.is_empty and places.place_of(self.path).is_folder(self.path)

    async def exists(self) -> bool:
        """The same, to be awaited."""
        return await aside(self.exists_sync)

    def get_file_sync(self, file_name: str) -> File[T] | None:
        """The file of this name (or path within the folder); None when it is not there."""
        if self.is_empty:
            return None
        entry = places.place_of(self.path).entry(self.path, file_name)
        return None if entry is None else _file(entry)

    async def get_file(self, file_name: str) -> File[T] | None:
        """The same, to be awaited."""
        return await aside(self.get_file_sync, file_name)

    def download_sync(self, local_path: "str | os.PathLike[str] | None" = None) -> str:
        """Put the files into `local_path`, or find them a place; the path of it.

        Several at a time, each whole and verified; those that are there already with the same content are
        kept. A folder of this machine without a `local_path` stays where it is.
        """
        if self.is_empty:
            raise NotADirectoryError("the folder stands for none: there is nothing to download")
        place = places.place_of(self.path)
        if local_path is None and places.is_here(self.path):
            place.entries(self.path)
            return str(places.local_path(self.path, "download"))
        target = Path(local_path).expanduser() if local_path is not None else places.fetched_path(self.name)
        place.get_folder(self.path, target)
        return str(target)

    async def download(self, local_path: "str | os.PathLike[str] | None" = None) -> str:
        """The same as `download_sync`, to be awaited."""
        return await aside(self.download_sync, local_path)


class EmptyDir(Dir[Any]):
    """A folder that stands for none."""

    path: str = ""


def _file(entry: Entry) -> File[Any]:
    return File(path=entry.uri, name=entry.path.rpartition("/")[2])
