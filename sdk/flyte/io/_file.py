"""`File`: a file as a value. Tasks pass where it is; who needs the content opens or downloads it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar, Generic

from pydantic import BaseModel, ConfigDict, PrivateAttr, field_serializer, model_validator
from typing_extensions import TypeVar

from flyte._runtime import publishing
from flyte._runtime.codecs.schemas import FORM
from flyte.io import _places as places
from flyte.io._hash import HashedBy, hash_of_file
from flyte.io._opening import Opened, opened, within
from flyte.io._publishing import Form, place_for_others
from flyte.io._streams import Opening
from flyte.io._threads import aside

T = TypeVar("T", default=Any)

if TYPE_CHECKING:

    class Placed(BaseModel, Generic[T]):
        """A model with a type parameter that says what the data is, for people and type checkers."""

        path: str
else:

    class Placed(BaseModel):
        """A model that ignores its type parameter: `File[str]` is `File`. When pickled to leave, it is
        published.
        """

        def __class_getitem__(cls, item: Any) -> Any:
            return cls

        def __getstate__(self) -> dict[Any, Any]:
            state = super().__getstate__()
            if publishing.current() is not None:
                fields = {**state["__dict__"], "path": place_for_others(self.__flyte_form__, self.path)}
                state = {**state, "__dict__": fields}
            return state


class File(Placed[T]):
    """A file by its path or URI. Methods that touch it have blocking twins, with `_sync` at the end.

    On this machine, in the stack's artifact store, or in any storage that fsspec reaches (`s3://` …). `hash`
    stands for the content where values are compared. A str stands for a File where one is wanted from outside
    (on the command line, in JSON). Whatever touches the content raises FileNotFoundError when it is not
    there, RuntimeUserError for storage that refuses or a package that is missing, RuntimeSystemError for one
    that cannot be reached.
    """

    model_config = ConfigDict(json_schema_extra={FORM: "file"}, validate_by_name=True)
    __flyte_form__: ClassVar[Form] = "file"

    path: str
    name: str | None = None
    format: str = ""
    hash: str | None = None

    _hash_method: HashedBy | None = PrivateAttr(default=None)

    @model_validator(mode="before")
    @classmethod
    def _from_path(cls, data: Any) -> Any:
        return places.from_text(data, "path")

    @field_serializer("path", when_used="json")
    def _for_others(self, path: str) -> str:
        return place_for_others("file", path)

    def model_post_init(self, context: Any) -> None:
        if self.name is None and self.path:
            self.name = places.name_of(self.path)

    @classmethod
    def new_remote(cls, file_name: str | None = None, hash_method: HashedBy | None = None) -> "File[T]":
        """A file that is not there yet, at a place that outlives the task: open it for writing.

        With a `hash_method` its hash is that of what is written.
        """
        file = cls(path=places.new_uri(file_name), hash=hash_method if isinstance(hash_method, str) else None)
        file._hash_method = hash_method
        return file

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
        hash_method: HashedBy | None = None,
    ) -> "File[T]":
        """A file of this machine, for other tasks.

        In a task on the stack it is put where it outlives the task, else it stays where it is, and is put
        into the artifact store when it is given to a run on the stack; `remote_destination` is a place of
        your own to copy it to. Raises FileNotFoundError.
        """
        source = Path(local_path).expanduser()
        if not source.is_file():
            raise FileNotFoundError(f"there is no file {source}")
        digest = hash_of_file(source, hash_method)
        target = str(source.absolute())
        if remote_destination is not None or places.is_on_stack():
            wanted = places.destination(remote_destination, source.name)
            target = places.place_of(wanted).put(source, wanted)
        return cls(path=target, name=source.name, hash=digest)

    @classmethod
    async def from_local(
        cls,
        local_path: "str | os.PathLike[str]",
        remote_destination: str | None = None,
        hash_method: HashedBy | None = None,
    ) -> "File[T]":
        """The same as `from_local_sync`, to be awaited."""
        return await aside(cls.from_local_sync, local_path, remote_destination, hash_method)

    def open(
        self,
        mode: str = "rb",
        block_size: int | None = None,
        cache_type: str = "readahead",
        cache_options: dict[str, Any] | None = None,
        compression: str | None = None,
        **options: Any,
    ) -> Opening:
        """`async with file.open() as fh: data = await fh.read()`.

        What was written is there when the block has ended, and is not when it ended by an exception (in
        storage that can give a file up). `compression` is `gzip`, `zip` … or `infer`; `block_size`,
        `cache_type` and `cache_options` are for storage that fsspec reaches.
        """
        given = _driver_options(block_size, cache_type, cache_options) | options
        return Opening(lambda: self._opened(mode, given | {"compression": compression}))

    @contextmanager
    def open_sync(
        self,
        mode: str = "rb",
        block_size: int | None = None,
        cache_type: str = "readahead",
        cache_options: dict[str, Any] | None = None,
        compression: str | None = None,
        **options: Any,
    ) -> Iterator[IO[Any]]:
        """`with file.open_sync() as fh: data = fh.read()`; for the rest, see `open`."""
        given = _driver_options(block_size, cache_type, cache_options) | options
        with within(lambda: self._opened(mode, given | {"compression": compression})) as file:
            yield file

    def exists_sync(self) -> bool:
        """Whether the file is there."""
        return bool(self.path) and places.place_of(self.path).is_file(self.path)

    async def exists(self) -> bool:
        """The same, to be awaited."""
        return await aside(self.exists_sync)

    def download_sync(self, local_path: "str | os.PathLike[str] | None" = None) -> str:
        """Put the content at `local_path` (a file or a folder), or find it a place; the path of it.

        It appears whole and verified, or not at all. A file of this machine without a `local_path` stays
        where it is.
        """
        place = places.place_of(self.path)
        if local_path is None and places.is_here(self.path):
            place.size_bytes(self.path)
            return str(places.local_path(self.path, "download"))
        target = self._target(local_path) if local_path is not None else places.fetched_path(self.name)
        place.get(self.path, target)
        return str(target)

    async def download(self, local_path: "str | os.PathLike[str] | None" = None) -> str:
        """The same as `download_sync`, to be awaited."""
        return await aside(self.download_sync, local_path)

    def _target(self, local_path: "str | os.PathLike[str]") -> Path:
        """The path that is wanted, or one in the folder that is."""
        target = Path(local_path).expanduser()
        if target.is_dir() or str(local_path).endswith(os.sep):
            target = target / (self.name or places.name_of(self.path))
        target.parent.mkdir(parents=True, exist_ok=True)
        return target

    def _opened(self, mode: str, options: dict[str, Any]) -> Opened:
        return opened(self.path, mode, options, written=self._is_written)

    def _is_written(self, uri: str, content: Path | None) -> None:
        """The file is at `uri` now; its content can be read from `content`, when that is on this machine."""
        self.path = uri
        if self._hash_method is not None:
            self.hash = hash_of_file(content or Path(self.download_sync()), self._hash_method)


def _driver_options(
    block_size: int | None, cache_type: str, cache_options: dict[str, Any] | None
) -> dict[str, Any]:
    """What is not the default: no driver needs to know of the rest."""
    said = {
        "block_size": block_size,
        "cache_type": None if cache_type == "readahead" else cache_type,
        "cache_options": cache_options,
    }
    return {name: value for name, value in said.items() if value is not None}
