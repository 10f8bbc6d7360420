"""What stands for the content of a value where it is compared: in cache keys and in names of actions."""

from collections.abc import Callable
from pathlib import Path
from typing import Any


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


HashMethod = HashFunction | str
"""How to hash, or the hash itself when it is known."""


def hash_of_file(path: Path, method: HashMethod | None) -> str | None:
    """The hash of a file's content by `method`; None without one. Raises OSError."""
    if not isinstance(method, HashFunction):
        return method
    fresh = HashFunction(method.fn)
    fresh.update(path.read_bytes())
    return fresh.result()
