"""`DataFrame`: a table as a value, kept as Parquet; opened as what a task prefers."""

from collections.abc import AsyncIterator, Iterator, Sequence
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

from flyte._limits import TABLE_PART_ROWS
from flyte._runtime import publishing
from flyte._runtime.codecs.codec import Unfit
from flyte._runtime.codecs.schemas import FORM
from flyte._runtime.codecs.tables import is_table, read_table, write_parquet
from flyte.io import _places as places
from flyte.io._hash import HashedBy, hash_of_value
from flyte.io._opening import opened
from flyte.io._publishing import place_for_others
from flyte.io._threads import aside
from flyte.io._writing import scratch_file

PARQUET = "parquet"
CSV = "csv"


class DataFrame(BaseModel):
    """A table by the path or URI of its file. `DataFrame.from_df(df)`; `await
    table.open(pd.DataFrame).all()`.

    A pandas DataFrame or pyarrow Table may be given where a `DataFrame` is wanted. The file is Parquet, or
    CSV by its `format` or the end of its name; a folder of Parquet files is one table. Raises as `File` does.
    """

    model_config = ConfigDict(json_schema_extra={FORM: "frame"})
    __flyte_form__: ClassVar[str] = "table"

    uri: str | None = None
    format: str = PARQUET
    hash: str | None = None

    _opened_as: type | None = PrivateAttr(default=None)
    _columns: tuple[str, ...] | None = PrivateAttr(default=None)
    _val: Any = PrivateAttr(default=None)

    @model_validator(mode="wrap")
    @classmethod
    def _from_table_or_path(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if is_table(type(data)):
            return cls.from_local_sync(data)
        data = places.from_text(data, "uri")
        if isinstance(data, dict) and not data.get("format") and str(data.get("uri")).endswith(".csv"):
            data = {**data, "format": CSV}
        return handler(data)

    @field_serializer("uri", when_used="json")
    def _for_others(self, uri: str | None) -> str | None:
        return place_for_others("file", uri) if uri else uri

    def __getstate__(self) -> dict[Any, Any]:
        state = super().__getstate__()
        if publishing.current() is not None and self.uri:
            state = {
                **state,
                "__dict__": {**state["__dict__"], "uri": place_for_others("file", self.uri)},
                "__pydantic_private__": {"_opened_as": None, "_columns": None, "_val": None},
            }
        return state

    @classmethod
    def from_local_sync(
        cls,
        df: Any,
        columns: Sequence[str] | None = None,
        remote_destination: str | None = None,
        hash_method: HashedBy | None = None,
    ) -> Self:
        """Write a pandas DataFrame or a pyarrow Table (of it these columns) for other tasks.

        Raises TypeError for anything else, and for a table that Parquet cannot hold; ValueError for a column
        that the table does not have.
        """
        if not is_table(type(df)):
            raise TypeError(f"expected a pandas DataFrame or a pyarrow Table, got {type(df).__name__}")
        if columns is not None:
            df = _selected(df, list(columns))
        wanted = places.destination(remote_destination, "table.parquet")
        made = cls(uri=_put(df, wanted), hash=hash_of_value(df, hash_method))
        made._val = df
        return made

    @classmethod
    async def from_local(
        cls,
        df: Any,
        columns: Sequence[str] | None = None,
        remote_destination: str | None = None,
        hash_method: HashedBy | None = None,
    ) -> "DataFrame":
        """The same, to be awaited."""
        return await aside(cls.from_local_sync, df, columns, remote_destination, hash_method)

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
        """A table that exists, by its path or URI; nothing is read. `hash` may be among the `kwargs`."""
        return cls.model_validate({"uri": remote_path, **({"format": format} if format else {}), **kwargs})

    @property
    def val(self) -> Any:
        """The table in memory, when this object was made of one."""
        return self._val

    def open(self, dataframe_type: type, columns: Sequence[str] | None = None) -> "DataFrame":
        """The same table, to be read as `dataframe_type`; with `columns`, no more of it than these."""
        again = self.model_copy()
        again._opened_as = dataframe_type
        again._columns = tuple(columns) if columns is not None else None
        return again

    def all_sync(self) -> Any:
        """The whole table. Raises FileNotFoundError; TypeError for an unknown kind, or what is no table."""
        wanted = self._wanted()
        if self._val is not None and isinstance(self._val, wanted):
            return self._val if self._columns is None else _selected(self._val, list(self._columns))
        parts = [self._read(uri, wanted) for uri in self._files()]
        return parts[0] if len(parts) == 1 else _joined(parts)

    async def all(self) -> Any:
        """The same, to be awaited."""
        return await aside(self.all_sync)

    async def iter(self) -> AsyncIterator[Any]:
        """The table in parts of some rows, one in memory at a time: `async for part in table.iter()`."""
        parts = self._parts(self._wanted())
        while (part := await aside(next, parts, None)) is not None:
            yield part

    def _wanted(self) -> type:
        wanted = self._opened_as or _pandas()
        if not is_table(wanted):
            raise TypeError(
                f"a table cannot be opened as {wanted.__name__}: use pandas.DataFrame, pyarrow.Table"
            )
        return wanted

    def _files(self) -> list[str]:
        """The table's file, or files. Raises FileNotFoundError."""
        uri = self.uri or ""
        place = places.place_of(uri)
        if uri and place.is_folder(uri):
            files = [entry.uri for entry in place.entries(uri) if entry.path.endswith(f".{self.format}")]
            if not files:
                raise FileNotFoundError(f"there is no .{self.format} file in the folder {uri}")
            return files
        if not uri or not place.is_file(uri):
            raise FileNotFoundError(f"there is no table {uri or '(its uri is empty)'}")
        return [uri]

    def _read(self, uri: str, wanted: type) -> Any:
        source = opened(uri, "rb", written=_nothing)
        try:
            return read_table(source.file, self.format or PARQUET, wanted, self._columns)
        except Unfit as error:
            raise TypeError(f"{uri} is no table: {error}") from error
        finally:
            source.close()

    def _parts(self, wanted: type) -> Iterator[Any]:
        if self.format == CSV or (self._val is not None and isinstance(self._val, wanted)):
            yield self.all_sync()
            return
        import pyarrow
        import pyarrow.parquet

        for uri in self._files():
            source = opened(uri, "rb", written=_nothing)
            try:
                file = pyarrow.parquet.ParquetFile(source.file)
                for batch in file.iter_batches(TABLE_PART_ROWS, columns=self._columns):
                    table = pyarrow.Table.from_batches([batch])
                    yield table if wanted is pyarrow.Table else table.to_pandas()
            except pyarrow.ArrowInvalid as error:
                raise TypeError(f"{uri} is no table: {error}") from error
            finally:
                source.close()


def stored_table(table: Any) -> str:
    """Put a table into the artifact store; its URI. Raises RuntimeSystemError; TypeError."""
    from flyte.io._publishing import stored

    path = _scratch(table)
    try:
        return stored("file", path)
    finally:
        path.unlink()


def _put(table: Any, uri: str) -> str:
    path = _scratch(table)
    try:
        return places.place_of(uri).put(path, uri)
    finally:
        path.unlink()


def _scratch(table: Any) -> Path:
    """A file of this machine with the table, for the caller to remove."""
    path = scratch_file(".parquet")
    try:
        if not write_parquet(table, str(path)):
            raise TypeError(
                "Parquet cannot hold this table (a column of mixed types?), or pyarrow is missing"
            )
    except BaseException:
        path.unlink()
        raise
    return path


def _selected(table: Any, columns: list[str]) -> Any:
    there = list(getattr(table, "column_names", None) or table.columns)
    missing = [column for column in columns if column not in there]
    if missing:
        raise ValueError(f"the table has no column {missing[0]!r}, only {', '.join(map(str, there))}")
    return table.select(columns) if hasattr(table, "select") else table[columns]


def _joined(parts: list[Any]) -> Any:
    if isinstance(parts[0], _pandas()):
        import pandas

        return pandas.concat(parts, ignore_index=True)
    import pyarrow

    return pyarrow.concat_tables(parts)


def _nothing(uri: str, content: Path | None) -> None:
    """Nothing is written."""


def _pandas() -> type:
    import pandas

    kind: type = pandas.DataFrame
    return kind
