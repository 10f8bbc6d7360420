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

    def run(self, body: Coroutine[Any, Any, T]) -> T:
        """Run `body` in this context, then cancel what it has left. Raises what it raises."""
        try:
            return self._runner.run(body, context=contextvars.copy_context())
        finally:
            left = asyncio.all_tasks(self._runner.get_loop())
            if left:
                self._runner.run(_cancelled(left))

    def close(self) -> None:
        """Close the loop, where it was ever opened."""
        self._runner.close()


async def _cancelled(tasks: set["asyncio.Task[Any]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
