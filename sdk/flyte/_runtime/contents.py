"""What is sent to the artifact store and got from it: bytes in memory or a file, in pieces, from any place.

A content that is sent is never copied as a whole; one that is got is written where it belongs as it comes, by
several threads at a time.
"""

import hashlib
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from flyte_schemas.artifacts import content_name, part_count, part_range

CHUNK_BYTES = 1024 * 1024
"""How much of a content is handled at a time, for each transfer."""


class Source(Protocol):
    """A content that does not change."""

    @property
    def size_bytes(self) -> int: ...

    def pieces(self, start: int, end: int) -> Iterator[bytes | memoryview]:
        """The bytes from `start` up to and without `end`. Raises OSError."""
        ...


class BytesSource:
    """Bytes in memory, or a view of them."""

    def __init__(self, data: bytes | memoryview) -> None:
        self._view = memoryview(data).cast("B")
        self.size_bytes = len(self._view)

    def pieces(self, start: int, end: int) -> Iterator[bytes | memoryview]:
        """See `Source`."""
        for begin in range(start, end, CHUNK_BYTES):
            yield self._view[begin : min(begin + CHUNK_BYTES, end)]


class FileSource:
    """The content of a file, as it is now. Raises OSError when it cannot be read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._look(path.stat())
        self.size_bytes = self._seen[0]

    def pieces(self, start: int, end: int) -> Iterator[bytes | memoryview]:
        """See `Source`. Raises OSError also when the file is another one than it was."""
        with self._path.open("rb", buffering=0) as file:
            if self._look(os.fstat(file.fileno())) != self._seen:
                raise OSError(f"{self._path} changed while it was uploaded: upload it when it is complete")
            file.seek(start)
            left = end - start
            while left > 0 and (chunk := file.read(min(CHUNK_BYTES, left))):
                left -= len(chunk)
                yield chunk

    @staticmethod
    def _look(found: os.stat_result) -> tuple[int, int, int]:
        return found.st_size, found.st_mtime_ns, found.st_ino


class OpenFileSource:
    """What was written into a file that is open and has perhaps no name; the file is closed with its end."""

    def __init__(self, file: IO[bytes], size_bytes: int) -> None:
        self._file = file
        self.size_bytes = size_bytes

    def __del__(self) -> None:
        self._file.close()

    def pieces(self, start: int, end: int) -> Iterator[bytes | memoryview]:
        """See `Source`."""
        return FileSink(self._file.fileno()).pieces(start, end)


class Sink(Protocol):
    """A place for a content of a size that is known; pieces come in any order, from several threads."""

    def prepare(self, size_bytes: int) -> None:
        """Make room, before the first piece; what an earlier try has written stays."""
        ...

    def write_at(self, offset: int, piece: memoryview) -> None:
        """Raises OSError."""
        ...

    def pieces(self, start: int, end: int) -> Iterator[bytes | memoryview]:
        """What was written, as `Source` gives it."""
        ...


class MemorySink:
    """Bytes in memory, which `taken` gives without a copy."""

    def __init__(self) -> None:
        self._bytes = io.BytesIO()
        self._view = self._bytes.getbuffer()

    def prepare(self, size_bytes: int) -> None:
        """See `Sink`."""
        if len(self._view) != size_bytes:
            self._view.release()
            self._bytes.seek(size_bytes - 1)
            self._bytes.write(b"\0")
            self._view = self._bytes.getbuffer()

    def write_at(self, offset: int, piece: memoryview) -> None:
        """See `Sink`."""
        self._view[offset : offset + len(piece)] = piece

    def pieces(self, start: int, end: int) -> Iterator[bytes | memoryview]:
        """See `Sink`."""
        return BytesSource(self._view).pieces(start, end)

    def taken(self) -> bytes:
        """All of it, once."""
        self._view.release()
        return self._bytes.getvalue()


class FileSink:
    """An open file, which may be read too."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def prepare(self, size_bytes: int) -> None:
        """See `Sink`: a file grows by itself."""

    def write_at(self, offset: int, piece: memoryview) -> None:
        """See `Sink`."""
        while piece:
            written = os.pwrite(self._descriptor, piece, offset)
            offset, piece = offset + written, piece[written:]

    def pieces(self, start: int, end: int) -> Iterator[bytes | memoryview]:
        """See `Sink`."""
        while start < end and (chunk := os.pread(self._descriptor, min(CHUNK_BYTES, end - start), start)):
            start += len(chunk)
            yield chunk


@dataclass(frozen=True, slots=True)
class Digests:
    """What a content is known by: the MD5s of its parts, and the SHA-256 of the whole, as hex digits."""

    part_md5s: tuple[str, ...]
    sha256: str
    size_bytes: int

    @property
    def name(self) -> str:
        """What the content is called in the store."""
        return content_name(self.part_md5s)


def part_md5(content: Source | Sink, size_bytes: int, number: int) -> str:
    """The MD5 of part `number` (from 1), as hex digits."""
    digest = hashlib.md5(usedforsecurity=False)
    for piece in content.pieces(*part_range(size_bytes, number)):
        digest.update(piece)
    return digest.hexdigest()


def sha256_of(content: Source | Sink, size_bytes: int) -> str:
    """The SHA-256 of all of it, as hex digits."""
    digest = hashlib.sha256()
    for piece in content.pieces(0, size_bytes):
        digest.update(piece)
    return digest.hexdigest()


def digests_of(source: Source) -> Digests:
    """What a content is known by; reads it twice when it is large."""
    size, count = source.size_bytes, part_count(source.size_bytes)
    md5s = tuple(part_md5(source, size, number) for number in range(1, count + 1))
    return Digests(md5s, sha256_of(source, size), size)
