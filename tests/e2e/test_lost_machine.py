"""A machine is lost with its executor and all that ran there: another goes on after the leases."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.cli import Cli, Running
from testkit.cluster import Cluster
from testkit.waiting import wait_for

TTL_S = 2

SLOW = """\
import os
import time
from pathlib import Path

import flyte

env = flyte.TaskEnvironment(name="slow")


@env.task
def main(diary: str, go_on: str) -> str:
    attempt = flyte.ctx().attempt_number
    with Path(diary).open("a") as out:
        out.write(f"{attempt} {os.getppid()}\\n")
    print("attempt", attempt)
    while not Path(go_on).exists():
        time.sleep(0.02)
    return f"attempt {attempt}"
"""


@pytest.fixture
def brief(tmp_path: Path) -> Iterator[Cluster]:
    with Cluster(tmp_path / "cluster", FLYTE_LEASE_TTL_S=str(TTL_S)) as cluster:
        yield cluster


@pytest.fixture
def cli(brief: Cluster, tmp_path: Path) -> Cli:
    cli = Cli(tmp_path / "project", brief.variables)
    cli.write("slow.py", SLOW)
    return cli


def begin(cli: Cli, tmp_path: Path) -> Running:
    words = ("--diary", str(tmp_path / "diary"), "--go_on", str(tmp_path / "go on"))
    return cli.spawn("run", "--name", "it", "slow.py", "main", *words)


def entries(tmp_path: Path) -> list[tuple[int, int]]:
    """Attempt and agent of each entry into the function."""
    diary = tmp_path / "diary"
    lines = diary.read_text().splitlines() if diary.exists() else []
    return [(int(attempt), int(agent)) for attempt, agent in map(str.split, lines)]


def result(typed: Running, tmp_path: Path) -> str:
    (tmp_path / "go on").touch()
    printed, _ = typed.communicate(timeout=100)
    assert typed.returncode == 0, printed
    return printed


def test_what_a_lost_machine_was_running_is_run_again_on_another(
    brief: Cluster, cli: Cli, tmp_path: Path
) -> None:
    typed = begin(cli, tmp_path)
    wait_for("the first attempt", lambda: len(entries(tmp_path)) == 1)
    ((_, agent),) = entries(tmp_path)
    brief.start("elsewhere")
    brief.kill("executor")
    os.killpg(agent, signal.SIGKILL)
    wait_for("the second attempt", lambda: len(entries(tmp_path)) == 2)
    assert "attempt 1" in result(typed, tmp_path)
    story = cli.ok("events", "it")
    assert "WorkerLost" in story
    assert "tries again" in story
    assert [attempt for attempt, _ in entries(tmp_path)] == [0, 1]


def test_an_executor_that_comes_back_elsewhere_takes_nobody_for_lost(
    brief: Cluster, cli: Cli, tmp_path: Path
) -> None:
    typed = begin(cli, tmp_path)
    wait_for("the first attempt", lambda: len(entries(tmp_path)) == 1)
    brief.kill("executor")
    brief.start("elsewhere")
    wait_for("the leases to be looked at", lambda: "executor.caught_up" in brief.log("elsewhere"))
    with pytest.raises(subprocess.TimeoutExpired):
        typed.wait(3 * TTL_S)
    assert "attempt 0" in result(typed, tmp_path)
    assert len(entries(tmp_path)) == 1
