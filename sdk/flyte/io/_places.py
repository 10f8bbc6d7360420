"""Where files, folders and tables lie: paths of this machine, and new ones below Flytejet's own folder.

The folder that an attempt runs in is gone when it ends, so what a task makes for others is made elsewhere.
"""

import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from flyte._raw_data import RawDataPath
from flyte.errors import RuntimeUserError

ARTIFACTS = "flyte://artifacts/"
"""What the URI of an object in the stack's artifact store begins with."""


def is_artifact(uri: str) -> bool:
    """Whether this names an object in the stack's artifact store: see `flyte.io._artifacts`."""
    return uri.startswith(ARTIFACTS)


def local_path(uri: str, task: str) -> Path:
    """The path that `uri` names on this machine.

    Raises RuntimeUserError (`RemoteStorageNotSupported`) for any other place; `task` is what was wanted.
    """
    scheme = urlsplit(uri).scheme if "://" in uri else ""
    if scheme == "file":
        return Path(unquote(urlsplit(uri).path))
    if scheme:
        raise RuntimeUserError(
            "RemoteStorageNotSupported",
            f"cannot {task} {uri}: data in remote storage ({scheme}://) is not supported yet "
            "(it comes with the data issue); use a path on this machine",
        )
    return Path(uri)


def absolute(uri: str) -> str:
    """The same place as others name it, whose current folder is another."""
    return uri if not uri or "://" in uri else str(Path(uri).expanduser().absolute())


def new_path(name: str | None = None) -> Path:
    """A path that nothing has, below a folder of its own, for the running task to write to."""
    from flyte._runtime.context import ctx

    context = ctx()
    place = context.raw_data_path if context else None
    path = local_path((place or RawDataPath.from_local_folder()).get_random_remote_path(name), "write to")
    path.parent.mkdir(parents=True)
    return path


def destination(wanted: str | None, name: str) -> Path:
    """Where a copy goes: the path that is wanted, or a new one. Raises as `local_path` does."""
    target = new_path(name) if wanted is None else local_path(wanted, "write to").expanduser().absolute()
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def is_on_stack() -> bool:
    """Whether a task runs here on the stack, whose own folder will not last."""
    from flyte._runtime.context import ctx

    context = ctx()
    return bool(context) and context.mode == "remote"


def from_text(data: Any, field: str) -> Any:
    """What a person may write instead of the whole object: just its place."""
    return {field: os.fspath(data)} if isinstance(data, str | os.PathLike) else data
