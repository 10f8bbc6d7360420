"""Passes questions on without their answers: the server gives these straight to who asked."""

import asyncio
from typing import Any

import nats.errors
import orjson
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from flyte_bus.errors import BusError, BusUnavailable
from flyte_bus.facts import Facts
from flyte_bus.jetstream.client import header, number, status
from flyte_bus.jetstream.codes import STREAM_NOT_FOUND
from flyte_bus.jetstream.connection import TRY_TIMEOUT_S, Connection
from flyte_bus.jetstream.endpoints import QUEUE_GROUP, is_inbox
from flyte_bus.ports import Decide, EndAsked, PassedOn, TurnedDown
from flyte_schemas.reading import REFUSED_HEADER

log = Facts(__name__)

NEVER = "0001-01-01T00:00:00Z"
"""When a stream had its last message that has none, in the server's words."""


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
        """The answer as that of the JetStream API would be, as far as anybody reads it."""
        try:
            return orjson.dumps({"state": await end_of(self._connection, stream)})
        except StreamNotThere:
            return orjson.dumps({"error": {"err_code": STREAM_NOT_FOUND, "description": "stream not found"}})


class StreamNotThere(BusError):
    """Nobody serves the stream: it was not made yet, or its servers are away."""


async def end_of(connection: Connection, stream: str) -> dict[str, Any]:
    """Sequence and time of the last message of a stream, by a direct get. Raises BusError."""
    question = orjson.dumps({"last_by_subj": ">"})
    try:
        answer = await connection.try_once(f"$JS.API.DIRECT.GET.{stream}", question, timeout_s=TRY_TIMEOUT_S)
    except nats.errors.NoRespondersError as error:
        raise StreamNotThere(f"nobody serves the stream {stream}") from error
    except (nats.errors.Error, ConnectionError) as error:
        raise BusUnavailable(f"{stream} could not be read") from error
    sequence, moment = number(answer.head, b"Nats-Sequence"), header(answer.head, b"Nats-Time-Stamp")
    if sequence is not None and moment is not None:
        return {"last_seq": sequence, "last_ts": moment.decode()}
    if status(answer.head) == "404":
        return {"last_seq": 0, "last_ts": NEVER}
    raise BusUnavailable(f"{stream} could not be read")
