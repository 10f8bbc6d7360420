"""The artifact store for whoever reads by fsspec: `pandas.read_parquet(file.path)` does.

fsspec finds it by the protocol `flyte`. It reads; objects are written by `flyte.io` and `flyte.storage`.
"""

from typing import Any

from fsspec import AbstractFileSystem

from flyte.io._artifacts import STORE, sealed
from flyte.io._place import Entry


class ArtifactFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """Files and folders below `flyte://`."""

    protocol = "flyte"
    root_marker = ""

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(item) for item in path]
        return str(path).removeprefix("flyte://").rstrip("/")

    def unstrip_protocol(self, name: str) -> str:
        return f"flyte://{self._strip_protocol(name)}"

    def info(self, path: str, **kwargs: Any) -> dict[str, Any]:
        """Raises FileNotFoundError; RuntimeSystemError."""
        uri, name = self.unstrip_protocol(path), self._strip_protocol(path)
        if STORE.is_folder(uri):
            return {"name": name, "size": 0, "type": "directory"}
        return {"name": name, "size": STORE.size_bytes(uri), "type": "file"}

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> list[Any]:
        """Raises FileNotFoundError; RuntimeSystemError."""
        uri, name = self.unstrip_protocol(path), self._strip_protocol(path)
        if not STORE.is_folder(uri):
            found = [self.info(path)]
        else:
            found = list(_children(name, STORE.entries(uri)).values())
        return found if detail else [item["name"] for item in found]

    def _open(self, path: str, mode: str = "rb", **kwargs: Any) -> Any:
        return STORE.open(self.unstrip_protocol(path), mode, {}, lambda uri, content: None)

    def created(self, path: str) -> Any:
        """Not known: an object has no time."""
        raise NotImplementedError(f"the artifact store does not tell when {sealed(path)} was stored")


def _children(name: str, entries: list[Entry]) -> dict[str, dict[str, Any]]:
    """What is in a folder itself: its files, and the folders that more files are in."""
    found: dict[str, dict[str, Any]] = {}
    for entry in entries:
        first, slash, _ = entry.path.partition("/")
        if slash:
            found[first] = {"name": f"{name}/{first}", "size": 0, "type": "directory"}
        else:
            at = entry.uri.removeprefix("flyte://")
            found[first] = {"name": at, "size": entry.size_bytes or 0, "type": "file"}
    return found
