"""Passes questions on without their answers: the server gives these straight to who asked."""

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from flyte_bus.errors import BusUnavailable
from flyte_bus.facts import Facts
from flyte_bus.jetstream.connection import Connection
from flyte_bus.jetstream.endpoints import QUEUE_GROUP
from flyte_bus.ports import Decide, PassedOn
from flyte_schemas.access import STREAM_INFO
from flyte_schemas.reading import REFUSED_HEADER

log = Facts(__name__)

_INFO = "$JS.API.STREAM.INFO"


class Relay:
    """The port `Server`: what is said on `pattern` goes where `decide` says, or back to who said it."""

    def __init__(self, connection: Connection, pattern: str, decide: Decide) -> None:
        self._connection = connection
        self._pattern = pattern
        self._decide = decide
        self._subscription: Subscription | None = None

    async def start(self) -> None:
        self._subscription = await self._connection.subscribe(
            self._pattern, self._on_question, queue=QUEUE_GROUP
        )

    async def stop(self, *, grace_s: float = 0.0) -> None:
        if self._subscription is not None and grace_s:
            await self._connection.drain(self._subscription)
        elif self._subscription is not None:
            await self._connection.unsubscribe(self._subscription)

    async def _on_question(self, message: Msg) -> None:
        if not message.reply:
            return  # nobody would hear an answer
        decided = self._decide(message.subject, message.reply, message.data)
        try:
            if isinstance(decided, PassedOn):
                await self._connection.publish(self._seen(decided.to), decided.body, reply=message.reply)
            else:
                headers = {REFUSED_HEADER: " ".join(decided.reason.split())}
                await self._connection.publish(message.reply, decided.answer, headers=headers)
        except BusUnavailable:
            log.warning("bus.relay.question_lost", subject=message.subject)

    def _seen(self, subject: str) -> str:
        """What a subject of CORE is called here: where there are accounts, the guard is in EDGE."""
        is_in_edge = self._connection.standing.access is not None
        return subject.replace(_INFO, STREAM_INFO, 1) if is_in_edge and subject.startswith(_INFO) else subject
