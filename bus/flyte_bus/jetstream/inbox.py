"""A standing pull: one inbox, one outstanding request, asked again at half.

nats-py's own `fetch` makes a request and waits for its end; this keeps the server pushing into one
subscription for as long as the inbox is open, and is several times faster.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from functools import cached_property

import orjson
from nats.aio.msg import Msg

from flyte_bus.errors import BusError
from flyte_bus.facts import Facts
from flyte_bus.jetstream.connection import Connection
from flyte_bus.jetstream.contents import content_of
from flyte_bus.ports import Entry
from flyte_schemas.streams import StreamSpec

log = Facts(__name__)

NANOSECONDS = 1_000_000_000
PULL_EXPIRES_S = 20
"""A pull request ends by itself after so long, and is made again."""
SIZE_HEADER = "Nats-Msg-Size"
"""How large a message is of which only headers are sent."""
MOST_AHEAD = 256
"""How many messages are asked for ahead of whoever iterates, whatever may be in flight."""


class JetStreamDelivery:
    """One message, to be acknowledged; its content is decoded when somebody looks at it."""

    def __init__(self, connection: Connection, message: Msg, stream: str) -> None:
        self._connection = connection
        self._reply = message.reply
        self.is_settled = False
        """Whether its fate was told to the server."""
        self.deliveries, self._sequence = _positions(message.reply)
        self.size_bytes = int((message.headers or {}).get(SIZE_HEADER, len(message.data)))
        self.subject = message.subject
        self._stream, self._raw = stream, message.data

    @cached_property
    def entry(self) -> Entry:
        """See `Delivery.entry`."""
        return Entry(self._stream, self.subject, self._sequence, content_of(self._raw), self._raw)

    async def ack(self) -> None:
        await self._settle(b"+ACK")

    async def working(self) -> None:
        if not self.is_settled:
            await self._connection.publish(self._reply, b"+WPI")

    async def nak(self, delay_s: float = 0.0) -> None:
        delay = orjson.dumps({"delay": int(delay_s * NANOSECONDS)})
        await self._settle(b"-NAK " + delay if delay_s > 0 else b"-NAK")

    async def term(self, reason: str) -> None:
        await self._settle(b"+TERM " + reason.encode()[:200])

    async def _settle(self, word: bytes) -> None:
        await self._connection.publish(self._reply, word)
        self.is_settled = True


def _positions(reply: str) -> tuple[int, int]:
    """Delivery count and stream sequence from an acknowledgement subject, of the first or second form."""
    tokens = reply.split(".")
    at = 4 if len(tokens) == 9 else 6
    return int(tokens[at]), int(tokens[at + 1])


class JetStreamInbox:
    """The port `Inbox`; use it as a context manager."""

    def __init__(
        self,
        connection: Connection,
        stream: StreamSpec,
        durable: str,
        subjects: Sequence[str],
        *,
        max_in_flight: int,
        ack_wait_s: float,
        sizes_only: bool = False,
    ) -> None:
        self._connection = connection
        self._stream = stream
        self._durable = durable
        self._ahead = min(max_in_flight, MOST_AHEAD)
        self._config = {
            "durable_name": durable,
            "name": durable,
            "ack_policy": "explicit",
            "deliver_policy": "all",
            "ack_wait": int(ack_wait_s * NANOSECONDS),
            "max_ack_pending": max_in_flight,
            "max_deliver": -1,
            "filter_subjects": list(subjects),
            "headers_only": sizes_only,
        }
        self._queue: deque[JetStreamDelivery] = deque()
        self._wake = asyncio.Event()
        self._in_hand: JetStreamDelivery | None = None
        """The last that was given out; not settled at the end of the inbox, it goes back at once."""
        self._outstanding = 0
        self._is_stale = True
        """Whether the consumer must be looked after before the next request: first use, or a return."""

    async def __aenter__(self) -> "JetStreamInbox":
        self._forget = self._connection.on_return(self._on_return)
        self._inbox = self._connection.client.new_inbox()
        self._subscription = await self._connection.subscribe(self._inbox, self._on_message)
        await self._ensure_consumer()
        self._is_stale = False
        await self._pull()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._forget()
        await self._connection.drain(self._subscription)  # what is on its way here must go back, too
        unsettled = [
            each for each in (self._in_hand, *self._queue) if each is not None and not each.is_settled
        ]
        self._in_hand = None
        self._queue.clear()
        for delivery in unsettled:
            if not self._connection.is_closed:
                await delivery.nak()

    async def __aiter__(self) -> AsyncIterator[JetStreamDelivery]:
        while not self._connection.is_closed:
            self._wake.clear()  # before we look: what comes while we ask the server counts
            if self._is_stale:
                self._is_stale = False
                self._outstanding = 0
                await self._ensure_consumer()
            await self._pull()
            if self._queue:
                self._in_hand = self._queue.popleft()
                yield self._in_hand
                continue
            try:
                async with asyncio.timeout(PULL_EXPIRES_S + 5):
                    await self._wake.wait()
            except TimeoutError:
                self._is_stale = True  # the request was lost on the way

    async def _pull(self) -> None:
        room = self._ahead - self._outstanding - len(self._queue)
        if room * 2 < self._ahead:
            return
        request = {"batch": room, "expires": PULL_EXPIRES_S * NANOSECONDS}
        self._outstanding += room
        await self._connection.publish(
            f"$JS.API.CONSUMER.MSG.NEXT.{self._stream.name}.{self._durable}",
            orjson.dumps(request),
            reply=self._inbox,
        )

    async def _ensure_consumer(self) -> None:
        body = {"stream_name": self._stream.name, "config": self._config, "action": ""}
        answer = await self._connection.api(f"CONSUMER.CREATE.{self._stream.name}.{self._durable}", body)
        if (error := answer.get("error")) is not None and not self._connection.is_closed:
            raise BusError(f"consumer {self._durable}: {error.get('description')}")

    async def _on_message(self, message: Msg) -> None:
        headers = message.headers or {}
        status = headers.get("Status")
        if status is None or not message.reply:
            if message.reply:
                self._outstanding = max(0, self._outstanding - 1)
                self._queue.append(JetStreamDelivery(self._connection, message, self._stream.name))
        elif status == "100":
            return
        if status is not None:
            self._on_status(status, headers)
        self._wake.set()

    def _on_status(self, status: str, headers: dict[str, str]) -> None:
        description = headers.get("Description", "")
        if status in ("404", "408") or "Pending" in description:
            left = int(headers.get("Nats-Pending-Messages", str(self._outstanding)))
            self._outstanding = max(0, self._outstanding - left)
        else:  # 409: the consumer was deleted or changed hands; 503: nobody serves it now
            log.info("bus.inbox.interrupted", durable=self._durable, status=status, description=description)
            self._is_stale = True

    def _on_return(self) -> None:
        self._is_stale = True
        self._wake.set()
