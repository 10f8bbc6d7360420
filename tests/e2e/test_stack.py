"""The embedded stack as a user starts and stops it, and what happens when it dies."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from flyte_bus.process import is_alive
from testkit.cli import Cli
from testkit.nats_server import NatsServer
from testkit.waiting import wait_for

SLOW = """\
import asyncio
import os
from pathlib import Path
import flyte

env = flyte.TaskEnvironment(name="slow")

@env.task
async def count_to(number: int, diary: str) -> int:
    with Path(diary).open("a") as out:
        out.write(f"{os.getpid()}\\n")
    await asyncio.sleep(number)
    return number
"""


@pytest.fixture
def own_cli(tmp_path: Path) -> Iterator[Cli]:
    """A user whose stack, if one was started, is stopped in the end."""
    folder = tmp_path / "user"
    folder.mkdir()
    cli = Cli(folder, {"FLYTE_HOME": str(tmp_path / "home")})
    yield cli
    cli.ok("stop")


@pytest.fixture
def other_server(tmp_path: Path) -> Iterator[NatsServer]:
    """A nats-server that somebody else runs."""
    server = NatsServer(tmp_path / "theirs")
    server.start()
    yield server
    server.kill()


def _note(cli: Cli) -> dict[str, object]:
    note = json.loads((Path(cli.variables["FLYTE_HOME"]) / "stack.json").read_text())
    assert isinstance(note, dict)
    return note


def test_a_stack_starts_on_a_server_that_exists(own_cli: Cli, other_server: NatsServer) -> None:
    access = {"FLYTE_NATS_USER": other_server.user, "FLYTE_NATS_PASSWORD": other_server.password}
    theirs = Cli(own_cli.folder, {**own_cli.variables, **access})
    theirs.ok("start", "--detach", "--nats", other_server.url)
    own_cli.write("slow.py", SLOW)
    assert "o0=0" in own_cli.ok("run", "slow.py", "count_to", "--number", "0", "--diary", "diary")
    assert _note(own_cli)["nats_url"] == other_server.url
    own_cli.ok("stop")
    assert not (Path(own_cli.variables["FLYTE_HOME"]) / "nats").exists()


def test_two_stacks_do_not_share_a_home(cli: Cli) -> None:
    again = cli("start")
    assert "already" in again.stderr
    assert again.returncode != 0


def test_the_note_of_a_stack_is_private(stack_home: Path) -> None:
    assert (stack_home / "stack.json").stat().st_mode & 0o077 == 0
    assert (stack_home / "nats" / "nats-server.conf").stat().st_mode & 0o077 == 0


def test_stopping_a_stack_ends_its_tasks_and_the_next_one_runs_them_again(own_cli: Cli) -> None:
    own_cli.ok("start", "--detach")
    own_cli.write("slow.py", SLOW)
    diary = own_cli.folder / "diary"
    words = ("slow.py", "count_to", "--number", "3", "--diary", str(diary))
    own_cli.ok("run", "--detach", "--name", "long", *words)
    wait_for("the first child", diary.exists)
    own_cli.ok("stop")
    (runner,) = map(int, diary.read_text().split())
    assert not is_alive(runner)
    own_cli.ok("start", "--detach")
    wait_for("the end of the run", lambda: "SUCCEEDED" in own_cli.ok("get", "run", "long"))
    assert len(diary.read_text().split()) == 2


def test_a_stack_that_was_killed_leaves_its_tasks_running_for_the_next_one(own_cli: Cli) -> None:
    own_cli.ok("start", "--detach")
    own_cli.write("slow.py", SLOW)
    diary = own_cli.folder / "diary"
    words = ("slow.py", "count_to", "--number", "3", "--diary", str(diary))
    own_cli.ok("run", "--detach", "--name", "long", *words)
    wait_for("the first child", diary.exists)
    pid = _note(own_cli)["pid"]
    assert isinstance(pid, int)
    os.kill(pid, signal.SIGKILL)
    wait_for("the end of the stack", lambda: not is_alive(pid))
    own_cli.ok("start", "--detach")
    wait_for("the end of the run", lambda: "SUCCEEDED" in own_cli.ok("get", "run", "long"))
    assert len(diary.read_text().split()) == 1
