"""Reads the file of a run, and believes nothing: a record is held against the chain whenever it is read."""

import hashlib
import json
import struct
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from flyte._archive.records import (
    EVENTS,
    LOGS,
    MANIFEST,
    MAX_LINE_BYTES,
    OBJECTS,
    PARTS,
    SEAL,
    SEALS,
    TASKS,
    VERSION,
    Damaged,
    Manifest,
    Message,
    Record,
    RecordT,
    Seal,
    StoredObject,
    parts_of,
    record_in,
)
from flyte._archive.writing import CHUNK_BYTES, COMMENT, DIGEST_BYTES, digest_before_end
from flyte_schemas.artifacts import NameDigest
from flyte_schemas.chain import Chain

KINDS: dict[str, type[Record]] = {
    MANIFEST: Manifest,
    SEALS: Message,
    EVENTS: Message,
    TASKS: Message,
    LOGS: Message,
    OBJECTS: StoredObject,
    SEAL: Seal,
}

_OF_A_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    LookupError,
    NotImplementedError,
    OverflowError,
    OSError,
    RuntimeError,
    ValueError,
)
"""What reading a zip raises where its bytes are not what was written."""


@contextmanager
def reading(path: Path) -> Iterator["Reader"]:
    """A reader of the file. Raises OSError; Damaged for what is no file of a run, or not a whole one."""
    with path.open("rb") as file:
        try:
            archive = zipfile.ZipFile(file)
        except _OF_A_ZIP as error:
            raise Damaged(f"{path} is cut short, or it is no exported run: {error}") from error
        with archive:
            yield Reader(path, file, archive)


class Reader:
    """An open file. `all_records` checks all of it; after that its parts can be read one by one."""

    def __init__(self, path: Path, file: IO[bytes], archive: zipfile.ZipFile) -> None:
        self._path = path
        self._file = file
        self._archive = archive
        self._starts: dict[str, tuple[str, int]] = {}
        self.digest = ""
        """The hash of the last record, once all were read."""

    def all_records(self) -> Iterator[tuple[str, Record]]:
        """Every record with its part, in order, each after it was checked; objects are read as well.

        Raises Damaged, with the place, as soon as something is not as it was written.
        """
        is_as_written = self._is_as_written()
        chain, named = Chain(), set(PARTS)
        for part in PARTS:
            if part == SEALS and part not in self._archive.namelist():
                continue
            self._starts[part] = (chain.head, chain.count)
            before = chain.count
            for record in self._walk(part, KINDS[part], chain):
                if isinstance(record, StoredObject) and not record.missing:
                    self._check_object(record)
                    named.add(record.member)
                yield part, record
            if part in (MANIFEST, SEAL) and chain.count != before + 1:
                raise self._damaged(f"{part} has {chain.count - before} records instead of one")
        if strangers := [name for name in self._archive.namelist() if name not in named]:
            raise self._damaged(f"it has {strangers[0]!r}, which no record names")
        if not is_as_written:
            raise self._damaged("its records are whole, but the zip around them was changed")
        self.digest = chain.head

    def messages(self, part: str) -> Generator[Message]:
        """The records of EVENTS, TASKS or LOGS. Raises Damaged."""
        return self._walk(part, Message, Chain(*self._starts[part]))

    def objects(self) -> Generator[StoredObject]:
        """The records of OBJECTS. Raises Damaged."""
        return self._walk(OBJECTS, StoredObject, Chain(*self._starts[OBJECTS]))

    def extract(self, record: StoredObject, path: Path) -> None:
        """Write the bytes of an object to a file. Raises Damaged."""
        with path.open("wb") as target:
            for chunk in self._chunks(record):
                target.write(chunk)

    def _is_as_written(self) -> bool:
        comment = self._archive.comment
        if len(comment) != len(COMMENT) + DIGEST_BYTES or not comment.startswith(COMMENT):
            return False
        size_bytes = self._path.stat().st_size
        stated = comment[len(COMMENT) :]
        is_whole = digest_before_end(self._file, size_bytes).encode() == stated
        self._file.seek(size_bytes - DIGEST_BYTES)
        return is_whole and self._file.read() == stated

    def _walk(self, part: str, kind: type[RecordT], chain: Chain) -> Generator[RecordT]:
        with self._open(part) as member:
            while line := self._line(part, member, chain):
                yield self._next(part, kind, chain, line, member)

    def _next(self, part: str, kind: type[RecordT], chain: Chain, line: bytes, member: IO[bytes]) -> RecordT:
        number, place = chain.count, f"record {chain.count} in {part}"
        try:
            stated, body = parts_of(line)
        except ValueError as error:
            raise self._damaged(f"{place} was changed: {error}") from error
        if not chain.take(body, stated):
            raise self._damaged(self._what_is_wrong(place, number, body, member))
        _check_version(body, part, self._path)
        try:
            record = record_in(kind, body)
        except ValueError as error:
            raise self._damaged(f"{place} cannot be read: {error}") from error
        if record.number != number:
            raise self._damaged(f"{place} says that it is number {record.number}")
        return record

    def _what_is_wrong(self, place: str, expected: int, body: bytes, member: IO[bytes]) -> str:
        """Whether a record that does not follow was changed, or others are missing, or the order is wrong."""
        number = _number_in(body)
        if number is None or number == expected:
            return f"{place} was changed" + _subject_in(body)
        if number < expected:
            return f"record {number} stands again after record {expected - 1}, where {place} belongs"
        for line in self._rest(member):
            if _number_in(line) == expected:
                return f"{place} stands after record {number}: the order was changed"
        missing = f"{expected} to {number - 1}" if number > expected + 1 else str(expected)
        return f"{place} is number {number}: what was number {missing} is missing"

    def _rest(self, member: IO[bytes]) -> Iterator[bytes]:
        try:
            while line := member.readline(MAX_LINE_BYTES):
                yield line.partition(b'"record":')[2].removesuffix(b"}\n")
        except _OF_A_ZIP:
            return

    def _line(self, part: str, member: IO[bytes], chain: Chain) -> bytes:
        try:
            return member.readline(MAX_LINE_BYTES)
        except _OF_A_ZIP as error:
            raise self._damaged(
                f"{part} is broken at record {chain.count} or soon after it: {error}"
            ) from error

    def _check_object(self, record: StoredObject) -> None:
        sha256, name, size = hashlib.sha256(), NameDigest(record.size_bytes), 0
        for chunk in self._chunks(record):
            sha256.update(chunk)
            name.update(chunk)
            size += len(chunk)
        is_it = (size, sha256.hexdigest()) == (record.size_bytes, record.sha256)
        if not is_it or name.name() != record.uri.rpartition("/")[2]:
            raise self._damaged(f"the object {record.uri} (record {record.number}) was changed")

    def _chunks(self, record: StoredObject) -> Iterator[bytes]:
        with self._open(record.member) as member:
            while True:
                try:
                    chunk = member.read(CHUNK_BYTES)
                except _OF_A_ZIP as error:
                    what = f"the object {record.uri} (record {record.number}) is broken: {error}"
                    raise self._damaged(what) from error
                if not chunk:
                    return
                yield chunk

    def _open(self, name: str) -> IO[bytes]:
        try:
            return self._archive.open(name)
        except _OF_A_ZIP as error:
            raise self._damaged(f"it has no {name} that can be read: {error}") from error

    def _damaged(self, what: str) -> Damaged:
        return Damaged(f"{self._path} is damaged: {what}")


def _check_version(body: bytes, part: str, path: Path) -> None:
    """Raises Damaged for a file of a version that this one does not know."""
    if part != MANIFEST:
        return
    found = json.loads(body)
    version = found.get("version") if isinstance(found, dict) else None
    if version not in range(1, VERSION + 1):
        raise Damaged(
            f"{path} is of version {version} of the format, and this flyte reads versions 1 to {VERSION}"
        )


def _number_in(body: bytes) -> int | None:
    try:
        number = json.loads(body)["number"]
    except (ValueError, LookupError, TypeError):
        return None
    return number if isinstance(number, int) else None


def _subject_in(body: bytes) -> str:
    """Where in the log a record stood, for a message about it."""
    try:
        found = json.loads(body)
        return f" ({found['subject']}, sequence {found['sequence']})"
    except (ValueError, LookupError, TypeError):
        return ""
