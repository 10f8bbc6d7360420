"""The read model's file: its tables, how it is opened, and when it is thrown away.

A file of another version is not migrated but made anew: the log has all that was in it. The process that
has it open keeps it locked, and the lock ends with the process.
"""

import sqlite3
from pathlib import Path

SCHEMA = """
CREATE TABLE positions (
    stream TEXT PRIMARY KEY, as_of INTEGER NOT NULL, mark TEXT NOT NULL, ahead TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE tasks (
    project TEXT NOT NULL, domain TEXT NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL,
    sequence INTEGER NOT NULL, deployed_at TEXT NOT NULL, description TEXT NOT NULL,
    words TEXT NOT NULL, environment TEXT NOT NULL, entrypoint INTEGER NOT NULL, template TEXT NOT NULL,
    PRIMARY KEY (project, domain, name, version)
);
CREATE INDEX tasks_by_name ON tasks (project, domain, name, sequence);
CREATE INDEX tasks_by_sequence ON tasks (project, domain, sequence);
CREATE TABLE places (
    id INTEGER PRIMARY KEY, project TEXT NOT NULL, domain TEXT NOT NULL, UNIQUE (project, domain)
);
CREATE TABLE states (
    place INTEGER NOT NULL, name TEXT NOT NULL,
    sequence INTEGER NOT NULL, actions INTEGER NOT NULL, root TEXT NOT NULL, paused TEXT NOT NULL,
    PRIMARY KEY (place, name)
) WITHOUT ROWID;
CREATE TABLE runs (
    sequence INTEGER PRIMARY KEY, place INTEGER NOT NULL, name TEXT NOT NULL, words TEXT NOT NULL,
    task TEXT NOT NULL, version TEXT NOT NULL, requested_by TEXT NOT NULL, phase TEXT NOT NULL,
    requested_at INTEGER NOT NULL, started_at INTEGER, ended_at INTEGER, updated_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL, actions INTEGER NOT NULL, paused INTEGER NOT NULL,
    labels TEXT NOT NULL, failure TEXT
);
CREATE INDEX runs_by_place ON runs (place);
CREATE INDEX runs_by_phase ON runs (place, phase);
CREATE INDEX runs_by_task ON runs (place, task);
CREATE INDEX runs_by_version ON runs (place, version);
CREATE INDEX runs_by_user ON runs (place, requested_by);
CREATE INDEX runs_by_requested ON runs (place, requested_at);
CREATE INDEX runs_by_updated ON runs (place, updated_at);
CREATE INDEX runs_paused ON runs (place) WHERE paused > 0;
CREATE TABLE labels (
    place INTEGER NOT NULL, label TEXT NOT NULL, value TEXT NOT NULL, sequence INTEGER NOT NULL,
    PRIMARY KEY (place, label, value, sequence)
) WITHOUT ROWID;
CREATE TABLE unsealed (
    project TEXT NOT NULL, domain TEXT NOT NULL, run TEXT NOT NULL, sequence INTEGER NOT NULL,
    action TEXT NOT NULL, leaf BLOB NOT NULL, PRIMARY KEY (project, domain, run, sequence)
) WITHOUT ROWID;
CREATE TABLE sealed (
    project TEXT NOT NULL, domain TEXT NOT NULL, run TEXT NOT NULL,
    count INTEGER NOT NULL, through INTEGER NOT NULL, head TEXT NOT NULL, sealed_at INTEGER NOT NULL,
    PRIMARY KEY (project, domain, run)
) WITHOUT ROWID;
"""
"""What is folded on (`states`) and what is listed (`runs`) are apart: a list reads narrow rows alone.

A run's number is where its root was asked for, so every index ends in the order of a list. Times are whole
microseconds since 1970, `words` is what a search looks into.
"""
TABLES = ("positions", "tasks", "places", "states", "runs", "labels", "unsealed", "sealed")
SCHEMA_VERSION = 5
"""Raise it when the tables, or what stands in them, change: a file of another version is made anew."""

LOCK_PATIENCE_S = 2.0
CACHE_KIB = 32 * 1024


class ReadModelInUse(RuntimeError):
    """Another process owns the read model's file."""

    def __init__(self, file: Path) -> None:
        super().__init__(
            f"{file} belongs to another registry that runs: give this one its own FLYTE_REGISTRY_HOME"
        )


def open_file(file: Path) -> sqlite3.Connection:
    """A connection that owns the file and has the tables; whatever else stood there is gone.

    Raises ReadModelInUse when another process has it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        return _connect(file)
    except _WrongShape:
        pass
    for suffix in ("", "-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    return _connect(file)


class _WrongShape(Exception):
    """The file is not a read model of this version."""


def _connect(file: Path) -> sqlite3.Connection:
    db = sqlite3.connect(file, timeout=LOCK_PATIENCE_S, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")  # a commit lost in a power cut is read again
        db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        db.execute("BEGIN IMMEDIATE")
        _ensure_tables(db)
        db.execute("COMMIT")
    except sqlite3.OperationalError as error:
        db.close()
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            raise ReadModelInUse(file) from error
        raise
    except (sqlite3.DatabaseError, _WrongShape) as error:
        db.close()
        raise _WrongShape from error
    return db


def _ensure_tables(db: sqlite3.Connection) -> None:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version == SCHEMA_VERSION:
        return
    if db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise _WrongShape
    for statement in SCHEMA.split(";"):
        db.execute(statement)
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
