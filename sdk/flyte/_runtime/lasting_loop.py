"""An event loop that outlives the attempts of a process that is used again.

What a module holds from one action to the next, such as a session of a client, belongs to a loop. So all of
them run on the same one; but whatever task an action leaves running is cancelled with it, as it is anywhere.
"""

import asyncio
import contextvars
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class LastingLoop:
    """Runs one coroutine after the other; `close` ends it."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()

    def __enter__(self) -> "LastingLoop":
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def run(self, body: Coroutine[Any, Any, T]) -> T:
        """Run `body` in this context, then cancel what it has left. Raises what it raises.

        Not by the runner's own `run`, see `run_whole`.
        """
        loop = self._runner.get_loop()
        try:
            return loop.run_until_complete(loop.create_task(body, context=contextvars.copy_context()))
        finally:
            left = asyncio.all_tasks(loop)
            if left:
                loop.run_until_complete(_cancelled(left))

    def close(self) -> None:
        """Close the loop, where it was ever opened."""
        self._runner.close()


def run_whole(body: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run(body)`, whose task never holds the result. Raises what `body` raises.

    At its end `asyncio.run` compares the handler of SIGINT, for which Python writes out the task with its
    result: that takes as long as the result is large, and several times its memory.
    """
    results: list[T] = []

    async def hold() -> None:
        results.append(await body)

    asyncio.run(hold())
    return results[0]


async def _cancelled(tasks: set["asyncio.Task[Any]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
