"""The events that no seal covers yet, by run, and how far each run is sealed: of the read model's file."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from flyte_bus.ports import Entry
from flyte_schemas.chain import START, Chain
from flyte_schemas.seals import RunSealed, leaf, mark
from flyte_schemas.subjects import RunKey, parse_action

_OF_RUN = " WHERE project = ? AND domain = ? AND run = ?"


@dataclass(frozen=True, slots=True)
class Unsealed:
    """One event: its place in the stream, its action, and its leaf of the chain."""

    sequence: int
    action: str
    leaf: bytes

    @property
    def mark(self) -> str:
        return mark(self.sequence, self.action, self.leaf)


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a run is sealed: `count` events, the last at `through`, whose chain ends in `head`.

    `sealed_at` is where the last seal stands in SEALS.
    """

    count: int = 0
    through: int = 0
    head: str = START
    sealed_at: int = 0

    def after(self, events: Iterable[Unsealed]) -> "Standing":
        """The standing with these events behind it."""
        chain, through = Chain(self.head, self.count), self.through
        for event in events:
            chain.add(event.leaf)
            through = event.sequence
        return Standing(chain.count, through, chain.head, self.sealed_at)

    def is_of(self, seal: RunSealed) -> bool:
        """Whether a seal says the same."""
        return (self.count, self.through, self.head) == (seal.count, seal.through, seal.head)


def unsealed_of(entry: Entry) -> tuple[RunKey, Unsealed] | None:
    """A message of RUNS as an event of its run's chain; None when its subject names no run."""
    key = parse_action(entry.subject)
    if key is None:
        return None
    hashed = leaf(entry.sequence, entry.subject, entry.raw)
    return key.run, Unsealed(entry.sequence, key.action, hashed)


class SealTable:
    """What is to be sealed, in an open file."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def add(self, events: Iterable[tuple[RunKey, Unsealed]]) -> None:
        """Take note of events; who comes twice counts once."""
        self._db.executemany(
            "INSERT OR IGNORE INTO unsealed VALUES (?, ?, ?, ?, ?, ?)",
            ((*run, event.sequence, event.action, event.leaf) for run, event in events),
        )

    def waiting(self) -> list[tuple[RunKey, int]]:
        """The runs that have events without a seal, and how many."""
        rows = self._db.execute("SELECT project, domain, run, count(*) FROM unsealed GROUP BY 1, 2, 3")
        return [(RunKey(*row[:3]), row[3]) for row in rows]

    def unsealed(self, run: RunKey, *, upto: int, limit: int) -> list[Unsealed]:
        """The first events of a run that have no seal, in the order of the stream, up to a sequence."""
        rows = self._db.execute(
            f"SELECT sequence, action, leaf FROM unsealed{_OF_RUN} AND sequence <= ?"
            " ORDER BY sequence LIMIT ?",
            (*run, upto, limit),
        )
        return [Unsealed(*row) for row in rows]

    def standing(self, run: RunKey) -> Standing:
        row = self._db.execute(f"SELECT count, through, head, sealed_at FROM sealed{_OF_RUN}", run).fetchone()
        return Standing(*row) if row else Standing()

    def put(self, run: RunKey, standing: Standing) -> None:
        """Note how far a run is sealed; the events up to there are let go of."""
        self._db.execute(
            "INSERT OR REPLACE INTO sealed VALUES (?, ?, ?, ?, ?, ?, ?)",
            (*run, standing.count, standing.through, standing.head, standing.sealed_at),
        )
        self._db.execute(f"DELETE FROM unsealed{_OF_RUN} AND sequence <= ?", (*run, standing.through))
