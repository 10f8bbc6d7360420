"""A chaotic run, looked at in its past, compared with another, and taken to another stack in a file."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from testkit.cli import Cli, outputs_of

CHAOS = """
import asyncio
import os
import signal
from pathlib import Path

import flyte
import flyte.errors
import flyte.report

env = flyte.TaskEnvironment(name="chaos")
RAN = Path("{ran}")


def note(what: str) -> None:
    with RAN.open("a") as ran:
        ran.write(what + "\\n")


@flyte.trace
async def step(x: int) -> int:
    return x * 2


@env.task(cache="auto")
async def cached(x: int) -> int:
    note("cached")
    return x + 1


@env.task(retries=1)
async def flaky(x: int) -> int:
    print("flaky tries", flush=True)
    if flyte.ctx().attempt_number == 0:
        raise RuntimeError("the first try")
    return x


@env.task
async def lost(x: int) -> int:
    if not RAN.exists() or "lost" not in RAN.read_text():
        note("lost")
        os.kill(os.getppid(), signal.SIGKILL)
        await asyncio.sleep(60)
    return x


@env.task(report=True)
async def large(size: int) -> bytes:
    await flyte.report.replace.aio("<p>it is large</p>", do_flush=True)
    await flyte.ctx().checkpoint.save(b"half of it")
    return b"x" * size


@env.task
async def inner(x: int) -> int:
    with flyte.group("deep"):
        return sum(await asyncio.gather(*(cached(i) for i in range(x)), flaky(x)))


@env.task
async def slow() -> None:
    await asyncio.sleep(60)


@env.task
async def bad(x: int) -> int:
    if "mended" in RAN.read_text():
        return x
    await asyncio.sleep(0.5)
    raise ValueError("not today")


@env.task
async def main(x: int = 2) -> int:
    found = await inner(x) + await lost(x) + len(await large(200_000)) + await step(x)
    go = await flyte.new_condition.aio("go", prompt="go on?", data_type=int)
    found += await go.wait.aio()
    await flyte.new_condition.aio("never")
    waiting = asyncio.ensure_future(slow())
    found += await bad(x)
    waiting.cancel()
    return found
"""


def answered(user: Cli, run: str) -> None:
    """Answer the run's first question, once it is asked."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if user("signal", "condition", run, "go", "7").returncode == 0:
            return
        time.sleep(0.1)
    raise AssertionError(f"{run} asks nothing")


def actions_of(user: Cli, run: str) -> list[dict[str, Any]]:
    return list(json.loads(user.ok("get", "action", run, "-o", "json")))


ASK = """
import contextlib
import io
import json
import sys

from flyte._cli.main import command

answers = {}
for words in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        code = command().main(words, prog_name="flyte", standalone_mode=False)
    answers[" ".join(words)] = printed.getvalue() if not code else f"exit code {code}"
print(json.dumps(answers))
"""
"""The commands as they are typed, in one process: there are many."""


def answers(user: Cli, run: str, moments: list[str]) -> dict[str, Any]:
    """What a stack says of a run, but for what can only be said of that stack's own log."""
    named = {one["metadata"]["task"] or one["name"]: one["name"] for one in actions_of(user, run)}
    asked = [
        ["get", "run", run, "-o", "json"],
        ["get", "action", run, "-o", "json"],
        ["get", "condition", run, "-o", "json"],
        ["explain", run, "-o", "json"],
        ["audit", run, "-o", "json"],
        ["events", run],
        ["logs", run, "-o", "json"],
        ["get", "report", run, named["chaos.large"]],
        *(["replay", run, "--at", moment, "-o", "json"] for moment in moments),
    ]
    for name in named.values():
        asked += [[*words, run, name, "-o", "json"] for words in (["get", "action"], ["explain"])]
        asked += [["get", what, run, name, "-o", "json"] for what in ("io", "logs")]
    done = user.python(str(user.write("ask.py", ASK)), json.dumps(asked))
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert len(found) == len(asked) > 30
    places = re.compile(r'"(as_of|as_of_sequence|sequence)": \d+|(?<="url": ")http://[^/]+')
    found = {words: places.sub("", text) for words, text in found.items()}
    audit = json.loads(found.pop(f"audit {run} -o json"))
    story = found.pop(f"events {run}").splitlines()
    return found | {
        "events": [line for line in story if " imported by " not in line],
        "audit": (audit["actions"], audit["violations"]),
    }


@pytest.fixture
def elsewhere(tmp_path: Path, cli: Cli) -> Iterator[Cli]:
    """A user of another stack, in the same folder."""
    user = Cli(cli.folder, {"FLYTE_HOME": str(tmp_path / "elsewhere")})
    user.ok("start", "--detach")
    try:
        yield user
    finally:
        user.ok("stop")


def test_a_chaotic_run_is_the_same_on_another_stack(cli: Cli, elsewhere: Cli, tmp_path: Path) -> None:
    cli.write("chaos.py", CHAOS.replace("{ran}", str(tmp_path / "ran")))
    cli.ok("run", "--name", "before", "chaos.py", "cached", "--x", "1")  # what the run finds in the cache
    running = cli.spawn("run", "--name", "chaotic", "chaos.py", "main")
    answered(cli, "chaotic")
    assert "ValueError: not today" in running.communicate(timeout=60)[0]
    told = json.loads(cli.ok("replay", "chaotic", "-o", "json"))
    phases = {one["task"] or one["name"]: one["phase"] for one in told["actions"]}
    assert phases["chaos.slow"] == phases["never"] == "aborted"
    attempts = {one["task"]: one["attempt"] for one in told["actions"]}
    assert (attempts["chaos.flaky"], attempts["chaos.lost"]) == (2, 2)
    assert any(one["cached_from"] for one in told["actions"])
    moments = [one["started_at"] for one in told["actions"] if one["started_at"]][1::2]

    file = tmp_path / "chaotic.zip"
    assert f"run chaotic is in {file}" in cli.ok("export", "chaotic", "-o", str(file))
    assert "run chaotic in default/development: " in elsewhere.ok("import", str(file))
    said = answers(cli, "chaotic", moments)
    assert answers(elsewhere, "chaotic", moments) == said
    assert "it is large" in "".join(map(str, said.values()))
    assert "is here already" in elsewhere.ok("import", str(file))

    with (tmp_path / "ran").open("a") as ran:
        ran.write("mended\n")
    recovered = [
        (
            outputs_of(user.ok("rerun", "chaotic", "--recover", "--name", "calmed")),
            sorted((one["name"], one["phase"]) for one in actions_of(user, "calmed")),
        )
        for user in (elsewhere, cli)
    ]
    assert recovered[0] == recovered[1]
    assert sum(phase == "recovered" for _, phase in recovered[0][1]) >= 4
    found = cli.ok("diff", "chaotic", "calmed")
    assert "failure: ValueError: not today -> none" in found
    assert elsewhere("import", str(file), "--as", "calmed").stderr.startswith(
        "error: default/development has another run called calmed"
    )


def test_a_run_is_shown_as_it_was_and_played_again(cli: Cli, tmp_path: Path) -> None:
    cli.write("chaos.py", CHAOS.replace("{ran}", str(tmp_path / "ran")))
    cli.ok("run", "--name", "past", "chaos.py", "inner", "--x", "2")
    told = json.loads(cli.ok("replay", "past", "-o", "json"))
    assert (told["phase"], told["is_settled"], len(told["actions"])) == ("succeeded", True, 4)
    last = told["as_of"]["sequence"]
    shown = cli.ok("replay", "past", "--at", str(last - 1))
    assert shown.splitlines()[0].startswith(f"run past as of sequence {last - 1}, ")
    assert "inner  running" in shown
    played = cli.ok("replay", "past", "--speed", "max")
    assert played.splitlines()[:-1] == cli.ok("events", "past").splitlines()
    assert "run past SUCCEEDED" in played.splitlines()[-1]
    late = cli("replay", "past", "--at", str(last + 1))
    assert (late.returncode, f"ends at sequence {last} of the log" in late.stderr) == (1, True)
    left = cli.ok("export", "past", "--no-objects", "-o", str(tmp_path / "past.zip"))
    assert "object that the log refers to will be missing" in left
    broken = (tmp_path / "past.zip").read_bytes()
    (tmp_path / "past.zip").write_bytes(broken[:-100])
    refused = cli("import", str(tmp_path / "past.zip"))
    assert (refused.returncode, "is cut short" in refused.stderr) == (1, True)
