"""pandas DataFrames and pyarrow Tables, as Parquet; neither is imported before a task names one."""

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flyte._runtime import publishing
from flyte._runtime.codecs.codec import OBJECT, Definitions, Whole, unfit
from flyte._runtime.codecs.pickles import from_pickle, to_pickle
from flyte._runtime.codecs.schemas import FORM

PARQUET, PICKLE = "$parquet", "$pickle"
INLINE_TABLE_BYTES = 64 * 1024
"""A table that is larger in memory does not travel within a message."""


def is_table(annotation: Any) -> bool:
    """Whether this is `pandas.DataFrame` or `pyarrow.Table`."""
    return isinstance(annotation, type) and _path(annotation) in _TABLES


class TableCodec(Whole):
    """A table as `{"$parquet": base64}`; what Parquet cannot hold (mixed columns) is pickled.

    A larger one that leaves this machine is put into the artifact store: `{"uri": …, "format": "parquet"}`.
    """

    kinds = frozenset({OBJECT})
    is_inline = False

    def __init__(self, kind: type) -> None:
        self.python_type: type = kind

    def encode(self, value: Any) -> Any:
        if getattr(value, "__flyte_form__", None) == "table":  # a flyte.io.DataFrame: its table is meant
            if publishing.current() is not None:
                return value.model_dump(mode="json")
            value = _opened(value, self.python_type)
        if not isinstance(value, self.python_type):
            raise unfit(f"Input should be a {_path(self.python_type)}")
        current = publishing.current()
        if current is not None and _size_bytes(value) > INLINE_TABLE_BYTES:
            uri = current.found(("table", id(value)))
            if uri is None and (table := _arrow(value, exactly=True)) is not None:
                uri = current.place(("table", id(value)), lambda: _stored(table)) or ""
            if uri is not None:
                return {"uri": uri, "format": "parquet", "hash": None}
        data = parquet_of(value)
        return {PICKLE: to_pickle(value)} if data is None else {PARQUET: base64.b64encode(data).decode()}

    def decode(self, data: Any) -> Any:
        match data:
            case {"$parquet": str(text)}:
                return table_of(base64.b64decode(text), self.python_type)
            case {"$pickle": pickled}:
                return from_pickle(pickled)
            case {"uri": str(), "format": str()}:
                from flyte.io import DataFrame

                return _opened(DataFrame.model_validate(data), self.python_type)
            case list() | Mapping() if _path(self.python_type) in _PANDAS:
                import pandas

                return pandas.DataFrame(data)
            case _:
                raise unfit(f"expected a table, got {type(data).__name__}")

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        return {FORM: "table"}


def _opened(frame: Any, kind: type) -> Any:
    try:
        return frame.open(kind).all_sync()
    except (OSError, TypeError) as error:
        raise unfit(str(error)) from error


def _size_bytes(table: Any) -> int:
    """About how many bytes a table has in memory."""
    if _path(type(table)) in _PANDAS:
        return int(table.memory_usage(deep=False).sum())
    return int(table.nbytes)


def _stored(table: Any) -> str:
    from flyte.io._frame import stored_table

    return stored_table(table)


def _arrow(value: Any, *, exactly: bool) -> Any:
    """A pandas or pyarrow table as a pyarrow one that Parquet can hold, else None; for the rest,
    `parquet_of`.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        return None
    try:
        table = value if isinstance(value, pyarrow.Table) else pyarrow.Table.from_pandas(value)
        if exactly and table is not value and not table.to_pandas().equals(value):
            return None
        return table
    except (pyarrow.ArrowException, TypeError, ValueError):
        return None


def parquet_of(value: Any, *, exactly: bool = True) -> bytes | None:
    """A pandas or pyarrow table as Parquet; None when it cannot hold the table, or pyarrow is not here.

    `exactly`: also when what is read from it would not be equal (lists come back as arrays, say).
    """
    sink = io.BytesIO()
    return sink.getvalue() if write_parquet(value, sink, exactly=exactly) else None


def write_parquet(value: Any, sink: Any, *, exactly: bool = False) -> bool:
    """Write a table as Parquet to an open file or a path; whether Parquet can hold it. Raises OSError."""
    table = _arrow(value, exactly=exactly)
    if table is None:
        return False
    import pyarrow
    import pyarrow.parquet

    try:
        pyarrow.parquet.write_table(table, sink)
    except (pyarrow.ArrowException, TypeError, ValueError):
        return False
    return True


def table_of(data: bytes, kind: type) -> Any:
    """The table that is in Parquet, as `kind`. Raises Unfit."""
    return read_table(io.BytesIO(data), "parquet", kind)


def read_table(source: Any, format: str, kind: type, columns: Sequence[str] | None = None) -> Any:
    """The table in an open Parquet or CSV file, as `kind`: of Parquet only the `columns` are read.

    Raises Unfit; OSError.
    """
    try:
        if format == "csv":
            return _read_csv(source, kind, columns)
        import pyarrow.parquet

        table = pyarrow.parquet.ParquetFile(source).read(columns=list(columns) if columns else None)
    except (OSError, RuntimeError):
        raise
    except Exception as error:
        raise unfit(f"the {'CSV' if format == 'csv' else 'Parquet'} data cannot be read: {error}") from error
    return table.to_pandas() if _path(kind) in _PANDAS else table


def _read_csv(source: Any, kind: type, columns: Sequence[str] | None) -> Any:
    if _path(kind) in _PANDAS:
        import pandas

        return pandas.read_csv(source, usecols=list(columns) if columns else None)
    import pyarrow.csv

    table = pyarrow.csv.read_csv(source)
    return table.select(list(columns)) if columns else table


def read_table_file(path: str, kind: type) -> Any:
    """The table in a .parquet or .csv file, as `kind`. Raises Unfit; OSError; ValueError."""
    if path.endswith(".csv"):
        with Path(path).open("rb") as source:
            return read_table(source, "csv", kind)
    return table_of(parquet_file_bytes(path), kind)


def parquet_file_bytes(path: str) -> bytes:
    """The bytes of a .parquet file, or a .csv file as Parquet. Raises OSError; ValueError; ImportError."""
    if path.endswith(".csv"):
        import pyarrow.csv

        return parquet_of(pyarrow.csv.read_csv(path)) or b""
    data = Path(path).read_bytes()
    if not data.startswith(b"PAR1"):
        raise ValueError("it is neither, by its name and its first bytes")
    return data


_PANDAS = ("pandas.DataFrame",)
_TABLES = (*_PANDAS, "pyarrow.Table")


def _path(kind: type) -> str:
    return f"{kind.__module__.partition('.')[0]}.{kind.__name__}"
