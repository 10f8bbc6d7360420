"""Questions and answers over core NATS: a queue group per endpoint, JSON both ways."""

import asyncio
from typing import Any

import nats.errors
from nats.aio.msg import Msg

from flyte_bus.answers import address, answer, read_answer
from flyte_bus.asker import answers_to
from flyte_bus.bus_measures import QuestionMeasures
from flyte_bus.errors import BusUnavailable, NoAnswer
from flyte_bus.facts import Facts
from flyte_bus.jetstream.connection import Connection
from flyte_bus.jetstream.questions import QuestionServer
from flyte_bus.ports import Handler
from flyte_schemas.endpoints import AnswerT, AskT, Endpoint

log = Facts(__name__)

ASK_AGAIN_S = 0.1


class EndpointServer(QuestionServer):
    """Answers each question by the handler of its endpoint."""

    def __init__(
        self, connection: Connection, endpoint: Endpoint[Any, Any], handler: Handler[Any, Any]
    ) -> None:
        super().__init__(connection, endpoint.pattern)
        self._endpoint = endpoint
        self._handler = handler
        self._measures = QuestionMeasures(connection.meter, endpoint.ask.__name__)

    async def _settle(self, message: Msg) -> None:
        answers_to(message.reply, message.headers)
        try:
            reply = await answer(self._endpoint, self._handler, message.subject, message.data, self._measures)
            await self._connection.publish(message.reply, reply)
        except BusUnavailable:
            log.warning("bus.endpoint.answer_lost", subject=self._endpoint.subject)


async def ask(
    connection: Connection, endpoint: Endpoint[AskT, AnswerT], question: AskT, timeout_s: float
) -> AnswerT:
    """See `flyte_bus.ports.Bus.ask`."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    subject, payload = address(endpoint, question), question.model_dump_json().encode()
    while (left := deadline - loop.time()) > 0:
        try:
            reply = await connection.try_once(subject, payload, timeout_s=left)
            return read_answer(endpoint, reply.data)
        except nats.errors.ConnectionClosedError as error:
            raise BusUnavailable("the connection to NATS is closed") from error
        except (nats.errors.Error, ConnectionError):
            await asyncio.sleep(min(ASK_AGAIN_S, max(0.0, deadline - loop.time())))
    raise NoAnswer(subject, timeout_s)
