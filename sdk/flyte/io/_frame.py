"""`DataFrame`: a table as a value, kept as Parquet; opened as what a task prefers."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    PrivateAttr,
    field_serializer,
    model_validator,
)

from flyte._runtime.codecs.codec import Unfit
from flyte._runtime.codecs.schemas import FORM
from flyte._runtime.codecs.tables import is_table, parquet_of, read_table_file
from flyte.io._hash import HashFunction, HashMethod
from flyte.io._places import absolute, destination, from_text, is_artifact, local_path

PARQUET = "parquet"


class DataFrame(BaseModel):
    """A table by the path of its file. `DataFrame.from_df(df)`; `await table.open(pd.DataFrame).all()`.

    A pandas DataFrame or pyarrow Table may be given where a `DataFrame` is wanted. Raises RuntimeUserError
    (`RemoteStorageNotSupported`) when the file is in remote storage and its content is asked for.
    """

    model_config = ConfigDict(json_schema_extra={FORM: "frame"})
    __flyte_form__: ClassVar[str] = "table"

    uri: str | None = None
    format: str = PARQUET
    hash: str | None = None

    _opened_as: type | None = PrivateAttr(default=None)
    _val: Any = PrivateAttr(default=None)

    @model_validator(mode="wrap")
    @classmethod
    def _from_table_or_path(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        return cls.from_local_sync(data) if is_table(type(data)) else handler(from_text(data, "uri"))

    @field_serializer("uri", when_used="json")
    def _for_others(self, uri: str | None) -> str | None:
        return absolute(uri) if uri else uri

    @classmethod
    def from_local_sync(
        cls,
        df: Any,
        columns: Any = None,
        remote_destination: str | None = None,
        hash_method: HashMethod | None = None,
    ) -> Self:
        """Write a pandas DataFrame or a pyarrow Table for other tasks.

        Raises TypeError for anything else, and for a table that Parquet cannot hold.
        """
        if not is_table(type(df)):
            raise TypeError(f"expected a pandas DataFrame or a pyarrow Table, got {type(df).__name__}")
        data = parquet_of(df, exactly=False)
        if data is None:
            raise TypeError(
                "Parquet cannot hold this table (a column of mixed types?), or pyarrow is missing"
            )
        path = destination(remote_destination, "table.parquet")
        path.write_bytes(data)
        digest = hash_method.fn(df) if isinstance(hash_method, HashFunction) else hash_method
        made = cls(uri=str(path), hash=digest)
        made._val = df
        return made

    @classmethod
    async def from_local(
        cls,
        df: Any,
        columns: Any = None,
        remote_destination: str | None = None,
        hash_method: HashMethod | None = None,
    ) -> "DataFrame":
        """The same, to be awaited."""
        return await asyncio.to_thread(cls.from_local_sync, df, columns, remote_destination, hash_method)

    @classmethod
    def from_df(cls, val: Any = None, uri: str | None = None) -> "DataFrame":
        """The same; with a `uri` and no `val`, a table that is there already."""
        return cls(uri=uri) if val is None else cls.from_local_sync(val, remote_destination=uri)

    @classmethod
    def wrap_df(cls, val: Any = None, uri: str | None = None) -> "DataFrame":
        """The same as `from_df`."""
        return cls.from_df(val, uri)

    @classmethod
    def from_existing_remote(cls, remote_path: str, format: str | None = None, **kwargs: Any) -> "DataFrame":
        """A table that exists, by its path or URI; nothing is read."""
        return cls(uri=remote_path, format=format or PARQUET)

    @property
    def val(self) -> Any:
        """The table in memory, when this object was made of one."""
        return self._val

    def open(self, dataframe_type: type) -> "DataFrame":
        """The same table, to be read as `dataframe_type`."""
        opened = self.model_copy()
        opened._opened_as = dataframe_type
        return opened

    def all_sync(self) -> Any:
        """The whole table. Raises FileNotFoundError; TypeError for an unknown kind of table."""
        wanted = self._opened_as or _pandas()
        if self._val is not None and isinstance(self._val, wanted):
            return self._val
        if not is_table(wanted):
            raise TypeError(
                f"a table cannot be opened as {wanted.__name__}: use pandas.DataFrame, pyarrow.Table"
            )
        path = self._readable()
        if not path.is_file():
            raise FileNotFoundError(f"there is no table {path}")
        try:
            return read_table_file(str(path), wanted)
        except Unfit as error:
            raise TypeError(f"{path} is no table: {error}") from error

    def _readable(self) -> Path:
        """The file on this machine, fetched from the artifact store when it is there."""
        if is_artifact(self.uri or ""):
            from flyte.io import _artifacts

            return _artifacts.fetched(self.uri or "", f"table.{self.format or PARQUET}")
        return local_path(self.uri or "", "read")

    async def all(self) -> Any:
        """The same, to be awaited."""
        return await asyncio.to_thread(self.all_sync)

    async def iter(self) -> AsyncIterator[Any]:
        """The table in parts (in this version one): `async for part in table.iter()`."""
        yield await self.all()


def _pandas() -> type:
    import pandas

    kind: type = pandas.DataFrame
    return kind
