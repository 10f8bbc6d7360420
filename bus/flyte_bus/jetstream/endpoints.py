"""Questions and answers over core NATS: a queue group per endpoint, JSON both ways."""

import asyncio
from typing import Any

import nats.errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from flyte_bus.answers import address, answer, read_answer
from flyte_bus.bus_measures import QuestionMeasures
from flyte_bus.errors import BusUnavailable, NoAnswer
from flyte_bus.facts import Facts
from flyte_bus.jetstream.connection import Connection
from flyte_bus.ports import Handler
from flyte_schemas.endpoints import AnswerT, AskT, Endpoint

log = Facts(__name__)

QUEUE_GROUP = "flyte"
ASK_AGAIN_S = 0.1


def is_inbox(reply: str) -> bool:
    """Whether an answer may be sent there: who answers may say more than who asked, who chooses where to.

    `_R_.` is how the server writes the inbox of another account.
    """
    return reply.startswith(("_INBOX.", "_R_."))


class EndpointServer:
    """The port `Server`: answers each question in a task of its own."""

    def __init__(
        self, connection: Connection, endpoint: Endpoint[Any, Any], handler: Handler[Any, Any]
    ) -> None:
        self._connection = connection
        self._endpoint = endpoint
        self._handler = handler
        self._measures = QuestionMeasures(connection.meter, endpoint.ask.__name__)
        self._tasks: set[asyncio.Task[None]] = set()
        self._subscription: Subscription | None = None

    async def start(self) -> None:
        self._subscription = await self._connection.subscribe(
            self._endpoint.pattern, self._on_question, queue=QUEUE_GROUP
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
        if not is_inbox(message.reply):  # or no question at all, but an answer that somebody has aimed here
            return
        task = asyncio.create_task(self._answer(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, message: Msg) -> None:
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
