"""Pulling from a shared consumer in memory."""

from collections.abc import AsyncIterator

from flyte_bus.memory.consumer import Handed, MemoryConsumer
from flyte_bus.memory.link import Link
from flyte_bus.ports import Delivery, Entry
from flyte_schemas.envelope import Malformed

NOTHING = Malformed("only its size was sent")


class MemoryDelivery:
    """Fills `Delivery`."""

    def __init__(self, link: Link, consumer: MemoryConsumer, handed: Handed, *, bare: bool) -> None:
        self._bare = bare
        self._link = link
        self._consumer = consumer
        self._handed = handed
        self._is_settled = False

    @property
    def entry(self) -> Entry:
        entry = self._handed.entry
        return Entry(entry.stream, entry.subject, entry.sequence, NOTHING, b"") if self._bare else entry

    @property
    def subject(self) -> str:
        """See `Delivery.subject`."""
        return self._handed.entry.subject

    @property
    def deliveries(self) -> int:
        """See `Delivery.deliveries`."""
        return self._handed.deliveries

    @property
    def size_bytes(self) -> int:
        """See `Delivery.size_bytes`."""
        return len(self._handed.entry.raw)

    @property
    def is_settled(self) -> bool:
        """See `Delivery.is_settled`."""
        return self._is_settled

    async def working(self) -> None:
        """See `Delivery.working`."""
        await self._link.reach()
        self._consumer.extend(self.entry.sequence, self._link.server.clock())

    async def ack(self) -> None:
        """See `Delivery.ack`."""
        await self._link.reach()
        self._consumer.settle(self.entry.sequence)
        self._is_settled = True

    async def nak(self, delay_s: float = 0.0) -> None:
        """See `Delivery.nak`."""
        await self._link.reach()
        self._consumer.send_back(self.entry.sequence, self._link.server.clock() + delay_s)
        self._is_settled = True

    async def term(self, reason: str) -> None:
        """See `Delivery.term`; the reason is for the server's own records, and there are none here."""
        await self._link.reach()
        self._consumer.settle(self.entry.sequence)
        self._is_settled = True


class MemoryInbox:
    """Fills `Inbox`; `close` ends its iterators."""

    def __init__(self, link: Link, consumer: MemoryConsumer, *, sizes_only: bool = False) -> None:
        self._sizes_only = sizes_only
        self._link = link
        self._consumer = consumer
        self._is_open = True
        self._in_hand: MemoryDelivery | None = None

    async def __aiter__(self) -> AsyncIterator[Delivery]:
        clock, changed = self._link.server.clock, self._consumer.stream.changed
        while await self._link.outlast() and self._is_open:
            handed = self._consumer.take(clock())
            if handed is not None:
                self._in_hand = MemoryDelivery(self._link, self._consumer, handed, bare=self._sizes_only)
                yield self._in_hand
                continue
            due = self._consumer.next_due()
            await self._link.wait(changed, None if due is None else max(due - clock(), 0.0))

    def close(self) -> None:
        """The last that was given out and not settled goes back at once."""
        self._is_open = False
        if self._in_hand is not None and not self._in_hand.is_settled and self._link.is_there:
            self._consumer.send_back(self._in_hand.entry.sequence, self._link.server.clock())
        self._consumer.stream.changed.ring()
