"""Child actions of a pool, whose processes are there: one after the other, and many at once."""

import json
from collections.abc import Iterator

from bench.rows import Row
from testkit.cli import Cli

MANY = 1_000

SOURCE = f"""\
import asyncio
import time

import flyte

pool = flyte.TaskEnvironment(name="warm", reusable=flyte.ReusePolicy(replicas=2))
env = flyte.TaskEnvironment(name="driver", depends_on=[pool])


@pool.task
async def square(number: int) -> int:
    return number * number


@env.task
async def one_by_one(count: int) -> list[float]:
    await asyncio.gather(*(square(-number - 1) for number in range(4)))
    took = []
    for number in range(count):
        begun = time.perf_counter()
        await square(number)
        took.append(time.perf_counter() - begun)
    return took


@env.task
async def at_once() -> list[float]:
    await asyncio.gather(*(square(-number - 1) for number in range(4)))
    begun = time.perf_counter()
    squares = await asyncio.gather(*(square(number) for number in range({MANY})))
    assert squares == [number * number for number in range({MANY})]
    return [{MANY} / (time.perf_counter() - begun)]
"""


def rows(cli: Cli) -> Iterator[Row]:
    """On a stack that runs."""
    cli.write("warm.py", SOURCE)
    took = measured(cli, "warm-series", "warm.py", "one_by_one", "--count", "100")
    yield Row(
        what="one warm child action, asked → result in the parent",
        unit="ms",
        figures=tuple(1000 * seconds for seconds in took),
        goal="≈ 2 ms",
    )
    yield Row(
        what=f"{MANY:,} warm child actions at once, two processes",
        unit="actions/s",
        figures=tuple(measured(cli, "warm-fan", "warm.py", "at_once")),
        goal="≥ 2,000",
    )


def measured(cli: Cli, run: str, *words: str) -> list[float]:
    """The figures that the task of a run returns."""
    cli.ok("run", "--name", run, *words)
    script = (
        "import flyte, flyte.remote, json; flyte.init_from_config(); "
        f"print(json.dumps(flyte.remote.Run.get({run!r}).outputs()[0]))"
    )
    figures: list[float] = json.loads(cli.python("-c", script).stdout)
    return figures
