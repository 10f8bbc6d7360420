"""The Flyte SDK's local mode: tasks that call tasks in one process, with nothing recorded.

A child is an action of a local run, a step is a traced function.
"""

import asyncio
import os
import time

from measuring import Measuring, check, times

import flyte

env = flyte.TaskEnvironment(name="peer")


@env.task
async def square(number: int) -> int:
    return number * number


@flyte.trace
async def squared(number: int) -> int:
    return number * number


@env.task
async def in_turn(count: int) -> list[float]:
    return await times(square, count)


@env.task
async def steps(count: int) -> list[float]:
    return await times(squared, count)


@env.task
async def at_once(count: int) -> float:
    begun = time.perf_counter()
    squares = await asyncio.gather(*(square(number) for number in range(count)))
    took = time.perf_counter() - begun
    check(squares)
    return count / took


def main() -> None:
    """Run the parents here."""
    measuring = Measuring()
    runner = flyte.with_runcontext(mode="local")
    measuring.idle(os.getpid())
    for name, parent in (("child", in_turn), ("step", steps)):
        for _ in measuring.rounds():
            measuring.figure(name, list(runner.run(parent, count=measuring.calls).outputs()[0]))
    for size in measuring.sizes:
        for _ in measuring.rounds():
            measuring.figure(f"fan-out {size}", [float(runner.run(at_once, count=size).outputs()[0])])


if __name__ == "__main__":
    main()
