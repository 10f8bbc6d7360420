"""Conditions and recoveries as a user types them, on an embedded stack."""

import json
import re
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from testkit.cli import Cli, outputs_of

EXAMPLE = Path(__file__).parents[2] / "sdk" / "examples" / "08_people.py"
MENDED = """
import pathlib
import flyte

env = flyte.TaskEnvironment(name="mended")
RAN = pathlib.Path("{ran}")

@env.task
async def costly(x: int) -> str:
    with RAN.open("a") as ran:
        ran.write(f"costly {{x}}\\n")
    return "x" * 100_000 * x

@env.task
async def fragile(x: int) -> int:
    {body}

@env.task
async def main(x: int = 1) -> int:
    return len(await costly(x)) + len(await costly(x + 1)) + await fragile(x)
"""


def paused(user: Cli, run: str) -> list[dict[str, Any]]:
    """The conditions of a run, once there is one."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        asked = user("get", "condition", run, "-o", "json")
        if asked.returncode == 0 and (found := json.loads(asked.stdout)):
            return list(found)
        time.sleep(0.1)
    raise AssertionError(f"{run} asks nothing")


def test_a_run_waits_for_an_answer_and_takes_the_first(cli: Cli) -> None:
    shutil.copy(EXAMPLE, cli.folder / "people.py")
    running = cli.spawn("run", "--name", "asks", "people.py", "release", "--version", "1.2")
    (condition,) = paused(cli, "asks")
    assert (condition["name"], condition["phase"]) == ("approve", "paused")
    (listed,) = json.loads(cli.ok("get", "run", "--paused-only", "-o", "json"))
    assert (listed["name"], listed["phase"], listed["paused"]) == ("asks", "running", 1)
    wrong = cli("signal", "condition", "asks", "approve", "maybe")
    assert (wrong.returncode, "takes a bool (true or false), not 'maybe'" in wrong.stderr) == (2, True)
    silent = cli("signal", "condition", "asks", "approve")
    assert "no terminal to ask at" in silent.stderr
    assert "has been answered: True" in cli.ok("signal", "condition", "asks", "approve", "yes")
    written, _ = running.communicate(timeout=60)
    assert outputs_of(written) == 'Outputs: ActionOutputs(o0="1.2 is out")'
    late = cli("signal", "condition", "asks", "approve", "no")
    assert (late.returncode, "it was answered with True by" in late.stderr) == (1, True)
    story = cli.ok("events", "asks")
    assert re.search(r"approve +paused by a0: 300 tests .*: release 1.2\? \(bool within 3600 s\)", story)
    assert re.search(r"approve +answered by \S+: True", story)
    values = json.loads(cli.ok("get", "io", "asks", "approve", "-o", "json"))
    assert (values["inputs"], values["outputs"]) == ({}, {"o0": True})
    assert json.loads(cli.ok("get", "run", "--paused-only", "-o", "json")) == []


@pytest.fixture
def mended(cli: Cli) -> Path:
    """A run `broken` whose last child failed; where its functions say that they ran."""
    ran = cli.folder / "ran.txt"
    cli.write("flow.py", MENDED.format(ran=ran, body='raise ValueError("broken")'))
    assert cli("run", "--name", "broken", "flow.py", "main").returncode == 1
    assert ran.read_text() == "costly 1\ncostly 2\n"
    return ran


def test_a_failed_run_is_recovered_by_mended_code(cli: Cli, mended: Path) -> None:
    cli.write("flow.py", MENDED.format(ran=mended, body="return 7"))
    cli.ok("deploy", "flow.py", "env")
    written = cli.ok("rerun", "broken", "--name", "mended", "--recover", "--task-version", "latest")
    assert outputs_of(written) == "Outputs: ActionOutputs(o0=300007)"
    assert mended.read_text() == "costly 1\ncostly 2\n"
    actions = json.loads(cli.ok("get", "action", "mended", "-o", "json"))
    assert sorted(one["phase"] for one in actions) == ["recovered", "recovered", "succeeded", "succeeded"]
    first = next(one["name"] for one in actions if one["phase"] == "recovered")
    assert "default/development/broken/" in cli.ok("events", "mended")
    written = cli.ok("rerun", "mended", "--name", "anew", "--recover", "--force-rerun-action", first)
    assert outputs_of(written) == "Outputs: ActionOutputs(o0=300007)"
    assert mended.read_text() == "costly 1\ncostly 2\ncostly 1\n"
    assert json.loads(cli.ok("audit", "-o", "json"))["violations"] == []
