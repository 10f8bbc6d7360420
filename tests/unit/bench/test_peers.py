"""The benchmark of other systems: what they tell is read, one table is made, and who fails is in it."""

import json
import os
import sys
import time
from pathlib import Path

import pytest
from bench.peers import environments, plan, table, theirs
from bench.peers.measured import CHILD, IDLE, Figure, Measured, Told, fan_out, read
from bench.peers.processes import run
from bench.peers.systems import OURS, PEERS, Kept, Peer

from testkit.processes import below

PROGRAMS = theirs.PROGRAMS
KEPT = Kept(durable="no", killed="lost", disk="—", code="its own", values="any")


def peer(name: str = "stranger", **more: object) -> Peer:
    told = {
        "title": "A stranger",
        "requirements": ("stranger==1.0",),
        "imports": "json",
        "command": "bin/python",
    }
    return Peer(name=name, kept=KEPT, **(told | more))  # type: ignore[arg-type]


def installed(root: Path, name: str = "stranger") -> Peer:
    """A peer whose environment is there already: it is that of the tests."""
    folder = root / name
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(sys.executable)
    (folder / environments.STAMP).write_text(peer(name).versions)
    return peer(name)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(theirs, "PROGRAMS", tmp_path)
    monkeypatch.setattr(plan, "COMMANDS", 1)
    return tmp_path


def test_each_round_that_a_program_tells_is_one_of_its_figure() -> None:
    told = read(
        [
            '{"figure": "child", "samples": [1.0, 3.0, 2.0]}',
            '{"figure": "child", "samples": [5, 4, 6]}',
            '{"note": "on paper"}',
            '{"figure": "idle", "samples": [40.5]}',
            '{"failure": "no ink"}',
        ]
    )
    assert told.figures[CHILD].rounds == ((1.0, 3.0, 2.0), (5.0, 4.0, 6.0))
    assert told.figures[CHILD].median == 3.5
    assert told.figures[IDLE].median == 40.5
    assert (told.notes, told.failure) == (("on paper",), "no ink")


@pytest.mark.parametrize(
    "line", ["", "ready.", "[1]", "7", '{"figure": "child"}', '{"figure": "child", "samples": []}']
)
def test_what_is_no_figure_is_passed_over(line: str) -> None:
    assert read([line]) == Told({})


def test_a_late_sample_shows_only_where_there_are_many() -> None:
    assert Figure((tuple(range(50)), tuple(range(50, 100)))).late == 99
    assert Figure(((1.0,), (2.0,))).late is None


def test_the_table_has_a_line_for_each_system_and_a_cell_for_each_figure() -> None:
    figures = {CHILD: Figure(((1.5,), (2.5,), (2.0,))), fan_out(1_000): Figure(((1234.5,),))}
    quick = Measured(title="Quick", durable="no", versions="quick==1", figures=figures)
    head, rule, row, *rest = table.lines([quick], "2 cores")
    assert [cell.strip() for cell in head.strip("|").split("|")][:5] == [
        "system",
        "durable",
        "child, ms",
        "p99",
        "1,000 at once, /s",
    ]
    assert len(head) == len(rule) == len(row)
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[:6] == ["Quick", "no", "2 (1.5..2.5)", "—", "1,234", "—"]
    assert "Quick: quick==1" in rest


def test_a_system_that_failed_is_listed_with_the_reason() -> None:
    gone = Measured(title="Gone", durable="no", versions="gone==1", failure="not installed: no such thing")
    lines = list(table.lines([gone], "2 cores"))
    assert lines[2].startswith("| Gone (see below) | no ")
    assert "Gone: NOT ALL MEASURED: not installed: no such thing" in lines


def test_what_was_measured_before_it_failed_is_in_the_table_too() -> None:
    figures = {IDLE: Figure(((64.0,),))}
    half = Measured(title="Half", durable="no", versions="half==1", figures=figures, failure="it fell over")
    lines = list(table.lines([half], "2 cores"))
    assert "64" in lines[2]
    assert "Half: NOT ALL MEASURED: it fell over" in lines


def test_what_is_measured_can_be_written_as_json() -> None:
    figures = {CHILD: Figure(((1.0, 2.0), (3.0, 4.0)))}
    written = json.loads(
        json.dumps(Measured(title="Q", durable="no", versions="q", figures=figures).as_json())
    )
    assert written["figures"]["child"] == {"median": 2.5, "p99": None, "rounds": [[1.0, 2.0], [3.0, 4.0]]}


def test_a_peer_tells_figures_from_a_process_of_its_own(programs: Path) -> None:
    (programs / "on_stranger.py").write_text(
        "import os, sys; assert 'flyte' not in sys.modules; assert os.environ['DO_NOT_TRACK'] == '1'\n"
        """print('starting ...\\n{"figure": "idle", "samples": [5]}')\n"""
    )
    measured = theirs.measure(installed(programs), programs)
    assert measured.failure == ""
    assert measured.figures[IDLE].median == 5
    assert set(measured.figures) == {"idle", "help", "import", "pace"}


def test_a_peer_that_fails_says_why_and_keeps_its_figures(programs: Path) -> None:
    (programs / "on_stranger.py").write_text(
        """print('{"figure": "idle", "samples": [5]}', flush=True)\nraise SystemExit('no server')\n"""
    )
    measured = theirs.measure(installed(programs), programs)
    assert measured.failure == "exit code 1: no server"
    assert set(measured.figures) == {"idle", "help", "import", "pace"}


def test_what_a_program_says_of_its_failure_is_the_reason(programs: Path) -> None:
    (programs / "measuring.py").write_text((PROGRAMS / "measuring.py").read_text())
    (programs / "on_stranger.py").write_text(
        "from measuring import Measuring\nm = Measuring()\nprint('chatter')\nm.figure('idle', [5])\n1 / 0\n"
    )
    measured = theirs.measure(installed(programs), programs)
    assert measured.failure == "ZeroDivisionError: division by zero"
    assert measured.figures[IDLE].median == 5


def test_a_peer_that_hangs_is_ended_and_says_so(programs: Path) -> None:
    (programs / "on_stranger.py").write_text("import time; time.sleep(600)\n")
    measured = theirs.measure(installed(programs), programs, limit_s=0.5)
    assert measured.failure == "it had not ended after 0.5 s"


def test_a_peer_that_cannot_be_installed_says_why(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments.sys, "executable", "/nowhere/python")
    measured = theirs.measure(peer(), programs)
    assert measured.failure.startswith("not installed: ")
    assert "/nowhere/python" in measured.failure
    assert measured.figures == {}


def test_nothing_that_a_program_has_started_outlives_it(tmp_path: Path) -> None:
    before = set(below(os.getpid()))
    orphan = "import subprocess, sys; print(subprocess.Popen(['sleep', '600'], start_new_session=True).pid)"
    done = run([sys.executable, "-c", orphan], tmp_path, dict(os.environ), 60)
    assert done.failure == ""
    limit = time.monotonic() + 10
    while Path(f"/proc/{int(done.output)}").exists() and time.monotonic() < limit:
        time.sleep(0.01)
    assert not Path(f"/proc/{int(done.output)}").exists()
    assert set(below(os.getpid())) <= before


def test_every_peer_has_a_program_and_says_what_it_keeps() -> None:
    for one in PEERS:
        assert (theirs.PROGRAMS / f"on_{one.name}.py").is_file()
        assert all("==" in requirement for requirement in one.requirements), "versions are pinned"
    lines = list(table.kept({"ours": OURS} | {one.title: one.kept for one in PEERS}))
    assert len(lines) == 2 + 1 + len(PEERS)
    assert len(set(map(len, lines))) == 1
