"""A task that is tried again on the stack takes its steps from the log, as typed."""

import json
from pathlib import Path
from uuid import uuid4

from testkit.cli import Cli

PROGRAM = """
import os
import signal
from pathlib import Path

import flyte

env = flyte.TaskEnvironment(name="steps")


@flyte.trace
def step(folder: str, number: int) -> dict[str, int]:
    with open(Path(folder, "ran"), "a") as file:
        file.write(f"{number}\\n")
    return {"number": number}


@env.task(retries=1)
async def main(folder: str) -> list[float]:
    began = flyte.durable.time()
    for number in range(4):
        step(folder, number)
        if number == 2 and flyte.ctx().attempt_number == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    checkpoint = flyte.ctx().checkpoint
    await checkpoint.save(b"at the end")
    return [began]
"""


def test_the_story_of_a_task_that_was_killed_between_its_steps(cli: Cli, tmp_path: Path) -> None:
    cli.write("steps.py", PROGRAM)
    run = f"steps-{uuid4().hex[:8]}"
    cli.ok("run", "--name", run, "steps.py", "main", "--folder", str(tmp_path))
    assert (tmp_path / "ran").read_text().split() == ["0", "1", "2", "3"]

    told = cli.ok("events", run)
    assert told.count("traced in a0: steps.step") == 4
    assert told.count("traced in a0: flyte.durable.time") == 1
    assert told.count("saved a checkpoint in attempt 2: checkpoint, 10 bytes") == 1

    actions = json.loads(cli.ok("get", "action", run, "-o", "json"))
    steps = [action for action in actions if action["metadata"]["task"] == "steps.step"]
    assert len(steps) == 4
    assert {(step["phase"], step["metadata"]["parent"], step["attempts"]) for step in steps} == {
        ("succeeded", "a0", 0)
    }
    assert "steps.step" in cli.ok("get", "action", run)
    shown = cli.ok("get", "action", run, steps[2]["name"])
    assert "trace " in shown
    values = json.loads(cli.ok("get", "io", run, steps[2]["name"], "-o", "json"))
    assert values.pop("as_of") > 0
    assert values == {"inputs": {"folder": str(tmp_path), "number": 2}, "outputs": {"o0": {"number": 2}}}
    assert "BROKEN" not in cli.ok("audit", run)


BREAKS = """
from pathlib import Path

import flyte

env = flyte.TaskEnvironment(name="breaks")


def ran(folder: str, what: str) -> None:
    with open(Path(folder, "ran"), "a") as file:
        file.write(f"{what}\\n")


@flyte.trace
def step(folder: str, number: int) -> int:
    ran(folder, f"{number}")
    return number


@flyte.trace
def large(folder: str) -> str:
    ran(folder, "large")
    return "x" * 300_000


@flyte.trace
def checks(folder: str) -> None:
    ran(folder, "checks")
    if not Path(folder, "is well").exists():
        raise flyte.errors.NonRecoverableError("not yet")


@env.task
def child(folder: str) -> int:
    found = step(folder, 10)
    checks(folder)
    return found


@env.task
def main(folder: str) -> list[float]:
    began = flyte.durable.time()
    found = step(folder, 1) + len(large(folder)) + child(folder)
    return [began, found]
"""


def test_a_recovery_takes_over_the_steps_of_what_had_failed(cli: Cli, tmp_path: Path) -> None:
    """Those that succeeded, from run to run; what raised is tried again, and another version runs all."""
    cli.write("breaks.py", BREAKS)
    first = f"breaks-{uuid4().hex[:8]}"
    cli("run", "--name", first, "breaks.py", "main", "--folder", str(tmp_path))
    cli("rerun", first, "--name", f"{first}-2", "--recover")
    assert (tmp_path / "ran").read_text().split() == ["1", "large", "10", "checks", "checks"]
    told = cli.ok("events", f"{first}-2")
    assert told.count("breaks.step, recovered: ") == 2

    (tmp_path / "is well").touch()
    written = cli.ok("rerun", f"{first}-2", "--name", f"{first}-3", "--recover")
    assert "300011" in written
    assert (tmp_path / "ran").read_text().split()[5:] == ["checks"]
    (tmp_path / "ran").unlink()
    cli.ok("rerun", first, "--name", f"{first}-4", "--recover", "--force-rerun-action", "a0")
    assert (tmp_path / "ran").read_text().split() == ["1", "large", "10", "checks"]
    (tmp_path / "ran").unlink()
    cli.write("breaks.py", BREAKS + "\n\nNEWER = True\n")
    cli.ok("deploy", "breaks.py", "env")
    cli.ok("rerun", first, "--name", f"{first}-5", "--recover", "--task-version", "latest")
    assert (tmp_path / "ran").read_text().split() == ["1", "large", "10", "checks"]
