"""Choices that are read from bytes: the same bytes, the same choices; without more, the first of each."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

LETTERS = "az AZ09._-*>/\\%\x00\n\r\t\u202e\u00fc\U0001f600\ufeff:=\"'${}[]#;,&|<`~"
"""What text is made of: mostly what means something to somebody."""


class Chooser:
    """Reads choices off the front of some bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """How many bytes there are still."""
        return len(self._data) - self._at

    def byte(self) -> int:
        """The next byte; 0 when there is none."""
        if self._at >= len(self._data):
            return 0
        self._at += 1
        return self._data[self._at - 1]

    def below(self, limit: int) -> int:
        """A number from 0 to `limit` - 1."""
        number, span = 0, 1
        while span < limit:
            number, span = number * 256 + self.byte(), span * 256
        return number % limit

    def one_in(self, count: int) -> bool:
        """True about once in so many times; never when the bytes are used up."""
        return self.below(count) == count - 1

    def pick(self, items: Sequence[T]) -> T:
        """One of these."""
        return items[self.below(len(items))]

    def bytes(self, limit: int) -> bytes:
        """Up to so many bytes, as they come."""
        size = min(self.below(limit + 1), self.left)
        self._at += size
        return self._data[self._at - size : self._at]

    def text(self, limit: int = 24) -> str:
        """Text, mostly of characters that mean something."""
        if self.one_in(4):
            return self.bytes(limit).decode("utf-8", "surrogateescape" if self.one_in(4) else "replace")
        return "".join(self.pick(LETTERS) for _ in range(self.below(limit + 1)))

    def times(self, limit: int) -> range:
        """As `range`, of up to so many, and at least one."""
        return range(1 + self.below(limit))
