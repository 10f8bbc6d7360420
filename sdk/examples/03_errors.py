"""What failing looks like: retries, a parent that catches its child's error, and one that does not.

flyte run sdk/examples/03_errors.py careful
flyte run sdk/examples/03_errors.py careless
"""

import flyte

env = flyte.TaskEnvironment(name="errors")


@env.task(retries=2)
async def flaky() -> int:
    """Fails twice, then succeeds."""
    attempt = flyte.ctx().attempt_number or 0
    print(f"attempt number {attempt}")
    if attempt < 2:
        raise ConnectionError(f"no luck in attempt {attempt}")
    return attempt


@env.task
async def divide(dividend: int, divisor: int) -> float:
    return dividend / divisor


@env.task
async def careful() -> str:
    """Catches what its child raises: the code is the name of the exception."""
    attempts = await flaky()
    try:
        await divide(1, 0)
    except flyte.errors.RuntimeUserError as error:
        return f"{attempts} failures were retried, then {error.code}: {error}"
    return "this cannot happen"


@env.task
async def careless() -> float:
    """Lets its child's error pass, and fails with the same code."""
    return await divide(1, 0)
