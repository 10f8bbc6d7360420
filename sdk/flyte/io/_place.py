"""What a place must be able to do, so that a `File`, a `Dir` and `flyte.storage` need not know where it is.

Three fill it: this machine (`_here`), the stack's artifact store (`_artifacts`), and whatever fsspec reaches
(`_remote`). All of it blocks; coroutines come by `flyte.io._threads`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

Tell = Callable[[str, Path | None], None]
"""Is told where something is, once it is there, and where its content can be read on this machine (if it
can).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file of a folder: its path within (with forward slashes), its URI, its size (None: nobody said)."""

    path: str
    uri: str
    size_bytes: int | None = None


class Place(Protocol):
    """Files and folders by URI. Errors: FileNotFoundError, NotADirectoryError, RuntimeSystemError."""

    def open(self, uri: str, mode: str, options: Mapping[str, Any], written: Tell) -> IO[Any]:
        """A file; `written` is told where its content is, when it was written and closed."""
        ...

    def is_file(self, uri: str) -> bool: ...

    def is_folder(self, uri: str) -> bool: ...

    def size_bytes(self, uri: str) -> int:
        """How many bytes a file has."""
        ...

    def entries(self, uri: str) -> list[Entry]:
        """The files of a folder and of all below it, by path."""
        ...

    def entry(self, uri: str, path: str) -> Entry | None:
        """The file with this path in a folder; None when it is not there."""
        ...

    def get(self, uri: str, target: Path) -> None:
        """Write a file's content to `target`, whose folder is there; it appears whole or not at all."""
        ...

    def get_folder(self, uri: str, target: Path) -> None:
        """Write the files of a folder below `target`, which need not be there."""
        ...

    def put(self, source: Path, uri: str) -> str:
        """Put the content of a file of this machine there; where it is then."""
        ...

    def put_folder(self, source: Path, uri: str) -> str:
        """The same for a folder."""
        ...

    def make_folder(self, uri: str) -> None:
        """Make an empty folder, where such a thing exists."""
        ...
