"""The runs of the read model: what is folded on, and what is listed, counted and searched."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
from pydantic import TypeAdapter

from flyte_registry.core.conditions import (
    Condition,
    Value,
    both,
    conditions,
    microseconds,
    moment,
    searched,
    time_ranges,
)
from flyte_registry.core.cursors import Place
from flyte_registry.core.rows import RunRow, run_summary
from flyte_schemas.action import ActionState, StateDocument
from flyte_schemas.endpoints import ListRuns, RunSummary
from flyte_schemas.failure import Failure
from flyte_schemas.phase import ActionPhase
from flyte_schemas.subjects import RunKey

_STATE = TypeAdapter[ActionState](StateDocument)

UNREADABLE = (ValueError, TypeError, RecursionError, OverflowError, sqlite3.DataError)
"""What reading, folding and writing a run raise for content that is not as it should be."""

_COLUMNS = (
    "name, task, version, phase, requested_at, started_at, ended_at, attempts, actions, paused,"
    " labels, requested_by, failure, sequence, updated_at"
)
_CHANGING = ("phase", "started_at", "ended_at", "updated_at", "attempts", "actions", "paused", "failure")
"""What an event can change of a run that is listed already."""


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A run in a line, and the values that a listing can be sorted by."""

    summary: RunSummary
    sequence: int
    updated_at: int

    def place(self, question: ListRuns) -> Place:
        """Its place in what the question lists."""
        by_time = question.sort_by == "updated_at"
        return (self.updated_at, self.sequence) if by_time else (self.sequence,)


def place_size(question: ListRuns) -> int:
    """Of how many values a place in the listing consists."""
    return 2 if question.sort_by == "updated_at" else 1


class RunTable:
    """The runs, in an open file."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    # -- folding -----------------------------------------------------------------------------------------

    def get(self, key: RunKey) -> RunRow | None:
        """One run, as it was put."""
        found = self._db.execute(
            "SELECT sequence, actions, root, paused FROM states WHERE name = ?"
            " AND place = (SELECT id FROM places WHERE project = ? AND domain = ?)",
            (key.run, key.project, key.domain),
        ).fetchone()
        if found is None:
            return None
        sequence, actions, root, paused = found
        return RunRow(
            key=key,
            sequence=sequence,
            actions=actions,
            root=_STATE.validate_json(root),
            paused=frozenset(orjson.loads(paused)),
        )

    def put(self, row: RunRow) -> None:
        """Write a run as it is now, or nothing of it; it is listed from when its root was seen."""
        self._db.execute("SAVEPOINT run")
        try:
            self._put(row)
        except UNREADABLE:
            self._db.execute("ROLLBACK TO run")
            raise
        finally:
            if self._db.in_transaction:
                self._db.execute("RELEASE run")

    def _put(self, row: RunRow) -> None:
        place = self._place(row.key.project, row.key.domain, make=True)
        root, paused = _STATE.dump_json(row.root).decode(), orjson.dumps(sorted(row.paused)).decode()
        self._db.execute(
            "INSERT OR REPLACE INTO states VALUES (?, ?, ?, ?, ?, ?)",
            (place, row.key.run, row.sequence, row.actions, root, paused),
        )
        summary = run_summary(row, in_full=False)
        if summary is not None:
            self._put_summary(place, row.sequence, summary)

    def _put_summary(self, place: int, sequence: int, run: RunSummary) -> None:
        updated_at = run.ended_at or run.started_at or run.requested_at
        changing = (
            run.phase.value,
            _microseconds(run.started_at),
            _microseconds(run.ended_at),
            microseconds(updated_at),
            run.attempts,
            run.actions,
            run.paused,
            run.failure.model_dump_json() if run.failure else None,
        )
        setting = ", ".join(f"{column} = ?" for column in _CHANGING)
        if self._db.execute(f"UPDATE runs SET {setting} WHERE sequence = ?", (*changing, sequence)).rowcount:
            return
        fixed = {
            "sequence": sequence,
            "place": place,
            "name": run.name,
            "words": searched(f"{run.name}\n{run.task}"),
            "task": run.task,
            "version": run.version,
            "requested_by": run.requested_by,
            "requested_at": microseconds(run.requested_at),
            "labels": orjson.dumps(run.labels).decode(),
        }
        columns = (*fixed, *_CHANGING)
        self._db.execute(
            f"INSERT INTO runs ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
            (*fixed.values(), *changing),
        )
        self._db.executemany(
            "INSERT OR REPLACE INTO labels VALUES (?, ?, ?, ?)",
            [(place, label, value, sequence) for label, value in run.labels.items()],
        )

    def _place(self, project: str, domain: str, *, make: bool = False) -> int:
        """The number of a project's domain; 0 when there is none and none is made."""
        query = "SELECT id FROM places WHERE project = ? AND domain = ?"
        found = self._db.execute(query, (project, domain)).fetchone()
        if found is None and make:
            query = "INSERT INTO places (project, domain) VALUES (?, ?) RETURNING id"
            found = self._db.execute(query, (project, domain)).fetchone()
        return int(found[0]) if found else 0

    # -- listing -----------------------------------------------------------------------------------------

    def listed(self, question: ListRuns, limit: int, behind: Place | None = None) -> list[ListedRun]:
        """The first runs `behind` a place that meet all that is asked for, in the order that is asked for."""
        place = self._place(question.project, question.domain)
        met = both((*self._met(question, place), *_behind(question, behind)))
        direction = "ASC" if question.ascending else "DESC"
        by_time = f"updated_at {direction}, " if question.sort_by == "updated_at" else ""
        selects = [
            f"SELECT {_COLUMNS} FROM runs WHERE place = ?1 AND {phase.sql} AND {met.sql}"
            for phase in _phases(question)
        ]
        # Of several phases each is read in order along its index, and SQLite merges them.
        values = [value for phase in _phases(question) for value in (*phase.values, *met.values)]
        rows = self._db.execute(
            f"{' UNION ALL '.join(selects)} ORDER BY {by_time}sequence {direction} LIMIT ?",
            (place, *values, limit),
        )
        return list(map(_listed, rows))

    def counts(self, question: ListRuns) -> dict[ActionPhase, int]:
        """How many of the runs that meet all that is asked for are in each phase."""
        place = self._place(question.project, question.domain)
        met = both(self._met(question, place))
        found: dict[ActionPhase, int] = {}
        for phase in _phases(question):
            rows = self._db.execute(
                f"SELECT phase, count(*) FROM runs WHERE place = ?1 AND {phase.sql} AND {met.sql}"
                " GROUP BY phase",
                (place, *phase.values, *met.values),
            )
            found |= {ActionPhase(name): count for name, count in rows}
        return found

    def counts_by_place(self) -> Iterator[tuple[str, str, int]]:
        """The project, the domain and the number of runs of each domain that has any."""
        yield from self._db.execute(
            "SELECT project, domain, number FROM places"
            " JOIN (SELECT place, count(*) AS number FROM runs GROUP BY place) ON place = id"
        )

    def _met(self, question: ListRuns, place: int) -> Sequence[Condition]:
        """All conditions but that on the phase.

        A range of times is also one of sequences, nearly: an index of the times tells its ends, and the list
        then reads no further along its own order.
        """
        found = list(conditions(question))
        for times in time_ranges(question):
            first, last = self._db.execute(
                f"SELECT min(sequence), max(sequence) FROM runs WHERE place = ?1 AND {times.sql}",
                (place, *times.values),
            ).fetchone()
            found += [times, Condition("sequence BETWEEN ? AND ?", (first or 0, last or 0))]
        return found


def _phases(question: ListRuns) -> list[Condition]:
    """The phases that are asked for, one by one; one condition that all runs meet when none is."""
    phases = dict.fromkeys(question.in_phase)
    return [Condition("phase = ?", (phase.value,)) for phase in phases] or [Condition("1")]


def _behind(question: ListRuns, behind: Place | None) -> list[Condition]:
    if behind is None:
        return []
    comparison = ">" if question.ascending else "<"
    values: tuple[Value, ...] = behind
    if len(behind) == 1:
        return [Condition(f"sequence {comparison} ?", values)]
    return [Condition(f"(updated_at, sequence) {comparison} (?, ?)", values)]


def _listed(row: tuple[object, ...]) -> ListedRun:
    (name, task, version, phase, requested_at, started_at, ended_at) = row[:7]
    (attempts, actions, paused, labels, requested_by, failure, sequence, updated_at) = row[7:]
    summary = RunSummary.model_validate(
        {
            "name": name,
            "task": task,
            "version": version,
            "phase": phase,
            "requested_at": _moment(requested_at),
            "started_at": _moment(started_at),
            "ended_at": _moment(ended_at),
            "attempts": attempts,
            "actions": actions,
            "paused": paused,
            "labels": orjson.loads(str(labels)),
            "requested_by": requested_by,
            "failure": Failure.model_validate_json(str(failure)) if failure else None,
        }
    )
    assert isinstance(sequence, int) and isinstance(updated_at, int)
    return ListedRun(summary, sequence, updated_at)


def _microseconds(time: datetime | None) -> int | None:
    return None if time is None else microseconds(time)


def _moment(value: object) -> datetime | None:
    return moment(value) if isinstance(value, int) else None
