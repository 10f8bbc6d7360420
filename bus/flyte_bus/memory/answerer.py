"""The answering side of questions in memory: one served endpoint of one connection."""

import asyncio
from collections.abc import Awaitable, Callable


class Answerer:
    """Answers each question in a task of its own; `respond` takes and gives bytes, and raises nothing."""

    def __init__(self, subject: str, respond: Callable[[bytes], Awaitable[bytes]]) -> None:
        self.subject = subject
        self._respond = respond
        self._tasks: set[asyncio.Task[bytes]] = set()

    def accept(self, question: bytes) -> asyncio.Task[bytes]:
        """Begin to answer."""
        task = asyncio.create_task(self._reply(question), name=f"answer {self.subject}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def end(self, grace_s: float) -> None:
        """Give up the answers that have begun and take longer than that: who asked hears nothing."""
        if self._tasks and grace_s:
            await asyncio.wait(self._tasks, timeout=grace_s)
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _reply(self, question: bytes) -> bytes:
        return await self._respond(question)
