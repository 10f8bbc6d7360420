"""Users who may see and do something in some places: their commands, and what they are told otherwise."""

import json
from pathlib import Path

import pytest

from testkit.cli import Cli, outputs_of

FLOW = """\
import flyte

env = flyte.TaskEnvironment(name="{name}")


@env.task
async def main(x: int = 4) -> int:
    print("seen by those who may")
    return 2 * x
"""
HERE, ELSEWHERE = ("-p", "allowed", "-d", "development"), ("-p", "elsewhere", "-d", "production")


@pytest.fixture
def user(cli: Cli, stack_home: Path, tmp_path: Path) -> "dict[str, Cli]":
    """A command line for each role in one place, by the role's name."""
    made = {}
    for role in ("viewer", "runner"):
        file = tmp_path / f"{role}.creds"
        cli.ok("admin", "create", "user", f"{role}@example.com", "--role", role, *HERE, "--file", str(file))
        folder = tmp_path / role
        folder.mkdir()
        made[role] = Cli(folder, {"FLYTE_HOME": str(stack_home), "FLYTE_NATS_CREDS": str(file)})
    return made


@pytest.mark.timeout(400)  # some twenty commands, each a process
def test_each_sees_and_does_what_its_role_permits(cli: Cli, user: dict[str, Cli]) -> None:
    runs = {}
    for place in (HERE, ELSEWHERE):
        cli.write("flow.py", FLOW.format(name=place[1]))
        runs[place] = f"in-{place[1]}"
        assert "o0=8" in outputs_of(cli.ok("run", *place, "--name", runs[place], "flow.py", "main"))
    viewer, runner = user["viewer"], user["runner"]

    assert "seen by those who may" in viewer.ok("logs", *HERE, runs[HERE])
    assert runs[HERE] in viewer.ok("get", "run", *HERE)
    assert "allowed.main" in viewer.ok("get", "task", *HERE)
    assert "succeeded" in viewer.ok("explain", *HERE, runs[HERE])
    told = [json.loads(line) for line in viewer.ok("events", "--all-projects", "-o", "json").splitlines()]
    assert {event["subject"].split(".")[2] for event in told} == {"allowed"}
    projects = json.loads(viewer.ok("get", "project", "-o", "json"))
    assert "elsewhere" not in json.dumps(projects) and "allowed" in json.dumps(projects)
    mine = json.loads(viewer.ok("get", "project", HERE[1], "-o", "json"))["limits"]["development"]
    assert mine["artifact_bytes"]["use"] > 0 and mine["event_bytes_per_day"]["use"] > 0
    assert all(one.keys() == {"use"} for one in mine.values()), mine
    assert "not told" in viewer.ok("get", "project", HERE[1])
    ran = runner.ok("run", *HERE, "--name", "by-runner", "deployed-task", "allowed.main", "--x", "5")
    assert "o0=10" in outputs_of(ran)

    runner.write("new.py", FLOW.format(name="new"))
    for who, role, words, said in (
        (viewer, "viewer", ("logs", *ELSEWHERE, runs[ELSEWHERE]), "may not read"),
        (viewer, "viewer", ("get", "run", *ELSEWHERE), "may not ask the registry to list runs in elsewhere"),
        (
            viewer,
            "viewer",
            ("run", *HERE, "deployed-task", "allowed.main"),
            "may not start runs in allowed/dev",
        ),
        (runner, "runner", ("deploy", *HERE, "new.py", "env"), "may not deploy tasks in allowed/dev"),
    ):
        done = who(*words)
        assert done.returncode == 1, (words, done.stdout, done.stderr)
        assert f"{role}@example.com ({role} in allowed/development) may not" in done.stderr, done.stderr
        assert said in done.stderr and "Traceback" not in done.stderr, done.stderr
        assert f"flyte admin create user {role}@example.com --role" in done.stderr, done.stderr
