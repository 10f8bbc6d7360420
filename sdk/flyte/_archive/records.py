"""What stands in the file of a run: its parts, its records, and how a record is a line.

The layout is described in docs/time-travel.md. A line is `{"hash":"…","record":…}`; the hash covers the bytes
of the record as they stand there and the hash of the line before, so no form of JSON has to be agreed upon.
"""

import base64
from datetime import datetime
from typing import Literal, TypeVar

from pydantic import NonNegativeInt, PositiveInt, ValidationError

from flyte_schemas.chain import HEX_DIGITS, Chain
from flyte_schemas.envelope import MAX_EVENT_BYTES, one_sentence
from flyte_schemas.subjects import RunKey
from flyte_schemas.words import Name, Sha256, Word

VERSION = 2
"""Of the format; a file of a later one is refused. What version 1 had not is the part SEALS."""

MANIFEST, SEALS, EVENTS, TASKS, LOGS, OBJECTS, SEAL = (
    "manifest.jsonl",
    "seals.jsonl",
    "events.jsonl",
    "tasks.jsonl",
    "logs.jsonl",
    "objects.jsonl",
    "seal.jsonl",
)
PARTS = (MANIFEST, SEALS, EVENTS, TASKS, LOGS, OBJECTS, SEAL)
"""In the order of the chain; SEALS are not there where nobody has sealed the run."""
OBJECT_FOLDER = "objects/"

MAX_LINE_BYTES = 8 * MAX_EVENT_BYTES
"""An event in a line of JSON is at most so long, however much of it has to be escaped."""

_BEFORE_HASH, _BEFORE_RECORD, _END = b'{"hash":"', b'","record":', b"}\n"


class Record(Word):
    """A record of the chain; `number` counts them all, from 0: what is missing shows by it."""

    number: NonNegativeInt


class Manifest(Record):
    """What the file is: the first record."""

    format: Literal["flytejet-run"]
    version: Literal[1, 2]
    project: Name
    domain: Name
    run: Name
    exported_at: datetime
    exported_with: str
    with_objects: bool

    @property
    def key(self) -> RunKey:
        return RunKey(self.project, self.domain, self.run)


class Message(Record):
    """A message of the log: where it stood there, and its bytes, as text where they are UTF-8."""

    sequence: PositiveInt
    subject: str
    text: str | None = None
    in_base64: str | None = None

    @classmethod
    def of(cls, number: int, sequence: int, subject: str, raw: bytes) -> "Message":
        try:
            return cls(number=number, sequence=sequence, subject=subject, text=raw.decode())
        except UnicodeDecodeError:
            encoded = base64.b64encode(raw).decode()
            return cls(number=number, sequence=sequence, subject=subject, in_base64=encoded)

    @property
    def raw(self) -> bytes:
        """Raises ValueError for what is neither text nor base64."""
        if self.text is not None:
            return self.text.encode()
        return base64.b64decode(self.in_base64 or "", validate=True)


class StoredObject(Record):
    """An object of the artifact store. `missing` says why the file does not have it, when it does not."""

    uri: str
    size_bytes: NonNegativeInt = 0
    sha256: Sha256 | None = None
    missing: str = ""

    @property
    def member(self) -> str:
        """Where in the file its bytes are."""
        return OBJECT_FOLDER + "/".join(self.uri.split("/")[-3:])


class Seal(Record):
    """The last record: what there is of each kind. Its hash is the digest of the whole.

    `is_finished`: every action of the run had ended.
    """

    events: NonNegativeInt
    tasks: NonNegativeInt
    logs: NonNegativeInt
    objects: NonNegativeInt
    missing_objects: NonNegativeInt
    as_of: NonNegativeInt
    is_finished: bool


class Damaged(Exception):
    """The file is not what was exported; the message says where."""


RecordT = TypeVar("RecordT", bound=Record)


def line_of(chain: Chain, record: Record) -> bytes:
    """The record as the next line of the chain."""
    body = record.model_dump_json(exclude_defaults=True).encode()
    return _BEFORE_HASH + chain.add(body).encode() + _BEFORE_RECORD + body + _END


def parts_of(line: bytes) -> tuple[str, bytes]:
    """The hash and the record's bytes of a line. Raises ValueError."""
    hash_at, hash_end = len(_BEFORE_HASH), len(_BEFORE_HASH) + HEX_DIGITS
    body_at = hash_end + len(_BEFORE_RECORD)
    stated = line[hash_at:hash_end]
    is_whole = (
        line.startswith(_BEFORE_HASH)
        and line[hash_end:body_at] == _BEFORE_RECORD
        and line.endswith(_END)
        and len(stated) == HEX_DIGITS
        and not stated.strip(b"0123456789abcdef")
    )
    if not is_whole:
        raise ValueError("it is no record of a chain")
    return stated.decode(), line[body_at : -len(_END)]


def record_in(kind: type[RecordT], body: bytes) -> RecordT:
    """Raises ValueError with one sentence."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise ValueError(one_sentence(error)) from error
