"""A task that calls ten others at the same time and adds up what they say.

flyte run sdk/examples/02_parallel.py total --numbers 10
"""

import asyncio

import flyte

env = flyte.TaskEnvironment(name="parallel")


@env.task
async def square(number: int) -> int:
    """Square a number, slowly."""
    for step in range(3):
        print(f"squaring {number}, step {step + 1} of 3")
        await asyncio.sleep(0.2)
    return number * number


@env.task
def describe(squares: list[int]) -> str:
    """Say it in words. A plain function: `.aio` makes it awaitable."""
    return f"the sum of {len(squares)} squares is {sum(squares)}"


@env.task
async def total(numbers: int = 10) -> str:
    """Square the numbers below `numbers` in parallel, then describe the result.

    Args:
        numbers: How many children to start.
    """
    with flyte.group("squares"):
        squares = await asyncio.gather(*(square(number) for number in range(numbers)))
    print(f"all {len(squares)} children are done")
    return await describe.aio(list(squares))
