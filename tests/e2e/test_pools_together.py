"""Environments whose processes run several actions at a time: what each has for itself, and who ends whom."""

import ast
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from testkit.cli import Cli, outputs_of
from testkit.waiting import wait_for

SOURCE = """\
import asyncio
import json
import os
import sys
import threading
import time

import flyte
import flyte.report

together = flyte.TaskEnvironment(
    name="together", reusable=flyte.ReusePolicy(replicas=(0, 1), concurrency=20)
)
env = flyte.TaskEnvironment(name="driving", depends_on=[together])
arrived = 0
everybody = None


@together.task(report=True)
async def meets(name: int, others: int) -> str:
    global arrived, everybody
    print(f"begin of {name}")
    everybody = everybody or asyncio.Event()
    arrived += 1
    if arrived >= others:
        everybody.set()
    await everybody.wait()  # for ever, if they ran one after the other
    print(f"{name} on standard error", file=sys.stderr)
    sys.stdout.buffer.write(f"bytes of {name}\\n".encode())
    await asyncio.to_thread(print, f"thread of {name}")
    flyte.report.log(f"<p>report of {name}</p>")
    await flyte.report.flush.aio()
    action = flyte.ctx().action.name
    await asyncio.sleep(0.01)
    assert action == flyte.ctx().action.name
    print("end of", name)
    return json.dumps([os.getpid(), action])


@together.task
def plain(others: int) -> str:
    global arrived
    arrived += 1
    print("plainly")
    deadline = time.monotonic() + 30.0
    while arrived < others and time.monotonic() < deadline:
        time.sleep(0.01)
    assert arrived >= others
    here = threading.current_thread() is threading.main_thread()
    return json.dumps([os.getpid(), flyte.ctx().action.name, here])


@env.task
async def twenty() -> str:
    return json.dumps([json.loads(one) for one in await asyncio.gather(*(meets(n, 20) for n in range(20)))])


@env.task
async def mixed() -> str:
    met = [meets(number, 6) for number in range(4)]
    plainly = [plain.aio(6) for _ in range(2)]
    return json.dumps([json.loads(one) for one in await asyncio.gather(*met, *plainly)])


@together.task
async def who() -> int:
    return os.getpid()


@together.task
async def fails() -> int:
    raise ValueError("on purpose")


@env.task
async def troubled() -> str:
    before, error, beside = await asyncio.gather(who(), fails(), who(), return_exceptions=True)
    return json.dumps([before, f"{type(error).__name__}: {error}", beside, await who()])


@together.task(retries=1)
async def bad_once() -> str:
    if flyte.ctx().attempt_number == 0:
        while asleep < 3:
            await asyncio.sleep(0.01)
        os._exit(3)
    return "better"


asleep = 0


@together.task
async def innocent(number: int) -> int:
    global asleep
    asleep += 1
    print(f"innocent {number}, once more")
    await asyncio.sleep(2.0)
    return number


@env.task
async def crashing() -> str:
    return json.dumps(await asyncio.gather(bad_once(), *(innocent(number) for number in range(3))))


@together.task
async def sleeper(number: int, go: str) -> int:
    print(f"asleep {number}")
    try:
        while number == 0 or not os.path.exists(go):
            await asyncio.sleep(0.05)
    finally:
        print(f"awake {number}")
    return os.getpid()


@together.task
def stubborn() -> int:
    print("stubborn")
    time.sleep(600.0)
    return 0


@env.task
async def nap(go: str) -> str:
    slept = await asyncio.gather(*(sleeper(n, go) for n in range(3)), return_exceptions=True)
    return json.dumps(slept, default=str)


@env.task
async def stuck(go: str) -> str:
    slept = await asyncio.gather(sleeper(1, go), stubborn.aio(), return_exceptions=True)
    return json.dumps(slept, default=str)


@together.task
async def napper() -> int:
    await asyncio.sleep(4.0)
    return os.getpid()


@together.task(timeout=1)
async def late() -> int:
    await asyncio.sleep(600.0)
    return 0


@env.task
async def overdue() -> str:
    beside, error = await asyncio.gather(napper(), late(), return_exceptions=True)
    return json.dumps([beside, type(error).__name__, await who()], default=str)


parents = flyte.TaskEnvironment(  # whose pool may have another process while they wait
    name="parents", reusable=flyte.ReusePolicy(replicas=(0, 1), concurrency=20)
)


@parents.task
async def fibonacci(n: int) -> int:
    if n < 2:
        return n
    a, b = await asyncio.gather(fibonacci(n - 1), fibonacci(n - 2))
    return a + b


few = flyte.TaskEnvironment(name="few", reusable=flyte.ReusePolicy(replicas=(0, 1), concurrency=2))


@few.task
async def deep(n: int) -> int:
    return 0 if n == 0 else 1 + await deep(n - 1)
"""


def _of(printed: str) -> Any:
    """The JSON that a run returned."""
    shown = outputs_of(printed)
    text = ast.literal_eval(shown[shown.index("o0=") + 3 : shown.rindex(")")])
    return json.loads(text)


@pytest.fixture
def typed(cli: Cli) -> Callable[..., Any]:
    """Type a run of a task, and return what it gave."""
    cli.write("together.py", SOURCE)

    def run(task: str, *words: str) -> Any:
        return _of(cli.ok("run", *words, "together.py", task))

    return run


def _log(cli: Cli, run: str, action: str) -> list[str]:
    return cli.ok("get", "logs", run, action).splitlines()


def _all(cli: Cli, run: str) -> str:
    return cli("logs", run).stdout


def _who_said(what: str, printed: str) -> str:
    """The action that printed it, in the log of a run."""
    (line,) = [line for line in printed.splitlines() if line.endswith(f"] {what}")]
    return line.partition("]")[0].split()[-1]


def test_twenty_actions_wait_for_each_other_in_one_process(cli: Cli, typed: Callable[..., Any]) -> None:
    met = typed("twenty", "--name", "meeting")
    assert len({pid for pid, _ in met}) == 1
    assert len({action for _, action in met}) == 20
    said: dict[str, list[str]] = {}
    logs = cli("logs", "meeting")
    for line in (logs.stdout + logs.stderr).splitlines():
        who, _, text = line.partition("] ")
        said.setdefault(who.split()[-1], []).append(text)
    for number, (_, action) in enumerate(met):
        words = ("begin of", "bytes of", "thread of", "end of")
        mine = [*(f"{word} {number}" for word in words), f"{number} on standard error"]
        assert sorted(said[action]) == sorted(mine)
    action = met[7][1]
    assert "thread of 7" in _log(cli, "meeting", action)
    report = cli.ok("get", "report", "meeting", action)
    assert "report of 7<" in report
    assert "report of 8<" not in report


def test_plain_functions_have_threads_beside_the_async_ones(cli: Cli, typed: Callable[..., Any]) -> None:
    *met, first, second = typed("mixed", "--name", "mixture")
    assert len({pid for pid, *_ in (*met, first, second)}) == 1
    assert not first[2] and not second[2]
    for _, action, _ in (first, second):
        assert _log(cli, "mixture", action)[-1].endswith("plainly")


def test_an_exception_leaves_the_process_to_the_others(typed: Callable[..., Any]) -> None:
    before, error, beside, after = typed("troubled")
    assert "on purpose" in error
    assert before == beside == after


def test_a_crash_costs_the_others_one_attempt(cli: Cli, typed: Callable[..., Any]) -> None:
    assert typed("crashing", "--name", "crashed") == ["better", 0, 1, 2]
    events = [json.loads(line) for line in cli.ok("events", "crashed", "-o", "json").splitlines()]
    failures = [one["data"]["failure"]["code"] for one in events if one["type"] == "flyte.attempt.failed.v1"]
    assert sorted(failures) == ["ProcessExited", *["SharedProcessEnded"] * 3]


def test_an_abort_of_one_leaves_the_others(cli: Cli, typed: Callable[..., Any], tmp_path: Path) -> None:
    go = tmp_path / "go"
    running = cli.spawn("run", "--name", "napping", "together.py", "nap", "--go", str(go))
    wait_for("them to sleep", lambda: _all(cli, "napping").count("asleep") == 3)
    cli.ok("abort", "action", "napping", _who_said("asleep 0", _all(cli, "napping")))
    wait_for("it to clean up", lambda: "awake 0" in _all(cli, "napping"))
    go.touch()
    printed, _ = running.communicate(timeout=60)
    assert running.returncode == 0, printed
    aborted, *pids = _of(printed)
    assert "abort" in aborted
    assert isinstance(pids[0], int)
    assert len(set(pids)) == 1
    assert cli.ok("events", "napping").count("stopped the process") == 1
    assert typed("troubled")[0] == pids[0]  # the same process, still


def test_a_timeout_of_one_leaves_the_others(typed: Callable[..., Any]) -> None:
    beside, error, after = typed("overdue")
    assert error == "TaskTimeoutError"
    assert beside == after


def test_what_cannot_be_cancelled_goes_with_its_process(cli: Cli, tmp_path: Path) -> None:
    cli.write("together.py", SOURCE)
    go = tmp_path / "go"
    running = cli.spawn("run", "--name", "sticking", "together.py", "stuck", "--go", str(go))
    wait_for("both", lambda: all(word in _all(cli, "sticking") for word in ("asleep 1", "stubborn")))
    cli.ok("abort", "action", "sticking", _who_said("stubborn", _all(cli, "sticking")))
    wait_for("the process to end", lambda: "SharedProcessEnded" in cli("events", "sticking").stdout)
    go.touch()
    printed, _ = running.communicate(timeout=60)
    assert running.returncode == 0, printed
    slept, aborted = _of(printed)
    assert isinstance(slept, int)
    assert "abort" in aborted
    assert cli.ok("events", "sticking").count("stopped the process") == 1


def test_parents_wait_for_children_in_the_same_pool(cli: Cli) -> None:
    cli.write("together.py", SOURCE)
    assert "=8)" in outputs_of(cli.ok("run", "together.py", "fibonacci", "--n", "6"))
    assert "=6)" in outputs_of(cli.ok("run", "together.py", "deep", "--n", "6"))
