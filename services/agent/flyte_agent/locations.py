"""Where the running task's objects go to and come from: its questions to the dataproxy, passed on.

The bytes go between the task's process and the dataproxy; here pass the signed addresses alone.
"""

import asyncio
from collections.abc import Awaitable, Callable

from flyte._runtime.messages import Locate, Located
from flyte._runtime.transfer import ANSWER_TIMEOUT_S
from flyte_agent.endings import not_prepared
from flyte_bus.errors import BusError, Refusal
from flyte_bus.ports import Bus
from flyte_schemas.endpoints import COMPLETE_UPLOAD, CREATE_DOWNLOAD_LOCATION, CREATE_UPLOAD_LOCATION

Answer = Callable[[Located], Awaitable[None]]


class Locations:
    """Passes questions on, several at a time."""

    def __init__(self, bus: Bus, answer: Answer) -> None:
        self._bus = bus
        self._answer = answer
        self._tasks: set[asyncio.Task[None]] = set()

    def ask(self, question: Locate) -> None:
        """Pass one question on, in the background."""
        task = asyncio.create_task(self._serve(question))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up what is not answered: nobody waits for it any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, question: Locate) -> None:
        await self._answer(await self._located(question))

    async def _located(self, question: Locate) -> Located:
        call = question.call
        try:
            if question.upload is not None:
                there = await self._bus.ask(
                    CREATE_UPLOAD_LOCATION, question.upload, timeout_s=ANSWER_TIMEOUT_S
                )
                return Located(call=call, upload=there)
            if question.complete is not None:
                whole = await self._bus.ask(COMPLETE_UPLOAD, question.complete, timeout_s=ANSWER_TIMEOUT_S)
                return Located(call=call, completed=whole)
            if question.download is not None:
                from_there = await self._bus.ask(
                    CREATE_DOWNLOAD_LOCATION, question.download, timeout_s=ANSWER_TIMEOUT_S
                )
                return Located(call=call, download=from_there)
            return Located(call=call)
        except Refusal as error:
            return Located(call=call, failure=error.failure)
        except BusError as error:
            return Located(call=call, failure=not_prepared(error, "ArtifactUnavailable"))
