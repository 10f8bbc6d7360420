"""Where a file, folder or table is for others: what is here only goes to the artifact store when it leaves.

A `file://` URI says that the same path is there on every machine (a shared disk): it stays as it is.
"""

from pathlib import Path
from typing import Literal

from flyte._raw_data import RAW
from flyte._runtime import publishing
from flyte.io._places import absolute

Form = Literal["file", "dir"]


def place_for_others(form: Form, uri: str) -> str:
    """The place that wire data names."""
    current = publishing.current()
    if current is None or not uri:
        return absolute(uri)
    if uri.startswith(RAW):
        return current.place(uri, lambda: _sealed(uri)) or uri
    if "://" in uri:
        return uri
    path = absolute(uri)
    return current.place((form, path), lambda: stored(form, Path(path))) or path


def stored(form: Form, path: Path) -> str:
    """Put it into the artifact store; its URI. Raises FileNotFoundError, RuntimeSystemError."""
    from flyte._store import artifacts, told
    from flyte._syncify import block_on
    from flyte.io import _folders

    if form == "dir" or path.is_dir():
        return _folders.upload(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    with told(str(path)):
        return block_on(artifacts().put_file(path, safe_name(path))).uri


def safe_name(path: Path) -> str:
    """The name of a file as text, whatever bytes it is made of."""
    return path.name.encode(errors="replace").decode()


def _sealed(uri: str) -> str:
    from flyte.io._artifacts import sealed

    return sealed(uri)
