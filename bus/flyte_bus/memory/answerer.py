"""The answering side of questions in memory: one served endpoint of one connection."""

import asyncio
from collections.abc import Awaitable, Callable


class Answerer:
    """Answers each question in a task of its own.

    `respond` takes the subject and the question's bytes, gives the reply's, and raises nothing.
    """

    def __init__(self, pattern: str, respond: Callable[[str, bytes], Awaitable[bytes]]) -> None:
        self.pattern = pattern
        self._respond = respond
        self._tasks: set[asyncio.Task[bytes]] = set()

    def accept(self, subject: str, question: bytes) -> asyncio.Task[bytes]:
        """Begin to answer what was asked on this subject."""
        task = asyncio.create_task(self._reply(subject, question), name=f"answer {subject}")
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

    async def _reply(self, subject: str, question: bytes) -> bytes:
        return await self._respond(subject, question)
