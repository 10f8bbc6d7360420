"""The bus on JetStream, put together."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Self

from flyte_bus.access import Access
from flyte_bus.errors import BusError
from flyte_bus.jetstream.connection import Connection
from flyte_bus.jetstream.endpoints import EndpointServer, ask
from flyte_bus.jetstream.inbox import JetStreamInbox
from flyte_bus.jetstream.keyvalue import JetStreamKeyValue
from flyte_bus.jetstream.provisioning import provision
from flyte_bus.jetstream.relay import Relay, state_of
from flyte_bus.jetstream.room import room
from flyte_bus.jetstream.stream import JetStreamLog
from flyte_bus.ports import Decide, Handler, Inbox, KeyValue, Room, Server
from flyte_bus.settings import BusSettings
from flyte_schemas.endpoints import AnswerT, AskT, Endpoint
from flyte_schemas.streams import BucketSpec, StreamSpec


class JetStreamBus:
    """The port `Bus` over one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.log = JetStreamLog(connection)
        self.meter = connection.meter

    async def provision(self) -> None:
        await provision(self._connection)

    def inbox(
        self,
        stream: StreamSpec,
        durable: str,
        subjects: Sequence[str],
        *,
        max_in_flight: int = 256,
        ack_wait_s: float = 30.0,
        sizes_only: bool = False,
    ) -> AbstractAsyncContextManager[Inbox]:
        return JetStreamInbox(
            self._connection,
            stream,
            durable,
            subjects,
            max_in_flight=max_in_flight,
            ack_wait_s=ack_wait_s,
            sizes_only=sizes_only,
        )

    async def serve(self, endpoint: Endpoint[AskT, AnswerT], handler: Handler[AskT, AnswerT]) -> Server:
        server = EndpointServer(self._connection, endpoint, handler)
        await server.start()
        return server

    async def ask(
        self, endpoint: Endpoint[AskT, AnswerT], question: AskT, *, timeout_s: float = 10.0
    ) -> AnswerT:
        return await ask(self._connection, endpoint, question, timeout_s)

    async def relay(self, pattern: str, decide: Decide) -> Server:
        relay = Relay(self._connection, pattern, decide)
        await relay.start()
        return relay

    async def last_read(self, stream: str) -> int:
        info = await state_of(self._connection, stream)
        if "error" in info:
            raise BusError(f"{stream}: {info['error'].get('description')}")
        return int(info["state"]["last_seq"])

    async def ended(self) -> BusError:
        return await self._connection.standing.ended()

    @property
    def access(self) -> Access | None:
        return self._connection.standing.access

    def bucket(self, spec: BucketSpec) -> KeyValue:
        return JetStreamKeyValue(self._connection, spec)

    async def room(self) -> Room:
        return await room(self._connection)

    async def close(self) -> None:
        await self._connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


async def connect(settings: BusSettings) -> JetStreamBus:
    """A bus at `settings.url`; waits for the server up to the settings' patience.

    Raises BusUnavailable.
    """
    connection = Connection(settings)
    await connection.open()
    return JetStreamBus(connection)
