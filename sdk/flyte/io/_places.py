"""Where files, folders and tables lie, by their URIs: this machine, the artifact store, any other storage.

The folder that an attempt runs in is gone when it ends, so what a task makes for others is made elsewhere: in
a local run below the run's folder, on the stack in the artifact store, or below the `raw_data_path` of the
run.
"""

import atexit
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from flyte._raw_data import RAW, RawDataPath, scratch
from flyte.errors import RuntimeUserError

if TYPE_CHECKING:
    from flyte.io._place import Place

ARTIFACTS = "flyte://artifacts/"
"""What the URI of an object in the stack's artifact store begins with."""


def is_artifact(uri: str) -> bool:
    """Whether this is in the stack's artifact store, or is on its way there: see `flyte.io._artifacts`."""
    return uri.startswith((ARTIFACTS, RAW))


def is_here(uri: str) -> bool:
    """Whether this is a path of this machine."""
    return "://" not in uri or uri.startswith("file://")


def place_of(uri: str) -> "Place":
    """Who reads and writes what `uri` names. Raises RuntimeUserError for storage that cannot be reached."""
    if is_here(uri):
        from flyte.io import _here

        return _here.HERE
    if is_artifact(uri):
        from flyte.io import _artifacts

        return _artifacts.STORE
    from flyte.io import _remote

    return _remote.REMOTE


def local_path(uri: str, task: str) -> Path:
    """The path that `uri` names on this machine.

    Raises RuntimeUserError (`NotOnThisMachine`) for any other place; `task` is what was wanted.
    """
    if uri.startswith("file://"):
        return Path(unquote(urlsplit(uri).path))
    if "://" in uri:
        raise RuntimeUserError(
            "NotOnThisMachine", f"cannot {task} {uri}, which is not on this machine: use a path"
        )
    return Path(uri).expanduser()


def absolute(uri: str) -> str:
    """The same place as others name it, whose current folder is another."""
    return uri if not uri or "://" in uri else str(Path(uri).expanduser().absolute())


def new_uri(name: str | None = None) -> str:
    """A place that nothing has, in a folder of its own, for the running task to write to."""
    from flyte._runtime.context import ctx

    context = ctx()
    place = context.raw_data_path if context else None
    return (place or RawDataPath.from_local_folder()).get_random_remote_path(name)


def destination(wanted: str | None, name: str) -> str:
    """Where a copy goes: the place that is wanted, or a new one."""
    return new_uri(name) if wanted is None else absolute(os.fspath(wanted))


def is_on_stack() -> bool:
    """Whether a task runs here on the stack, whose own folder will not last."""
    from flyte._runtime.context import ctx

    context = ctx()
    return bool(context) and context.mode == "remote"


def name_of(uri: str) -> str:
    """The last part of a path or URI."""
    name = uri.rstrip("/").rpartition("/")[2]
    return unquote(name) if is_artifact(uri) else name


def fetched_path(name: str | None = None) -> Path:
    """A path of this process's own, that nothing has; it is gone when the process ends."""
    return Path(tempfile.mkdtemp(dir=_fetched())) / (name or "data")


@cache
def _fetched() -> str:
    folder = tempfile.mkdtemp(prefix=".flyte-fetched-", dir=scratch())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def from_text(data: Any, field: str) -> Any:
    """What a person may write instead of the whole object: just its place."""
    return {field: os.fspath(data)} if isinstance(data, str | os.PathLike) else data
