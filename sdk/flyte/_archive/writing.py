"""Writes the file of a run, record by record: it is never in memory, and appears whole or not at all."""

import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from flyte._archive.records import Record, StoredObject, line_of
from flyte_schemas.chain import Chain

CHUNK_BYTES = 1024 * 1024
COMMENT = b"flytejet-run sha256 "
"""How the comment of the zip begins; 64 hex digits follow, the last bytes of the file: the SHA-256 of all
that stands before them."""
DIGEST_BYTES = 64
_THE_DATE = (2000, 1, 1, 0, 0, 0)


class Writer:
    """A file that is being written: its parts one after another, and objects between them."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._chain = Chain()
        self._part: IO[bytes] | None = None

    @property
    def number(self) -> int:
        """Of the next record."""
        return self._chain.count

    @property
    def digest(self) -> str:
        """The hash of the last record."""
        return self._chain.head

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Within the block records go into this part."""
        with self._archive.open(_member(name), "w", force_zip64=True) as self._part:
            yield
        self._part = None

    def add(self, record: Record) -> None:
        """Append the next record to the part."""
        assert self._part is not None, "no part is open"
        self._part.write(line_of(self._chain, record))

    def put_object(self, record: StoredObject, content: Path) -> None:
        """Put the bytes of an object into the file; its record is added later."""
        member = _member(record.member)
        with content.open("rb") as source, self._archive.open(member, "w", force_zip64=True) as target:
            shutil.copyfileobj(source, target, CHUNK_BYTES)


@contextmanager
def writing(path: Path) -> Iterator[Writer]:
    """A writer of the file `path`, which takes its name when the block has succeeded.

    Raises OSError when it cannot be written.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    whole = Path(name)
    try:
        with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.comment = COMMENT + b"0" * DIGEST_BYTES
            yield Writer(archive)
        _sign(whole)
        whole.chmod(0o666 & ~_umask())
        whole.replace(path)
    finally:
        whole.unlink(missing_ok=True)


def digest_before_end(file: IO[bytes], size_bytes: int) -> str:
    """The SHA-256 of a file up to its own digest."""
    digest, left = hashlib.sha256(), size_bytes - DIGEST_BYTES
    file.seek(0)
    while left > 0:
        chunk = file.read(min(CHUNK_BYTES, left))
        if not chunk:
            break
        digest.update(chunk)
        left -= len(chunk)
    return digest.hexdigest()


def _sign(path: Path) -> None:
    with path.open("r+b") as file:
        size_bytes = path.stat().st_size
        digest = digest_before_end(file, size_bytes)
        file.seek(size_bytes - DIGEST_BYTES)
        file.write(digest.encode())
        file.flush()
        os.fsync(file.fileno())


def _member(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, _THE_DATE)
    member.compress_type = zipfile.ZIP_DEFLATED
    return member


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
