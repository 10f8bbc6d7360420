"""Passes questions on without their answers: the server gives these straight to who asked."""

from typing import Any

import orjson
from nats.aio.msg import Msg

from flyte_bus.errors import BusError
from flyte_bus.facts import Facts
from flyte_bus.jetstream.connection import TRY_TIMEOUT_S, Connection, as_object
from flyte_bus.jetstream.questions import QuestionServer
from flyte_bus.ports import Decide, EndAsked, PassedOn, TurnedDown
from flyte_schemas.access import STREAM_INFO
from flyte_schemas.reading import REFUSED_HEADER

log = Facts(__name__)


class Relay(QuestionServer):
    """What is said on `pattern` goes where `decide` says, or back to who said it."""

    def __init__(self, connection: Connection, pattern: str, decide: Decide) -> None:
        super().__init__(connection, pattern)
        self._decide = decide

    def _aimed(self, message: Msg) -> None:
        log.warning("bus.relay.answer_aimed", subject=message.subject, reply=message.reply)

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
