"""What proves that the events of a run are those that were said: seals, which one who reads the log signs.

All events of a run are a chain of hashes in the order of the stream (`chain`), each over its sequence, its
subject and its bytes. A seal states how far the chain has come, and its end; and of each event since the seal
before it a mark, so that what does not fit can be named. Who rewrites the stream can make another chain, and
cannot sign its seals.
"""

import hashlib
from typing import ClassVar

from pydantic import PositiveInt

from flyte_schemas.events import EventData
from flyte_schemas.subjects import RunKey
from flyte_schemas.words import Sha256, Word

MARK_DIGITS = 16
"""How much of an event's hash is its mark: enough to find it, as the chain has the whole."""
MAX_MARKS = 2_000
"""How many events one seal adds at most; a longer run has several."""


class Mark(Word):
    """One event of a run: its place in the stream, its action, and the beginning of its hash."""

    sequence: PositiveInt
    action: str
    hash: str

    def __str__(self) -> str:
        return f"{self.sequence} {self.action} {self.hash}"


class RunSealed(EventData):
    """The first `count` events of a run, up to the sequence `through`, are a chain that ends in `head`.

    `marks` are those since the seal before: `sequence action hash`. `key` is the public key (an nkey) of who
    has signed, `signature` that over `signed_bytes`, in hex.
    """

    TYPE: ClassVar[str] = "flyte.seal.appended.v1"
    through: PositiveInt
    count: PositiveInt
    head: Sha256
    marks: tuple[str, ...]
    key: str
    signature: str = ""

    @property
    def begins_after(self) -> int:
        """How many events came before those that it adds."""
        return self.count - len(self.marks)


def leaf(sequence: int, subject: str, raw: bytes) -> bytes:
    """The hash of one event where it stands; no subject has a line's end in it."""
    digest = hashlib.sha256(f"{sequence} {subject}\n".encode())
    digest.update(raw)
    return digest.digest()


def mark(sequence: int, action: str, hashed: bytes) -> str:
    """An event as a seal names it; `hashed` is its leaf."""
    return f"{sequence} {action} {hashed.hex()[:MARK_DIGITS]}"


def mark_of(text: str) -> Mark | None:
    """The parts of a mark; None for anything else."""
    match text.split(" "):
        case [sequence, action, digits] if sequence.isdecimal() and int(sequence) > 0:
            return Mark(sequence=int(sequence), action=action, hash=digits)
        case _:
            return None


def signed_bytes(run: RunKey, seal: RunSealed) -> bytes:
    """What the signature of a run's seal covers: all that it says, and of which run."""
    marks = hashlib.sha256("\n".join(seal.marks).encode()).hexdigest()
    parts = ("flyte-seal.v1", str(run), str(seal.through), str(seal.count), seal.head, marks, seal.key)
    return "\n".join(parts).encode()
