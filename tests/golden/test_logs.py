"""Runs that earlier versions have written mean the same to this one.

`FLYTE_GOLDEN=write` records what is not there yet (`RECORDED`), and never what is: a recording is what a
version has really written, so it is kept for ever.
"""

from pathlib import Path

import pytest

from flyte_schemas.envelope import Event
from flyte_schemas.phase import ActionPhase
from flyte_schemas.vocabulary import UnknownData
from testkit.golden import WRITE
from testkit.recorded_logs import differences, fold_all, record, recorded
from testkit.simulation.circumstances import Circumstances
from testkit.simulation.world import entries_of

FOLDER = Path(__file__).parent / "logs"
RECORDED = {f"0001-{seed}": Circumstances(seed=seed) for seed in (2, 6, 7, 18, 22)} | {
    f"0002-{seed}": Circumstances(seed=seed) for seed in (1, 28, 39)
}
"""Worlds whose logs are recorded, by the names of their files. When the wire has gained what is
worth keeping, add lines with the next number."""

if WRITE:
    for name, world in RECORDED.items():
        if not (FOLDER / f"{name}.jsonl").exists():
            record(FOLDER / f"{name}.jsonl", f"the simulation, {world!r}", entries_of(world))

LOGS = sorted(FOLDER.glob("*.jsonl"))
each_log = pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)


@each_log
def test_a_log_means_what_it_meant_to_its_writer(path: Path) -> None:
    then, entries = recorded(path)
    now = fold_all(entries)
    assert not differences(then.states, now.states)
    assert not differences(then.runs, now.runs)
    assert then.settled == now.settled
    assert then.violations == now.violations == []


@each_log
def test_every_word_of_an_old_log_is_known(path: Path) -> None:
    _, entries = recorded(path)
    assert entries
    contents = [entry.content for entry in entries]
    assert all(isinstance(one, Event) and not isinstance(one.data, UnknownData) for one in contents)


def test_the_recorded_logs_tell_of_every_end_and_most_ways_there() -> None:
    kinds, phases = set(), set()
    for path in LOGS:
        meaning, entries = recorded(path)
        kinds |= {entry.content.type for entry in entries if isinstance(entry.content, Event)}
        phases |= {state["phase"] for state in meaning.states.values()}
    assert phases >= {phase for phase in ActionPhase if phase.is_terminal}
    assert kinds >= {
        f"flyte.{kind}.v1"
        for kind in (
            "action.requested",
            "action.queued",
            "action.retried",
            "action.failed",
            "action.timed-out",
            "action.aborted",
            "action.cache-hit",
            "action.recovered",
            "condition.requested",
            "condition.signalled",
            "trace.succeeded",
            "trace.failed",
            "attempt.reclaimed",
            "attempt.reported",
            "attempt.checkpointed",
            "attempt.placed",
            "attempt.started",
            "attempt.succeeded",
            "attempt.failed",
            "attempt.stopped",
        )
    }


def test_a_recording_is_never_written_anew(tmp_path: Path) -> None:
    _, entries = recorded(LOGS[0])
    copy = tmp_path / "log.jsonl"
    record(copy, "a copy", entries)
    written = copy.read_bytes()
    with pytest.raises(FileExistsError):
        record(copy, "another", entries)
    assert copy.read_bytes() == written


def test_a_fold_that_understands_otherwise_is_noticed() -> None:
    then, entries = recorded(LOGS[0])
    assert differences(then.states, fold_all(entries[:-1]).states)
    name = next(iter(then.states))
    changed = {**then.states, name: {**then.states[name], "attempt": 99}}
    assert differences(then.states, changed) == [
        f"{name}: attempt was {then.states[name]['attempt']} and is 99"
    ]
    wider = {name: {**state, "of_tomorrow": 1} for name, state in then.states.items()}
    assert not differences(then.states, wider)
