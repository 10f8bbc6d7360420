"""Logs of runs as they were written by some version, and what they meant to it.

A recording is JSON lines: the first says what was recorded and what it folded to, each other line is one
message with the bytes that were on the wire. A later version must read them and understand the same.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import orjson
from pydantic import TypeAdapter

from flyte_bus.ports import Entry
from flyte_registry.core.rows import RunRow, concerns_run, fold_run, run_summary
from flyte_schemas.action import ActionState, StateDocument
from flyte_schemas.audit import Audit
from flyte_schemas.envelope import AnyEvent, Malformed, decode
from flyte_schemas.run import RunFold
from flyte_schemas.streams import RUNS
from flyte_schemas.subjects import RunKey, parse_action

_STATE = TypeAdapter[ActionState](StateDocument)


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What a log means: the states of its actions and the registry's lines of its runs (JSON, by name), and
    what the audit has to say."""

    states: dict[str, dict[str, Any]]
    runs: dict[str, dict[str, Any]]
    violations: list[str]
    settled: dict[str, bool]


def fold_all(entries: Iterable[Entry]) -> Meaning:
    """What these messages of RUNS mean to this version."""
    folds: dict[RunKey, RunFold] = {}
    rows: dict[RunKey, RunRow] = {}
    audit = Audit()
    for entry in entries:
        audit.take(entry.subject, entry.sequence, entry.content)
        key = parse_action(entry.subject)
        if key is None or isinstance(entry.content, Malformed):
            continue
        folds.setdefault(key.run, RunFold()).apply(key.action, entry.content, entry.sequence)
        if concerns_run(key, entry.content):
            row = rows.get(key.run) or RunRow(key=key.run)
            rows[key.run] = fold_run(row, key, entry.content, entry.sequence)
    audit.finish()
    summaries = {str(run): run_summary(row, in_full=True) for run, row in rows.items()}
    return Meaning(
        states={
            str(run.action(name)): _STATE.dump_python(state, mode="json")
            for run, fold in folds.items()
            for name, state in fold.actions.items()
        },
        runs={run: line.model_dump(mode="json") for run, line in summaries.items() if line is not None},
        violations=[str(violation) for violation in audit.violations],
        settled={str(run): fold.is_settled for run, fold in folds.items()},
    )


def record(path: Path, what: str, entries: Iterable[Entry]) -> None:
    """Write a recording. Raises FileExistsError: what an earlier version wrote is never written anew."""
    kept = list(entries)
    meaning = fold_all(kept)
    head = {"what": what, **{field.name: getattr(meaning, field.name) for field in fields(meaning)}}
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        file.write(orjson.dumps(head, option=orjson.OPT_APPEND_NEWLINE))
        for entry in kept:
            line = {"subject": entry.subject, "sequence": entry.sequence, "raw": entry.raw.decode()}
            file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


def recorded(path: Path) -> tuple[Meaning, list[Entry]]:
    """What a recording meant when it was made, and its messages as they are read now."""
    head, *lines = path.read_bytes().splitlines()
    said = orjson.loads(head)
    meaning = Meaning(**{field.name: said[field.name] for field in fields(Meaning)})
    states = {name: _with_new_fields(state) for name, state in meaning.states.items()}
    return replace(meaning, states=states), list(_entries(lines))


def _with_new_fields(state: dict[str, Any]) -> dict[str, Any]:
    """A state as it was recorded, with what its words have gained since, which was not told then."""
    now: dict[str, Any] = _STATE.dump_python(_STATE.validate_json(orjson.dumps(state)), mode="json")
    return state | now


def _entries(lines: Iterable[bytes]) -> Iterator[Entry]:
    for line in map(orjson.loads, lines):
        raw = line["raw"].encode()
        yield Entry(RUNS.name, line["subject"], line["sequence"], _content(raw), raw)


def _content(raw: bytes) -> AnyEvent | Malformed:
    try:
        return decode(raw)
    except Malformed as error:
        return error


def differences(then: dict[str, dict[str, Any]], now: dict[str, dict[str, Any]]) -> list[str]:
    """Where what was meant then is not what is meant now; a later version may say more."""
    gone = [f"{name} is not there any more" for name in then.keys() - now.keys()]
    new = [f"{name} was not there" for name in now.keys() - then.keys()]
    return (
        gone
        + new
        + [
            f"{name}: {field} was {value!r} and is {now[name].get(field)!r}"
            for name in then.keys() & now.keys()
            for field, value in then[name].items()
            if now[name].get(field) != value
        ]
    )
