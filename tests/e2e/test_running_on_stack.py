"""Running, finding, aborting and repeating runs, by the SDK and by the command line, on an embedded stack."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

import flyte
import flyte.remote
from flyte import _session, errors
from flyte._config import ClientConfig
from testkit.cli import Cli

SOURCE = '''
import asyncio
import time
from dataclasses import dataclass

import flyte
import flyte.remote

env = flyte.TaskEnvironment(name="running")
other = flyte.TaskEnvironment(name="callers")


@dataclass
class Point:
    x: int
    y: int = 2


@env.task
def add(a: int, b: int = 10) -> int:
    """Add two numbers."""
    print(f"adding {a} and {b}")
    return a + b


@env.task
def move(point: Point) -> Point:
    return Point(point.x + 1, point.y + 1)


@env.task
def sleep(seconds: float) -> str:
    print("asleep")
    time.sleep(seconds)
    return "awake"


@env.task
async def forgiving() -> str:
    try:
        await sleep.aio(600.0)
    except flyte.errors.ActionAbortedError as error:
        return f"forgiven: {error}"
    return "nobody aborted"


@env.task
async def impatient() -> str:
    try:
        await asyncio.wait_for(sleep.aio(600.0), 1.0)
    except TimeoutError:
        await asyncio.sleep(1.0)
        return "went on"
    return "nobody was late"


@env.task(retries=flyte.RetryStrategy(count=2, backoff=flyte.Backoff(base=0.5)))
def flaky() -> int:
    attempt = flyte.ctx().attempt_number
    if attempt < 2:
        raise ValueError(f"attempt {attempt}")
    return attempt


@env.task(cache=flyte.Cache("auto", serialize=True))
async def costly(x: int) -> float:
    await asyncio.sleep(0.2)
    return time.time()


@env.task
async def twice(x: int) -> list[float]:
    return await asyncio.gather(costly(x), costly(x))


@env.task(timeout=flyte.Timeout(deadline=1.0), retries=5)
async def endless() -> None:
    await sleep.aio(600.0)


remote_add = flyte.remote.Task.get("running.add", auto_version="latest")


@other.task
async def call_remote(a: int) -> int:
    return await remote_add(a=a)


@other.task
def call_remote_blocking(a: int) -> int:
    moved = flyte.remote.Task.get("running.move", auto_version="latest")(point={"x": a, "y": 5})
    return moved.x + moved.y


@other.task
async def call_wrongly() -> int:
    return await remote_add(1)
'''


@pytest.fixture
def user(cli: Cli, stack_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cli]:
    """A user who has deployed, by the CLI, and whose process speaks to the stack too."""
    cli.write("flow.py", SOURCE)
    cli.ok("deploy", "--all", "flow.py")
    monkeypatch.setenv("FLYTE_HOME", str(stack_home))
    flyte.init_from_config()
    yield cli
    _session.configure(ClientConfig())
    _session._config = None


def test_a_deployed_task_is_run_and_found_by_name(user: Cli) -> None:
    task = flyte.remote.Task.get("running.add", auto_version="latest")
    run = flyte.with_runcontext(labels={"team": "finders"}).run(task, a=1)
    run.wait(quiet=True)
    assert (run.status, run.outputs().o0, dict(run.inputs())) == ("SUCCEEDED", 11, {"a": 1, "b": 10})
    assert run.logs() == "adding 1 and 10\n"
    assert list(run.get_logs()) == ["adding 1 and 10"]
    found = list(flyte.remote.Run.listall(with_labels={"team": "finders"}, in_phase="succeeded"))
    assert [one.name for one in found] == [run.name]
    assert list(flyte.remote.Run.listall(with_labels={"team": "finders"}, in_phase="failed")) == []
    assert list(flyte.remote.Run.listall(with_labels={"team": "losers"})) == []
    assert flyte.remote.Run.get(run.name).details().labels == {"team": "finders"}
    assert [action.name for action in flyte.remote.Action.listall(run.name)] == ["a0"]
    assert [stay.phase.name for stay in run.details().get_phase_transitions()] == [
        "QUEUED",
        "WAITING_FOR_RESOURCES",
        "INITIALIZING",
        "RUNNING",
        "SUCCEEDED",
    ]
    assert "finders" in run.to_json()
    assert "SUCCEEDED" in run._repr_html_()
    fetched = task.fetch()
    assert (fetched.required_args, fetched.default_input_args) == (("a",), ("b",))
    assert "running.add" in [one.name for one in flyte.remote.Task.listall(by_task_env="running")]


def test_a_deployed_task_is_called_from_inside_a_task(user: Cli) -> None:
    assert "o0=15" in user.ok("run", "flow.py", "call_remote", "--a", "5")
    assert "o0=10" in user.ok("run", "flow.py", "call_remote_blocking", "--a", "3")
    wrong = user("run", "flow.py", "call_wrongly")
    assert wrong.returncode == 1
    assert "RemoteTaskUsageError" in wrong.stderr


def test_an_aborted_run_ends_and_says_why(user: Cli) -> None:
    sleep = flyte.remote.Task.get("running.sleep", auto_version="latest")
    run = flyte.run(sleep, seconds=600.0)
    run.wait(quiet=True, wait_for="running")
    run.abort("no longer wanted")
    run.wait(quiet=True)
    details = run.details()
    assert details.status == "ABORTED"
    assert details.abort_info is not None
    assert details.abort_info.reason == "no longer wanted"
    run.abort("again")
    with pytest.raises(errors.ActionAbortedError, match="no longer wanted"):
        run.outputs()
    assert "over already" in user.ok("abort", "run", run.name)
    assert user("abort", "run", "nobody").returncode == 1


def test_a_parent_sees_its_child_aborted_and_goes_on(user: Cli) -> None:
    run = flyte.run(flyte.remote.Task.get("running.forgiving", auto_version="latest"))
    children: list[flyte.remote.Action] = []
    for details in run.watch():
        children = list(flyte.remote.Action.listall(run.name, parent_name="a0"))
        if details.is_running:
            break
    while not children:
        children = list(flyte.remote.Action.listall(run.name, parent_name="a0"))
    assert "aborted" in user.ok("abort", "action", run.name, children[0].name, "--reason", "enough")
    run.wait(quiet=True)
    assert run.outputs().o0 == "forgiven: enough"


def test_a_child_whose_call_is_cancelled_is_aborted_and_its_parent_goes_on(user: Cli) -> None:
    run = flyte.run(flyte.remote.Task.get("running.impatient", auto_version="latest"))
    run.wait(quiet=True)
    assert run.outputs().o0 == "went on"
    (child,) = flyte.remote.Action.listall(run.name, parent_name="a0")
    assert child.phase.name == "ABORTED"
    assert "cancelled the call" in child.details().abort_info.reason


def test_a_retry_comes_after_its_backoff(user: Cli) -> None:
    user.ok("run", "--name", "flaky", "deployed-task", "running.flaky")
    assert flyte.remote.Run.get("flaky").outputs().o0 == 2
    events = [json.loads(line) for line in user.ok("events", "flaky", "-o", "json").splitlines()]
    failed = [one["time"] for one in events if one["type"] == "flyte.attempt.failed.v1"]
    queued = [one["time"] for one in events if one["type"] == "flyte.action.queued.v1"]
    pauses = [
        (datetime.fromisoformat(after) - datetime.fromisoformat(before)).total_seconds()
        for before, after in zip(failed, queued[1:], strict=True)
    ]
    assert len(pauses) == 2
    assert all(pause >= 0.5 for pause in pauses)


def test_a_cached_result_is_used_again_in_the_same_run_and_in_the_next(user: Cli) -> None:
    task = flyte.remote.Task.get("running.twice", auto_version="latest")
    first = flyte.run(task, x=7)
    first.wait(quiet=True)
    one, other = first.outputs().o0
    assert one == other
    assert "taken from the cache" in user.ok("events", first.name)
    second = flyte.run(task, x=7)
    second.wait(quiet=True)
    assert second.outputs().o0 == [one, one]
    assert user.ok("events", second.name).count("taken from the cache") == 2
    anew = flyte.with_runcontext(overwrite_cache=True).run(task, x=7)
    anew.wait(quiet=True)
    assert anew.outputs().o0[0] > one


def test_the_deadline_ends_a_run_and_its_children(user: Cli) -> None:
    run = flyte.run(flyte.remote.Task.get("running.endless", auto_version="latest"))
    run.wait(quiet=True)
    assert run.status == "TIMED_OUT"
    with pytest.raises(errors.TaskTimeoutError, match="deadline of 1 s"):
        run.outputs()
    (child,) = flyte.remote.Action.listall(run.name, parent_name="a0")
    child.wait(quiet=True)
    assert child.sync().phase.name == "ABORTED"


def test_the_log_of_all_that_ran_here_passes_the_audit(user: Cli) -> None:
    user.ok("run", "--name", "audited", "deployed-task", "running.add", "--a", "1")
    assert "5 events of 1 actions in 1 runs" in user.ok("audit", "audited")
    document = json.loads(user.ok("audit", "-o", "json"))
    assert document["violations"] == []
    assert document["actions"] >= 1
    assert user("audit", "nobody").returncode == 1


def test_a_run_is_repeated_with_other_inputs(user: Cli) -> None:
    task = flyte.remote.Task.get("running.add", auto_version="latest")
    first = flyte.with_runcontext(labels={"kind": "first"}).run(task, a=1)
    first.wait(quiet=True)
    second = flyte.rerun(first.name, b=20)
    second.wait(quiet=True)
    assert second.outputs().o0 == 21
    assert second.details().metadata["rerun_of"] == first.name
    assert second.details().labels == {"kind": "first"}
    assert "o0=105" in user.ok("rerun", first.name, "--a", "95")


def test_what_get_shows_as_json_is_json(user: Cli) -> None:
    user.ok("run", "--name", "shown", "--label", "a=b", "--queue", "fast", "flow.py", "add", "--a", "2")
    assert json.loads(user.ok("get", "run", "shown", "-o", "json"))["labels"] == {"a": "b"}
    listed = json.loads(user.ok("get", "run", "--with-label", "a=b", "--in-phase", "succeeded", "-o", "json"))
    assert [run["name"] for run in listed] == ["shown"]
    assert json.loads(user.ok("get", "run", "--with-label", "a=c", "-o", "json")) == []
    (action,) = json.loads(user.ok("get", "action", "shown", "-o", "json"))
    assert (action["name"], action["phase"], action["metadata"]["queue"]) == ("a0", "succeeded", "fast")
    values = json.loads(user.ok("get", "io", "shown", "-o", "json"))
    assert values.pop("as_of") >= action["as_of"] > 0
    assert values == {"inputs": {"a": 2, "b": 10}, "outputs": {"o0": 12}}
    assert user.ok("get", "logs", "shown") == "adding 2 and 10\n"
    user.ok("create", "project", "--id", "garden", "--description", "of tasks")
    assert "garden" in [one["id"] for one in json.loads(user.ok("get", "project", "-o", "json"))]
    assert user("create", "project", "--id", "garden").returncode == 1
    assert json.loads(user.ok("whoami", "-o", "json"))["project"] == "default"
    assert json.loads(user.ok("get", "config", "-o", "json"))["domain"] == "development"


def test_a_user_finds_his_way_among_what_ran(user: Cli) -> None:
    task = flyte.remote.Task.get("running.add", auto_version="latest")
    for number in (1, 2, 3):
        flyte.with_runcontext(name=f"look-{number}").run(task, a=number).wait(quiet=True)
    found = json.loads(user.ok("get", "run", "--search", "LOOK-", "--limit", "2", "-o", "json"))
    assert [run["name"] for run in found] == ["look-3", "look-2"]
    assert json.loads(user.ok("get", "run", "look-1", "-o", "json"))["as_of"] >= found[0]["as_of"] > 0
    counted = ("get", "run", "--search", "look-", "--counts", "--updated-after", "now - 1 day")
    assert user.ok(*counted).split() == ["PHASE", "RUNS", "SUCCEEDED", "3"]
    none = json.loads(user.ok(*counted, "--updated-before", "now - 1 day", "-o", "json"))
    assert (none["counts"], none["as_of"] > 0) == ({}, True)

    events = json.loads(user.ok("get", "events", "look-1", "a0", "-o", "json"))
    types = [one["event"]["type"] for one in events]
    assert (types[0], types[-1]) == ("flyte.action.requested.v1", "flyte.attempt.succeeded.v1")
    assert events[-1]["as_of"] >= events[-1]["sequence"] > events[0]["sequence"]
    (last,) = user.ok("get", "events", "look-1", "-l", "1").splitlines()
    assert last.split()[0] == str(events[-1]["sequence"])
    assert "1  adding 2 and 10" in user.ok("get", "logs", "look-2", "--pretty")
    (line,) = json.loads(user.ok("get", "logs", "look-2", "-a", "1", "-o", "json"))
    assert (line["text"], line["as_of"] > 0) == ("adding 2 and 10", True)

    projects = {one["id"]: one for one in json.loads(user.ok("get", "project", "-o", "json"))}
    assert projects["default"]["domains"]["development"]["runs"] >= 3
    assert "running.add" not in user.ok("get", "task", "--search", "RUNNING.", "--entrypoint")
    versions = json.loads(user.ok("get", "task", "running.add", "--versions", "-o", "json"))
    assert versions[0]["version"] == task.fetch().version
    assert "catching up" not in user.ok("status")
