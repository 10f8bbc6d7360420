"""What stands for the content of a value where it is compared: in cache keys and in names of actions."""

import copy
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

CHUNK_BYTES = 1024 * 1024


@runtime_checkable
class HashMethod(Protocol):
    """A digest that is fed with a file's bytes, and gives its hash: `update` and `result`."""

    def update(self, data: bytes) -> None: ...

    def result(self) -> str: ...


class HashFunction:
    """A function from a value to its hash: `Annotated[pd.DataFrame, HashFunction.from_fn(digest)]`.

    As the `hash_method` of a file it is fed with the file's bytes.
    """

    def __init__(self, fn: Callable[[Any], str]) -> None:
        self.fn = fn
        self._data = bytearray()

    @classmethod
    def from_fn(cls, fn: Callable[[Any], str]) -> "HashFunction":
        """The hash that `fn` gives."""
        return cls(fn)

    def update(self, data: bytes) -> None:
        """Take more of the content."""
        self._data += data

    def result(self) -> str:
        """The hash of what was taken so far."""
        return self.fn(bytes(self._data))


HashedBy = HashMethod | str
"""How to hash, or the hash itself when it is known."""


def hash_of_file(path: Path, method: HashedBy | None) -> str | None:
    """The hash of a file's content by `method`; None without one. Raises OSError."""
    if method is None or isinstance(method, str):
        return method
    fresh = HashFunction(method.fn) if isinstance(method, HashFunction) else copy.deepcopy(method)
    with path.open("rb") as content:
        while chunk := content.read(CHUNK_BYTES):
            fresh.update(chunk)
    return fresh.result()


def hash_of_value(value: Any, method: HashedBy | None) -> str | None:
    """The hash of a table in memory. Raises TypeError for a method that takes bytes only."""
    if method is None or isinstance(method, str):
        return method
    if isinstance(method, HashFunction):
        return method.fn(value)
    raise TypeError(f"{type(method).__name__} hashes bytes: give a HashFunction for a table")


def content_digest(path: Path) -> str:
    """The MD5 of a file, as hex digits. Raises OSError."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "md5").hexdigest()
