"""Local mode: what a child action costs when nothing leaves the process."""

import asyncio
import time
from collections.abc import Iterator

import flyte
from bench.rows import Row

CHILDREN = 1_000

env = flyte.TaskEnvironment(name="bench_local")


async def bare(number: int) -> int:
    """The floor: a coroutine."""
    return number * number


@env.task
async def child(number: int) -> int:
    return number * number


@env.task
async def one_by_one() -> float:
    begun = time.perf_counter()
    for number in range(CHILDREN):
        await child(number)
    return (time.perf_counter() - begun) / CHILDREN


@env.task
async def gathered() -> float:
    begun = time.perf_counter()
    await asyncio.gather(*(child(number) for number in range(CHILDREN)))
    return CHILDREN / (time.perf_counter() - begun)


def rows() -> Iterator[Row]:
    """One child after the other, and a thousand at once."""
    runner = flyte.with_runcontext(mode="local")
    single = tuple(1000 * float(runner.run(one_by_one).outputs()[0]) for _ in range(5))
    many = tuple(float(runner.run(gathered).outputs()[0]) for _ in range(5))
    yield Row(
        what="local mode: one child action",
        unit="ms",
        figures=single,
        floor=1000 * asyncio.run(_bare_one()),
        floor_is="a bare coroutine",
        goal="≤ 0.3 ms",
    )
    yield Row(
        what="local mode: 1,000 children gathered",
        unit="actions/s",
        figures=many,
        floor=asyncio.run(_bare_many()),
        floor_is="bare coroutines",
        goal="≥ 4,000/s",
    )


async def _bare_one() -> float:
    begun = time.perf_counter()
    for number in range(CHILDREN):
        await bare(number)
    return (time.perf_counter() - begun) / CHILDREN


async def _bare_many() -> float:
    begun = time.perf_counter()
    await asyncio.gather(*(bare(number) for number in range(CHILDREN)))
    return CHILDREN / (time.perf_counter() - begun)
