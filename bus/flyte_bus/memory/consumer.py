"""A shared durable consumer: what it has handed out, and what it hands out next.

As in nats-server, a message that was sent back (`nak`) still counts as in flight until it is acknowledged,
and an acknowledgement that comes late still counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from flyte_bus.matching import matches
from flyte_bus.memory.stream import MemoryStream
from flyte_bus.ports import Entry


@dataclass(slots=True)
class _Out:
    """A message that is handed out: how often so far, and when it is due again."""

    deliveries: int
    due: float


@dataclass(frozen=True, slots=True)
class Handed:
    """A message that has just been handed out, for the n-th time."""

    entry: Entry
    deliveries: int


class MemoryConsumer:
    """The place of one durable in its stream. Times are in seconds of the server's clock."""

    def __init__(
        self, stream: MemoryStream, subjects: Sequence[str], max_in_flight: int, ack_wait_s: float
    ) -> None:
        self.stream = stream
        self.subjects = tuple(subjects)
        self.max_in_flight = max_in_flight
        self.ack_wait_s = ack_wait_s
        self._cursor = 0
        self._out: dict[int, _Out] = {}

    def take(self, now: float) -> Handed | None:
        """Hand out what is due again, or else the next message; None when nothing may go out now."""
        while (sequence := self._overdue(now)) is not None:
            entry = self.stream.at(sequence)
            if entry is not None:
                return self._hand_out(entry, now)
            del self._out[sequence]
        if len(self._out) >= self.max_in_flight:
            return None
        while self._cursor < self.stream.last_sequence:
            self._cursor += 1
            entry = self.stream.at(self._cursor)
            if entry is not None and any(matches(pattern, entry.subject) for pattern in self.subjects):
                return self._hand_out(entry, now)
        return None

    def next_due(self) -> float | None:
        """When the first of the messages that are out is due again."""
        return min((out.due for out in self._out.values()), default=None)

    def settle(self, sequence: int) -> None:
        """Acknowledged, or given up: never again."""
        if self._out.pop(sequence, None) is not None:
            self.stream.changed.ring()

    def send_back(self, sequence: int, due: float) -> None:
        """Not now: again at `due`."""
        out = self._out.get(sequence)
        if out is not None:
            out.due = due
            self.stream.changed.ring()

    def extend(self, sequence: int, now: float) -> None:
        """It is still in hand: due again when it would be, were it handed out now."""
        out = self._out.get(sequence)
        if out is not None:
            out.due = now + self.ack_wait_s

    def _overdue(self, now: float) -> int | None:
        overdue = [(out.due, sequence) for sequence, out in self._out.items() if out.due <= now]
        return min(overdue)[1] if overdue else None

    def _hand_out(self, entry: Entry, now: float) -> Handed:
        out = self._out.setdefault(entry.sequence, _Out(0, 0.0))
        out.deliveries += 1
        out.due = now + self.ack_wait_s
        return Handed(entry, out.deliveries)
