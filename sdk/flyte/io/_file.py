"""`File`: a file as a value. Tasks pass where it is; who needs the content opens or downloads it."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar, Generic

from pydantic import BaseModel, ConfigDict, field_serializer, model_validator
from typing_extensions import TypeVar

from flyte._runtime.codecs.schemas import FORM
from flyte.io import _places as places
from flyte.io._hash import HashMethod, hash_of_file
from flyte.io._streams import Opening

T = TypeVar("T", default=Any)

if TYPE_CHECKING:

    class Placed(BaseModel, Generic[T]):
        """A model with a type parameter that says what the data is, for people and type checkers."""
else:

    class Placed(BaseModel):
        """A model that ignores its type parameter: `File[str]` is `File`."""

        def __class_getitem__(cls, item: Any) -> Any:
            return cls


class File(Placed[T]):
    """A file by its path. Methods that touch it have blocking twins, with `_sync` at the end.

    `hash` stands for the content where values are compared. A str stands for a File where one is wanted
    from outside (on the command line, in JSON). Raises RuntimeUserError (`RemoteStorageNotSupported`) when
    the path is a URI of remote storage and the content is asked for.
    """

    model_config = ConfigDict(json_schema_extra={FORM: "file"}, validate_by_name=True)
    __flyte_form__: ClassVar[str] = "file"

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

    @classmethod
    def new_remote(cls, file_name: str | None = None, hash_method: HashMethod | None = None) -> "File[T]":
        """A file that is not there yet, at a place that outlives the task: open it for writing."""
        return cls(path=str(places.new_path(file_name)), hash=_known(hash_method))

    @classmethod
    def named_remote(cls, name: str) -> "File[T]":
        """The same, under a name of your choice."""
        return cls.new_remote(name)

    @classmethod
    def from_existing_remote(cls, remote_path: str, file_cache_key: str | None = None) -> "File[T]":
        """A file that exists, by its path or URI; nothing is read."""
        return cls(path=remote_path, hash=file_cache_key)

    @classmethod
    def from_local_sync(
        cls,
        local_path: "str | os.PathLike[str]",
        remote_destination: str | None = None,
        hash_method: HashMethod | None = None,
    ) -> "File[T]":
        """A file of this machine, for other tasks.

        In a task on the stack it is copied to a place that outlives the task, else it stays where it is;
        `remote_destination` is a place of your own to copy it to. Raises FileNotFoundError.
        """
        source = Path(local_path)
        if not source.is_file():
            raise FileNotFoundError(f"there is no file {source}")
        target = source.absolute()
        if remote_destination is not None or places.is_on_stack():
            target = places.destination(remote_destination, source.name)
            if target != source.absolute():
                shutil.copyfile(source, target)
        return cls(path=str(target), name=source.name, hash=hash_of_file(source, hash_method))

    @classmethod
    async def from_local(
        cls,
        local_path: "str | os.PathLike[str]",
        remote_destination: str | None = None,
        hash_method: HashMethod | None = None,
    ) -> "File[T]":
        """The same as `from_local_sync`, to be awaited."""
        return await asyncio.to_thread(cls.from_local_sync, local_path, remote_destination, hash_method)

    def open(self, mode: str = "rb", **options: Any) -> Opening:
        """`async with file.open() as fh: data = await fh.read()`. `options` are those of a remote store."""
        return Opening(lambda: self._opened(mode))

    @contextmanager
    def open_sync(self, mode: str = "rb", **options: Any) -> Iterator[IO[Any]]:
        """`with file.open_sync() as fh: data = fh.read()`."""
        with self._opened(mode) as file:
            yield file

    def exists_sync(self) -> bool:
        """Whether the file is there."""
        if places.is_artifact(self.path):
            from flyte.io import _artifacts

            return _artifacts.exists(self.path)
        return places.local_path(self.path, "look for").is_file()

    async def exists(self) -> bool:
        """The same, to be awaited."""
        return await asyncio.to_thread(self.exists_sync)

    def download_sync(self, local_path: "str | os.PathLike[str] | None" = None) -> str:
        """Put the content at `local_path` (a file or a folder), or find it a place; the path of it.

        A file of this machine without a `local_path` stays where it is.
        """
        if places.is_artifact(self.path):
            return self._fetched(local_path)
        source = places.local_path(self.path, "download")
        if not source.is_file():
            raise FileNotFoundError(f"there is no file {source}")
        if local_path is None:
            return str(source)
        target = self._target(local_path)
        if target.absolute() != source.absolute():
            shutil.copyfile(source, target)
        return str(target)

    async def download(self, local_path: "str | os.PathLike[str] | None" = None) -> str:
        """The same as `download_sync`, to be awaited."""
        return await asyncio.to_thread(self.download_sync, local_path)

    def _target(self, local_path: "str | os.PathLike[str]") -> Path:
        """The path that is wanted, or one in the folder that is."""
        target = Path(local_path)
        if target.is_dir() or str(local_path).endswith(os.sep):
            target = target / (self.name or Path(self.path).name)
        target.parent.mkdir(parents=True, exist_ok=True)
        return target

    def _fetched(self, local_path: "str | os.PathLike[str] | None") -> str:
        from flyte.io import _artifacts

        if local_path is None:
            return str(_artifacts.fetched(self.path, self.name))
        target = self._target(local_path)
        _artifacts.fetch(self.path, target)
        return str(target)

    def _opened(self, mode: str) -> IO[Any]:
        if places.is_artifact(self.path):
            from flyte.io import _artifacts

            return _artifacts.opened(self.path, mode)
        path = places.local_path(self.path, "open")
        if any(letter in mode for letter in "wax"):
            path.parent.mkdir(parents=True, exist_ok=True)
        return path.open(mode)


def _known(method: HashMethod | None) -> str | None:
    """The hash that is known before there is content."""
    return method if isinstance(method, str) else None
