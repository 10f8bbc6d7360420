"""One connection to the control plane in memory."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from flyte_bus.access import Access
from flyte_bus.answers import answer
from flyte_bus.bus_measures import QuestionMeasures
from flyte_bus.errors import BusError
from flyte_bus.memory import questions
from flyte_bus.memory.answerer import Answerer
from flyte_bus.memory.inbox import MemoryInbox
from flyte_bus.memory.keyvalue import MemoryKeyValue
from flyte_bus.memory.link import Link
from flyte_bus.memory.log import MemoryLog
from flyte_bus.memory.questions import MemoryServing
from flyte_bus.memory.server import MemoryServer
from flyte_bus.meter import Meter
from flyte_bus.ports import EventLog, Handler, Inbox, KeyValue, Room, Server
from flyte_schemas.endpoints import AnswerT, AskT, Endpoint
from flyte_schemas.streams import BUCKETS, STREAMS, BucketSpec, StreamSpec

PATIENCE_S = 60.0
"""How long an operation waits for a stopped server, when nobody says otherwise."""


class MemoryBus:
    """Fills `Bus` over a `MemoryServer` that it may share with others."""

    def __init__(self, server: MemoryServer, *, patience_s: float = PATIENCE_S) -> None:
        self._link = Link(server, patience_s)
        self._log = MemoryLog(self._link)
        self._servings: list[MemoryServing] = []

    @property
    def log(self) -> EventLog:
        """See `Bus.log`."""
        return self._log

    @property
    def access(self) -> Access | None:
        """See `Bus.access`: nobody asks who uses it."""
        return None

    @property
    def meter(self) -> Meter:
        """See `Bus.meter`."""
        return self._link.meter

    async def provision(self) -> None:
        """See `Bus.provision`."""
        await self._link.reach()
        for stream in STREAMS:
            self._link.server.define_stream(stream)
        for bucket in BUCKETS:
            self._link.server.define_bucket(bucket)

    @asynccontextmanager
    async def inbox(
        self,
        stream: StreamSpec,
        durable: str,
        subjects: Sequence[str],
        *,
        max_in_flight: int = 256,
        ack_wait_s: float = 30.0,
        sizes_only: bool = False,
    ) -> AsyncIterator[Inbox]:
        """See `Bus.inbox`."""
        await self._link.reach()
        consumer = self._link.server.consumer(stream.name, durable, subjects, max_in_flight, ack_wait_s)
        inbox = MemoryInbox(self._link, consumer, sizes_only=sizes_only)
        try:
            yield inbox
        finally:
            inbox.close()

    async def serve(self, endpoint: Endpoint[AskT, AnswerT], handler: Handler[AskT, AnswerT]) -> Server:
        """See `Bus.serve`."""
        await self._link.reach()
        measures = QuestionMeasures(self.meter, endpoint.ask.__name__)
        answerer = Answerer(
            endpoint.pattern,
            lambda subject, question: answer(endpoint, handler, subject, question, measures),
        )
        serving = MemoryServing(self._link, answerer)
        self._servings.append(serving)
        return serving

    async def ask(
        self, endpoint: Endpoint[AskT, AnswerT], question: AskT, *, timeout_s: float = 10.0
    ) -> AnswerT:
        """See `Bus.ask`."""
        return await questions.ask(self._link, endpoint, question, timeout_s)

    def bucket(self, spec: BucketSpec) -> KeyValue:
        """See `Bus.bucket`."""
        return MemoryKeyValue(self._link, spec)

    async def room(self) -> Room:
        """See `Bus.room`; memory has no limit of its own."""
        await self._link.reach()
        streams = self._link.server.room()
        return Room(streams, sum(one.size_bytes for one in streams.values()), None)

    async def ended(self) -> BusError:
        """See `Bus.ended`: it never does."""
        never: asyncio.Future[BusError] = asyncio.get_running_loop().create_future()
        return await never

    async def close(self) -> None:
        """See `Bus.close`; closing twice is closing once."""
        self._link.close()
        servings, self._servings = self._servings, []
        for serving in servings:
            await serving.stop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
