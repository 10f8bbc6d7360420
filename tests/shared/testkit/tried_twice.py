"""A task that fails once and is tried again, in this process."""

import asyncio
from collections.abc import Callable
from typing import Any

import flyte

Env = flyte.TaskEnvironment
AGAIN = flyte.RetryStrategy(count=2, backoff=flyte.Backoff(base=0))


def tried_twice(env: Env, body: Callable[[], Any]) -> list[Any]:
    """What `body` gives in each of two attempts at a task; a coroutine is awaited in an async one."""
    seen: list[Any] = []

    @env.task(retries=AGAIN)
    def sync_task() -> None:
        seen.append(body())
        if len(seen) == 1:
            raise RuntimeError("once more")

    @env.task(retries=AGAIN)
    async def async_task() -> None:
        seen.append(await body())
        if len(seen) == 1:
            raise RuntimeError("once more")

    flyte.run(async_task if asyncio.iscoroutinefunction(body) else sync_task)
    return seen
