"""`flyte explain` as it is typed: of runs that failed in ways that puzzle people, and of runs that wait."""

import json
from pathlib import Path
from typing import Any

import pytest

from testkit.cli import Cli
from testkit.waiting import wait_for

SOURCE = """
import asyncio
import ctypes
import os
import time

import flyte

env = flyte.TaskEnvironment(name="puzzling")
later = flyte.RetryStrategy(count=1, backoff=flyte.Backoff(base=3600.0))


@env.task
def missing() -> None:
    import not_there_at_all


@env.task
def crash() -> None:
    print("about to crash")
    ctypes.string_at(0)


@env.task
def leave() -> None:
    print("bye")
    os._exit(3)


@env.task(retries=1)
def leaf(x: int) -> int:
    print(f"row {x}")
    raise ValueError(f"bad row {x}")


@env.task
async def middle() -> int:
    return sum(await asyncio.gather(*(leaf.aio(x) for x in (7,))))


@env.task
async def top() -> int:
    return await middle()


@env.task(retries=later)
def patient() -> None:
    raise KeyError("not yet")


@env.task
def sleep(number: int) -> None:
    time.sleep(600)


@env.task
async def crowd(size: int) -> None:
    await asyncio.gather(*(sleep.aio(number) for number in range(size)))
"""


@pytest.fixture(scope="module")
def puzzle(stack_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """A user beside the file with the tasks, which are deployed."""
    cli = Cli(tmp_path_factory.mktemp("puzzling"), {"FLYTE_HOME": str(stack_home)})
    cli.write("puzzling.py", SOURCE)
    cli.ok("deploy", "puzzling.py", "env")
    return cli


def failed(cli: Cli, task: str) -> str:
    """Run a task that fails, and type what its last line says."""
    done = cli("run", "puzzling.py", task)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("why, and what to do: flyte explain ")
    return cli.ok(*last.partition(": flyte ")[2].split())


@pytest.mark.parametrize(
    ("task", "code", "said"),
    [
        ("missing", "ModuleNotFoundError", "install the package that has 'not_there_at_all'"),
        ("crash", "SegmentationFault", "  about to crash\n"),
        ("leave", "ProcessExited", "the task's process exited with code 3 before the task returned"),
    ],
)
def test_an_end_is_explained_with_what_to_do(puzzle: Cli, task: str, code: str, said: str) -> None:
    text = failed(puzzle, task)
    assert f" (puzzling.{task}) failed: {code}: " in text
    assert said in text
    assert text.endswith(f"more: docs/failures/{code}.md\n")


def test_a_failed_grandchild_is_named_with_its_attempts_and_its_last_lines(puzzle: Cli) -> None:
    text = failed(puzzle, "top")
    assert "(puzzling.leaf), 2 calls below it, failed with ValueError: bad row 7" in text
    assert "2 attempts failed, which is all that its task's retries=1 allow." in text
    assert "    a" in text and "puzzling.middle (failed)" in text
    assert "  row 7\n" in text
    assert 'File "puzzling.py", line' in text


def waiting(cli: Cli, run: str, waits_for: str) -> dict[str, Any]:
    """The explanation of a run in which something waits for that, once something does."""

    answer: dict[str, Any] = {}

    def is_so() -> bool:
        answer.update(json.loads(cli.ok("explain", run, "-o", "json")))
        return any(wait["waits_for"] == waits_for for wait in answer["waits"])

    wait_for(f"{run} to wait for {waits_for}", is_so)
    return answer


def test_a_run_that_waits_says_what_for(puzzle: Cli) -> None:
    patient = puzzle.ok("run", "--detach", "puzzling.py", "patient").strip()
    crowd = puzzle.ok("run", "--detach", "puzzling.py", "crowd", "--size", "40").strip()
    try:
        (pause,) = waiting(puzzle, patient, "backoff")["waits"]
        assert "for attempt 2 after KeyError: 'not yet'" in pause["text"]
        queue = waiting(puzzle, crowd, "slot")
        assert queue["waits"][0]["waits_for"] == "children"
        texts = [wait["text"] for wait in queue["waits"] if wait["waits_for"] == "slot"]
        assert any(": number 1 of " in text for text in texts)
        assert "goes to the run that holds the fewest" in queue["notes"][0]
    finally:
        for run in (patient, crowd):
            puzzle.ok("abort", "run", run, "--reason", "seen enough")
    assert "was aborted by " in puzzle.ok("explain", crowd)


def test_what_is_unknown_is_one_sentence(puzzle: Cli) -> None:
    done = puzzle("explain", "nobody-asked-for-this")
    assert done.returncode == 1
    assert done.stderr.startswith("error: the log has no run 'nobody-asked-for-this'")
    assert len(done.stderr.splitlines()) == 1
