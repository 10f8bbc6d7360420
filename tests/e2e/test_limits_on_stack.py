"""Limits of projects, as the one who runs the platform types them, and as those who meet them see them."""

import json
from itertools import accumulate

import pytest

from testkit.cli import Cli

PROGRAM = """\
import asyncio
import os

import flyte

env = flyte.TaskEnvironment(name="crowd")


@env.task
async def child(number: int) -> int:
    await asyncio.sleep(0.1)
    return number


@env.task
async def fan(count: int) -> int:
    return len(await asyncio.gather(*(child(number) for number in range(count))))


@env.task
async def chatter(lines: int) -> int:
    for _ in range(lines):
        print("x" * 1000, flush=True)
        await asyncio.sleep(0.005)
    return lines


@env.task
async def large(size: int) -> bytes:
    return os.urandom(size)
"""
FLOOD = """\
import sys

import flyte.remote

flyte.init_from_config(project=sys.argv[1])
child = flyte.remote.Task.get("crowd.child", auto_version="latest")
for number in range(int(sys.argv[2])):
    flyte.run(child, number=number)
"""


@pytest.fixture
def crowd(cli: Cli) -> Cli:
    cli.write("crowd.py", PROGRAM)
    cli.write("flood.py", FLOOD)
    return cli


def kinds(cli: Cli, project: str, run: str) -> list[tuple[str, str]]:
    """Action and kind of each event of a run."""
    found = json.loads(cli.ok("get", "events", run, "-p", project, "-o", "json"))
    return [(one["action"], one["event"]["type"].split(".", 1)[1]) for one in found]


def test_a_project_has_no_more_live_actions_than_it_may_and_sees_why_it_waits(crowd: Cli) -> None:
    crowd.ok("create", "project", "--id", "crowd")
    said = crowd.ok("update", "project", "crowd", "--domain", "development", "--limit", "live-actions=2")
    assert said == "set limits of project crowd in development: live-actions=2\n"
    crowd.ok("run", "-p", "crowd", "--name", "fan", "crowd.py", "fan", "--count", "8")
    steps = {"attempt.placed.v1": 1, "attempt.succeeded.v1": -1}
    told = [kind for action, kind in kinds(crowd, "crowd", "fan") if action != "a0"]
    assert max(accumulate(steps.get(kind, 0) for kind in told)) == 2
    project = json.loads(crowd.ok("get", "project", "crowd", "-o", "json"))
    limits = project["limits"]["development"]
    assert limits["live_actions"] == {"use": 0, "limit": 2, "said_for": "crowd/development"}
    assert limits["event_bytes_per_day"]["use"] > 10_000
    assert limits["artifact_bytes"]["use"] > 0
    assert "live actions" in crowd.ok("get", "project", "crowd")


def test_who_asks_too_often_is_told_at_once_and_others_are_served(crowd: Cli) -> None:
    crowd.ok("run", "-p", "eager", "crowd.py", "child", "--number", "0")
    crowd.ok("update", "project", "eager", "--limit", "requests-per-s=0.01")
    flood = crowd.python("flood.py", "eager", "14")
    assert flood.returncode == 0, flood.stderr
    done = crowd("run", "-p", "eager", "deployed-task", "crowd.child", "--number", "99")
    assert done.returncode == 1
    assert "RequestLimitExceeded: eager/development may make 0.01 requests a second" in done.stderr
    assert "flyte update project eager --domain development --limit requests-per-s=N" in done.stderr
    crowd.ok("run", "-p", "calm", "crowd.py", "child", "--number", "1")
    crowd.ok("update", "project", "eager", "--limit", "requests-per-s=none")
    crowd.ok("run", "-p", "eager", "deployed-task", "crowd.child", "--number", "100")


def test_a_run_that_prints_or_keeps_too_much_fails_with_its_limit(crowd: Cli) -> None:
    crowd.ok("create", "project", "--id", "loud")
    crowd.ok(
        "update", "project", "loud", "--limit", "log-bytes-per-run=200KB", "--limit", "artifact-bytes=1MB"
    )
    done = crowd("run", "-p", "loud", "--name", "chatter", "crowd.py", "chatter", "--lines", "3000")
    assert done.returncode == 1
    assert "LogLimitExceeded: the run has printed" in done.stderr
    done = crowd("run", "-p", "loud", "crowd.py", "large", "--size", "2000000")
    assert done.returncode == 1
    assert "ArtifactLimitExceeded: loud/development keeps" in done.stderr
    assert "flyte gc" in done.stderr


def test_what_is_no_limit_is_said_in_one_sentence(crowd: Cli) -> None:
    for words, sentence in (
        (["crowd", "--limit", "actions=2"], "there is no limit 'actions'; there are requests-per-s,"),
        (["crowd", "--limit", "live-actions=0"], "--limit live-actions=0: say a number above 0, none for"),
        (["crowd", "--all", "--limit", "live-actions=2"], "name one project; or say --all"),
        (["crowd", "--domain", "d"], "--domain is about limits"),
        (["crwod", "--limit", "live-actions=2"], "there is no project 'crwod': create it with flyte create"),
    ):
        done = crowd("update", "project", *words)
        assert done.returncode in (1, 2)
        assert sentence in done.stderr
