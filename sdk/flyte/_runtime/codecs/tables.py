"""pandas DataFrames and pyarrow Tables, as Parquet; neither is imported before a task names one."""

import base64
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flyte._runtime.codecs.codec import OBJECT, Definitions, Whole, unfit
from flyte._runtime.codecs.pickles import from_pickle, to_pickle
from flyte._runtime.codecs.schemas import FORM

PARQUET, PICKLE = "$parquet", "$pickle"


def is_table(annotation: Any) -> bool:
    """Whether this is `pandas.DataFrame` or `pyarrow.Table`."""
    return isinstance(annotation, type) and _path(annotation) in _TABLES


class TableCodec(Whole):
    """A table as `{"$parquet": base64}`; what Parquet cannot hold (mixed columns) is pickled."""

    kinds = frozenset({OBJECT})
    is_inline = False

    def __init__(self, kind: type) -> None:
        self.python_type: type = kind

    def encode(self, value: Any) -> Any:
        if getattr(value, "__flyte_form__", None) == "table":  # a flyte.io.DataFrame: its table is meant
            value = _opened(value, self.python_type)
        if not isinstance(value, self.python_type):
            raise unfit(f"Input should be a {_path(self.python_type)}")
        data = parquet_of(value)
        return {PICKLE: to_pickle(value)} if data is None else {PARQUET: base64.b64encode(data).decode()}

    def decode(self, data: Any) -> Any:
        match data:
            case {"$parquet": str(text)}:
                return table_of(base64.b64decode(text), self.python_type)
            case {"$pickle": str(text)}:
                return from_pickle(text)
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


def parquet_of(value: Any, *, exactly: bool = True) -> bytes | None:
    """A pandas or pyarrow table as Parquet; None when it cannot hold the table, or pyarrow is not here.

    `exactly`: also when what is read from it would not be equal (lists come back as arrays, say).
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        return None
    sink = io.BytesIO()
    try:
        table = value if isinstance(value, pyarrow.Table) else pyarrow.Table.from_pandas(value)
        pyarrow.parquet.write_table(table, sink)
        if exactly and table is not value and not table.to_pandas().equals(value):
            return None
    except (pyarrow.ArrowException, TypeError, ValueError):
        return None
    return sink.getvalue()


def table_of(data: bytes, kind: type) -> Any:
    """The table that is in Parquet, as `kind`. Raises Unfit."""
    try:
        import pyarrow.parquet

        table = pyarrow.parquet.read_table(io.BytesIO(data))
    except Exception as error:
        raise unfit(f"the Parquet data cannot be read: {error}") from error
    return table.to_pandas() if _path(kind) in _PANDAS else table


def read_table_file(path: str, kind: type) -> Any:
    """The table in a .parquet or .csv file, as `kind`. Raises Unfit; OSError."""
    if path.endswith(".csv") and _path(kind) in _PANDAS:
        import pandas

        return pandas.read_csv(path)
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
