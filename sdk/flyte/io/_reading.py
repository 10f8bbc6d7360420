"""An object of the artifact store as an open file: read by ranges, which grow while it is read straight on.

Memory is bounded by one range. A range that breaks off is asked for again, from where it broke, until the
patience is over. What is read from the beginning to the end in order is compared with its MD5 before the last
bytes are handed out; parts cannot be.
"""

import io
from dataclasses import dataclass
from typing import Any

from flyte._limits import READ_RANGE_BYTES, READ_RANGE_LIMIT_BYTES
from flyte._runtime.artifact_errors import ArtifactCorrupted
from flyte._store import artifacts, told
from flyte._syncify import block_on
from flyte_schemas.artifacts import NameDigest


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """`size_bytes` bytes from `offset` on in the object `uri`; `name` is that of their content, "" says
    nothing.
    """

    uri: str
    offset: int
    size_bytes: int
    name: str


def whole(uri: str) -> Span:
    """All of an object. Raises FileNotFoundError, RuntimeSystemError."""
    with told(uri):
        size_bytes = block_on(artifacts().size_of(uri))
    return Span(uri=uri, offset=0, size_bytes=size_bytes, name=uri.rpartition("/")[2])


def reader(span: Span, range_bytes: int = READ_RANGE_BYTES) -> io.BufferedReader:
    """The bytes as an open file that can seek; `range_bytes` are asked for first, and nothing before."""
    return io.BufferedReader(_Spanned(span, range_bytes))


class _Spanned(io.RawIOBase):
    def __init__(self, span: Span, range_bytes: int) -> None:
        self._span = span
        self._store = artifacts()  # now: whoever reads later may do so in a thread of its own
        self._position = 0
        self._next_bytes = range_bytes
        self._fetched = memoryview(b"")
        self._fetched_at = 0
        self._digest = NameDigest(span.size_bytes)
        self._digested = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._span.size_bytes}[whence]
        if start + offset < 0:
            raise ValueError(f"there is nothing before the beginning of {self._span.uri}")
        self._position = start + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        """As much as was fetched, at least a byte before the end. Raises FileNotFoundError,
        RuntimeSystemError.
        """
        view = memoryview(buffer).cast("B")
        if not view or self._position >= self._span.size_bytes:
            return 0
        there = self._position - self._fetched_at
        if not 0 <= there < len(self._fetched):
            with told(self._span.uri):
                self._fetch()
            there = 0
        piece = self._fetched[there : there + len(view)]
        view[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def _fetch(self) -> None:
        """The next range; a jump begins with a small one again."""
        is_straight = self._position == self._fetched_at + len(self._fetched)
        if not is_straight:
            self._next_bytes = READ_RANGE_BYTES
        stop = min(self._position + min(self._next_bytes, READ_RANGE_LIMIT_BYTES), self._span.size_bytes)
        self._fetched = memoryview(b"")
        self._fetched = memoryview(self._range(self._position, stop))
        self._fetched_at = self._position
        self._next_bytes *= 4
        if self._position == self._digested:
            self._digest.update(self._fetched)
            self._digested = stop
        if self._digested == self._span.size_bytes:
            self._check()

    def _range(self, start: int, stop: int) -> bytes:
        offset = self._span.offset
        return block_on(self._store.get_range(self._span.uri, offset + start, offset + stop))

    def _check(self) -> None:
        actual = self._digest.name()
        if self._span.name and actual != self._span.name:
            raise ArtifactCorrupted(self._span.uri, expected=f"md5 {self._span.name}", actual=f"md5 {actual}")
