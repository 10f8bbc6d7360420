"""Environments whose processes are used again: what their actions share, and what they do not."""

import ast
import json
import os
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from flyte_bus.process import is_alive
from testkit.cli import Cli, outputs_of
from testkit.cluster import Cluster
from testkit.waiting import wait_for

SOURCE = """\
import asyncio
import json
import os
import subprocess
import time

import flyte

pool = flyte.TaskEnvironment(name="pooled", reusable=flyte.ReusePolicy(replicas=(0, 2)))
one = flyte.TaskEnvironment(name="single", reusable=flyte.ReusePolicy(replicas=(0, 1), concurrency=1))
env = flyte.TaskEnvironment(name="driving", depends_on=[pool, one])
loops = []
calls = 0


@pool.task
async def who(name: str) -> str:
    global calls
    calls += 1
    loops.append(asyncio.get_running_loop())
    left = asyncio.create_task(asyncio.sleep(3600.0))
    print(f"this is {name}")
    return json.dumps([os.getpid(), calls, len({id(loop) for loop in loops}), len(asyncio.all_tasks())])


@pool.task
def blocking(name: str) -> str:
    global calls
    calls += 1
    subprocess.run(["echo", f"echo of {name}"], check=True)
    return json.dumps([os.getpid(), calls])


@env.task
async def driver() -> str:
    first = [json.loads(await who(f"number {number}")) for number in range(4)]
    first += [json.loads(await blocking.aio("a process"))]
    apart = json.loads(await who.override(reusable="off")("apart"))
    return json.dumps([first, apart])


@pool.task
def fails() -> str:
    raise ValueError("on purpose")


@pool.task
def vanishes() -> str:
    os._exit(3)


@pool.task(retries=1)
def second_time() -> str:
    number = flyte.ctx().attempt_number
    assert os.environ["FLYTE_ATTEMPT_NUMBER"] == str(number)
    if number == 0:
        raise ValueError("not yet")
    return str(os.getpid())


@env.task
async def troubled() -> str:
    before = json.loads(await who("before"))[0]
    seen = []
    for task in (fails, vanishes):
        try:
            await task.aio()
        except Exception as error:
            seen.append(f"{type(error).__name__}: {error}")
    tried = await second_time.aio()
    after = json.loads(await who("after"))[0]
    return json.dumps([before, after, tried, seen])


@one.task
async def fibonacci(n: int) -> int:
    if n < 2:
        return n
    a, b = await asyncio.gather(fibonacci(n - 1), fibonacci(n - 2))
    return a + b


@env.task
async def fan() -> int:
    return sum(await asyncio.gather(*(number_of(number) for number in range(60))))


@pool.task
async def number_of(number: int) -> int:
    return number


@one.task
def sleeper() -> str:
    print("asleep")
    time.sleep(600.0)
    return "awake"


@one.task
async def quick() -> int:
    return os.getpid()
"""


def _of(printed: str) -> object:
    """The JSON that a run returned."""
    shown = outputs_of(printed)
    text = ast.literal_eval(shown[shown.index("o0=") + 3 : shown.rindex(")")])
    return json.loads(text)


def test_actions_share_a_process_one_after_the_other(cli: Cli) -> None:
    cli.write("pools.py", SOURCE)
    printed = cli.ok("run", "--name", "sharing", "pools.py", "driver")
    shared, apart = _of(printed)  # type: ignore[misc]
    most_calls = Counter[int]()
    for pid, calls, *loops in shared:
        most_calls[pid] = max(most_calls[pid], calls)
        assert loops in ([1, 2], [])  # one loop for all; nothing was left on it but what this call began
    assert len(most_calls) <= 2
    assert sum(most_calls.values()) == len(shared) == 5  # what a module holds stays
    assert apart[0] not in most_calls
    assert apart[1] == 1
    lines = [line for line in printed.splitlines() if "this is" in line or "echo of" in line]
    named = {line.split("] ")[0] for line in lines}
    assert len(lines) == len(named) == 6  # each under its own action


def test_an_exception_costs_nobody_the_process_and_a_crash_only_its_own_action(cli: Cli) -> None:
    cli.write("pools.py", SOURCE)
    _, _, tried, (raised, vanished) = _of(cli.ok("run", "pools.py", "troubled"))  # type: ignore[misc]
    assert "on purpose" in raised
    assert "exited with code 3" in vanished
    assert tried.isdigit()


def test_a_pool_of_one_does_not_wait_for_itself(cli: Cli) -> None:
    cli.write("pools.py", SOURCE)
    assert "8" in outputs_of(cli.ok("run", "pools.py", "fibonacci", "--n", "6"))


def test_the_first_attempt_of_each_of_many_succeeds(cli: Cli) -> None:
    cli.write("pools.py", SOURCE)
    assert "1770" in outputs_of(cli.ok("run", "--name", "fanned", "pools.py", "fan"))
    happened = Counter(
        json.loads(line)["type"] for line in cli.ok("events", "fanned", "-o", "json").splitlines()
    )
    assert happened["flyte.attempt.started.v1"] == happened["flyte.attempt.succeeded.v1"] == 61
    assert not happened["flyte.attempt.failed.v1"]


def test_an_action_that_is_aborted_makes_room_in_its_pool(cli: Cli) -> None:
    cli.write("pools.py", SOURCE)
    typed = cli.spawn("run", "--name", "asleep", "pools.py", "sleeper")
    assert typed.stdout is not None
    wait_for("it to sleep", lambda: "asleep" in cli("logs", "asleep").stdout)
    assert "queued attempt 1 on single-" in cli.ok("events", "asleep")
    cli.ok("abort", "run", "asleep")
    typed.communicate(timeout=60)
    assert outputs_of(cli.ok("run", "pools.py", "quick"))


def test_new_code_is_a_new_pool(cli: Cli) -> None:
    cli.write("pools.py", SOURCE)
    first = outputs_of(cli.ok("run", "pools.py", "quick"))
    assert outputs_of(cli.ok("run", "pools.py", "quick")) == first
    cli.write("pools.py", SOURCE + "\nmore = 1\n")
    assert outputs_of(cli.ok("run", "pools.py", "quick")) != first


MANY = """\
import asyncio
import os
from pathlib import Path

import flyte

pool = flyte.TaskEnvironment(name="many", reusable=flyte.ReusePolicy(replicas=2))
env = flyte.TaskEnvironment(name="parents", depends_on=[pool])


@pool.task
async def child(number: int, diary: str) -> int:
    with Path(diary).open("a") as out:
        out.write(f"{number} {os.getppid()}\\n")
    await asyncio.sleep(0.3)
    return number


@env.task
async def parent(diary: str) -> int:
    return sum(await asyncio.gather(*(child(number, diary) for number in range(40))))
"""


@pytest.mark.parametrize("victim", ["executor", "nats-server", "a worker"])
def test_whatever_is_killed_every_action_of_a_pool_succeeds_once(
    cluster: Cluster, cluster_cli: Cli, tmp_path: Path, victim: str
) -> None:
    cluster_cli.write("many.py", MANY)
    diary = tmp_path / "diary"

    def written() -> list[list[str]]:
        return [line.split() for line in diary.read_text().splitlines()] if diary.exists() else []

    typed = cluster_cli.spawn("run", "many.py", "parent", "--diary", str(diary))
    wait_for("the first children", lambda: len(written()) >= 5)
    if victim == "a worker":
        os.kill(int(written()[-1][1]), signal.SIGKILL)
    else:
        cluster.kill(victim)
        time.sleep(0.5)
        cluster.start(victim)
    printed, _ = typed.communicate(timeout=100)
    assert typed.returncode == 0, printed
    assert str(sum(range(40))) in outputs_of(printed)
    counts = Counter(number for number, _ in written())
    repeated = [number for number, times in counts.items() if times > 1]
    assert set(counts) == {str(number) for number in range(40)}
    assert len(repeated) <= (victim == "a worker")  # what it had in hand
    workers = {int(pid) for _, pid in written()}
    assert len(workers) <= 8  # who was not heard for a while has others beside him
    cluster.stop("executor")
    wait_for("the workers to be gone", lambda: not any(is_alive(pid) for pid in workers))


ROAMING = """\
import os

import flyte

env = flyte.TaskEnvironment(name="roaming", reusable=flyte.ReusePolicy(replicas=1))
driver = flyte.TaskEnvironment(name="driver", depends_on=[env])


@env.task
def roam() -> str:
    here = os.getcwd()
    os.chdir("/")
    return f"{os.getpid()} {here}"


@driver.task
async def main() -> bool:
    return await roam.aio() == await roam.aio()
"""


def test_an_action_begins_in_its_own_folder_wherever_the_last_one_went(cli: Cli) -> None:
    cli.write("roaming.py", ROAMING)
    assert "True" in outputs_of(cli.ok("run", "roaming.py", "main"))
