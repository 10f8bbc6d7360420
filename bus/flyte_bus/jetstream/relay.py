"""Passes questions on without their answers: the server gives these straight to who asked."""

import asyncio
from typing import Any

import orjson
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from flyte_bus.errors import BusError
from flyte_bus.facts import Facts
from flyte_bus.jetstream.connection import TRY_TIMEOUT_S, Connection, as_object
from flyte_bus.jetstream.endpoints import QUEUE_GROUP, is_inbox
from flyte_bus.ports import Decide, EndAsked, PassedOn, TurnedDown
from flyte_schemas.access import STREAM_INFO
from flyte_schemas.reading import REFUSED_HEADER

log = Facts(__name__)


class Relay:
    """The port `Server`: what is said on `pattern` goes where `decide` says, or back to who said it."""

    def __init__(self, connection: Connection, pattern: str, decide: Decide) -> None:
        self._connection = connection
        self._pattern = pattern
        self._decide = decide
        self._subscription: Subscription | None = None
        self._tasks: set[asyncio.Task[None]] = set()

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
            log.warning("bus.relay.answer_aimed", subject=message.subject, reply=message.reply)
            return
        task = asyncio.create_task(self._settle(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _settle(self, message: Msg) -> None:
        decided = self._decide(message.subject, message.reply, message.data)
        try:
            match decided:
                case PassedOn(to, body):
                    await self._connection.publish(to, body, reply=message.reply)
                case TurnedDown(reason, answer):
                    headers = {REFUSED_HEADER: " ".join(reason.split())}
                    await self._connection.publish(message.reply, answer, headers=headers)
                case EndAsked(stream):
                    await self._connection.publish(message.reply, await self._end(stream))
        except BusError as error:
            log.warning("bus.relay.question_lost", subject=message.subject, reason=str(error))

    async def _end(self, stream: str) -> bytes:
        """The answer as that of the JetStream API, as far as anybody reads it."""
        info = await state_of(self._connection, stream)
        kept = {key: info["state"][key] for key in ("last_seq", "last_ts")} if "state" in info else None
        return orjson.dumps({"state": kept} if kept else {"error": info.get("error")})


async def state_of(connection: Connection, stream: str) -> dict[str, Any]:
    """What the server says of a stream's state; where there are accounts, by EDGE's name for that question.

    Raises BusUnavailable.
    """
    asked = "$JS.API.STREAM.INFO" if connection.standing.access is None else STREAM_INFO
    return as_object((await connection.request(f"{asked}.{stream}", b"", patience_s=TRY_TIMEOUT_S)).data)
