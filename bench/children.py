"""Child actions: one after the other, in processes of their own and in a pool; and many at once in a pool."""

import json
import subprocess
import sys
from collections.abc import Iterator

from bench.rows import Row
from testkit.cli import Cli

MANY = 1_000

SOURCE = """\
import asyncio
import time

import flyte

pool = flyte.TaskEnvironment(name="warm", reusable=flyte.ReusePolicy(replicas=2))
env = flyte.TaskEnvironment(name="driver", depends_on=[pool])


@pool.task
async def square(number: int) -> int:
    return number * number


@env.task
async def one_by_one(count: int, cold: bool = False) -> list[float]:
    child = square.override(reusable="off") if cold else square
    await asyncio.gather(*(child(-number - 1) for number in range(4)))
    took = []
    for number in range(count):
        begun = time.perf_counter()
        await child(number)
        took.append(time.perf_counter() - begun)
    return took


@env.task
async def at_once(count: int) -> list[float]:
    await asyncio.gather(*(square(-number - 1) for number in range(4)))
    begun = time.perf_counter()
    squares = await asyncio.gather(*(square(number) for number in range(count)))
    took = time.perf_counter() - begun
    assert squares == [number * number for number in range(count)]
    return [count / took]


@flyte.trace
async def squared(number: int) -> int:
    return number * number


@env.task
async def steps(count: int) -> list[float]:
    took = []
    for number in range(count):
        begun = time.perf_counter()
        await squared(number)
        took.append(time.perf_counter() - begun)
    return took
"""


def rows(cli: Cli) -> Iterator[Row]:
    """On a stack that runs."""
    cli.write("children.py", SOURCE)
    yield Row(
        what="one cold child action on the process backend",
        unit="ms",
        figures=in_turn(cli, "cold-series", "one_by_one", "--count", "30", "--cold"),
        floor=1000 * _fork_floor(),
        floor_is="fork of a warm interpreter, and its end",
        goal="≤ 30 ms p50",
    )
    yield Row(
        what="one warm child action, asked → result in the parent",
        unit="ms",
        figures=in_turn(cli, "warm-series", "one_by_one", "--count", "100"),
        goal="≈ 2 ms",
    )
    yield Row(
        what=f"{MANY:,} warm child actions at once, two processes",
        unit="actions/s",
        figures=tuple(measured(cli, "warm-fan", "at_once", "--count", str(MANY))),
        goal="≥ 2,000",
    )


def in_turn(cli: Cli, run: str, *words: str) -> tuple[float, ...]:
    """Milliseconds of each of some children or steps, which the task counts in seconds."""
    return tuple(1000 * seconds for seconds in measured(cli, run, *words))


def measured(cli: Cli, run: str, *words: str) -> list[float]:
    """The figures that a task returns."""
    cli.ok("run", "--name", run, "children.py", *words)
    script = (
        "import flyte, flyte.remote, json; flyte.init_from_config(); "
        f"print(json.dumps(flyte.remote.Run.get({run!r}).outputs()[0]))"
    )
    figures: list[float] = json.loads(cli.python("-c", script).stdout)
    return figures


def _fork_floor() -> float:
    script = (
        "import os, time, flyte, flyte_bus.jetstream\n"
        "def once():\n"
        "    t = time.perf_counter(); pid = os.fork()\n"
        "    if pid == 0: os._exit(0)\n"
        "    os.waitpid(pid, 0); return time.perf_counter() - t\n"
        "print(min(once() for _ in range(20)))"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    return float(done.stdout)
