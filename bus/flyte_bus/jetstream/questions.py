"""Whoever takes questions from a subject: each in a task of its own, and none whose reply is no inbox."""

import asyncio
from abc import ABC, abstractmethod

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from flyte_bus.asker import OTHER_ACCOUNT
from flyte_bus.jetstream.connection import Connection

QUEUE_GROUP = "flyte"


def is_inbox(reply: str) -> bool:
    """Whether an answer may be sent there: who answers may say more than who asked, who chooses where to.

    The server writes the inbox of another account in its own way.
    """
    return reply.startswith(("_INBOX.", OTHER_ACCOUNT))


class QuestionServer(ABC):
    """The port `Server`, for the questions that come on `pattern`."""

    def __init__(self, connection: Connection, pattern: str) -> None:
        self._connection = connection
        self._pattern = pattern
        self._tasks: set[asyncio.Task[None]] = set()
        self._subscription: Subscription | None = None

    @abstractmethod
    async def _settle(self, message: Msg) -> None:
        """Answer one question, or see that it is answered."""

    def _aimed(self, message: Msg) -> None:  # noqa: B027
        """A reply that is no inbox, or none: an answer that somebody has aimed here; it is left alone."""

    async def start(self) -> None:
        self._subscription = await self._connection.subscribe(
            self._pattern, self._on_question, queue=QUEUE_GROUP
        )

    async def stop(self, *, grace_s: float = 0.0) -> None:
        if self._subscription is not None and grace_s:
            await self._connection.drain(self._subscription)
        elif self._subscription is not None:
            await self._connection.unsubscribe(self._subscription)
        if self._tasks and grace_s:
            await asyncio.wait(self._tasks, timeout=grace_s)
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _on_question(self, message: Msg) -> None:
        if not is_inbox(message.reply):
            self._aimed(message)
            return
        task = asyncio.create_task(self._settle(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
