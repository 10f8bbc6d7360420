"""One stream in memory: messages in order, the ids seen lately, and the limits of its specification."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from flyte_bus.errors import Conflict, StreamFull
from flyte_bus.matching import is_literal, matcher
from flyte_bus.memory.signal import Signal
from flyte_bus.ports import Entry, StreamRoom
from flyte_schemas.envelope import AnyEvent, Malformed, decode
from flyte_schemas.streams import StreamSpec


@dataclass(frozen=True, slots=True)
class _Kept:
    """A message and when it came."""

    entry: Entry
    at: float


class MemoryStream:
    """The messages of one stream. Sequences have no holes: what goes, goes from the front."""

    def __init__(self, spec: StreamSpec, clock: Callable[[], float]) -> None:
        self.spec = spec
        self.changed = Signal()
        self.last_sequence = 0
        self._clock = clock
        self._kept: list[_Kept] = []
        self._size_bytes = 0
        self._by_subject: dict[str, list[int]] = {}
        self._ids: dict[tuple[str, str], tuple[int, float]] = {}

    def publish(self, subject: str, raw: bytes, *, id: str | None = None, expected: int | None = None) -> int:
        """Append one message and return its sequence; that of the first copy when `id` was seen lately on
        this subject.

        Raises Conflict; StreamFull.
        """
        now = self._clock()
        self._forget(now)
        if expected is not None and expected != self.last_on(subject):
            return self._own_copy(subject, id, raw, expected)
        if id is not None and (subject, id) in self._ids:
            return self._ids[subject, id][0]
        self._make_room(len(raw))
        self.last_sequence += 1
        entry = Entry(self.spec.name, subject, self.last_sequence, _content(raw), raw)
        self._kept.append(_Kept(entry, now))
        self._size_bytes += len(raw)
        self._by_subject.setdefault(subject, []).append(self.last_sequence)
        if id is not None:
            self._ids[subject, id] = (self.last_sequence, now)
        self.changed.ring(subject)
        return self.last_sequence

    @property
    def room(self) -> StreamRoom:
        """How much it holds."""
        return StreamRoom(len(self._kept), self._size_bytes, self.spec.max_size_bytes)

    def between(self, pattern: str, after: int, upto: int) -> Iterator[Entry]:
        """The messages that match, with `after` < sequence ≤ `upto`, in order."""
        self._forget(self._clock())
        if is_literal(pattern):
            sequences = self._by_subject.get(pattern, [])
            for sequence in sequences[bisect_right(sequences, after) : bisect_right(sequences, upto)]:
                yield self._kept[self._place(sequence)].entry
            return
        is_meant = matcher(pattern)
        for kept in self._kept[max(self._place(after + 1), 0) : max(self._place(upto + 1), 0)]:
            if is_meant(kept.entry.subject):
                yield kept.entry

    def at(self, sequence: int) -> Entry | None:
        """The message at a sequence; None when it is gone, or has yet to come."""
        self._forget(self._clock())
        place = self._place(sequence)
        return self._kept[place].entry if 0 <= place < len(self._kept) else None

    def last_on(self, subject: str) -> int:
        """The last sequence on one subject; 0 when there is none."""
        sequences = self._by_subject.get(subject)
        return sequences[-1] if sequences else 0

    def sequence_at(self, at: float) -> int:
        """The sequence of the last message that came before this time of the clock."""
        young = bisect_left(self._kept, at, key=lambda kept: kept.at)
        return self.last_sequence - len(self._kept) + young

    def _own_copy(self, subject: str, id: str | None, raw: bytes, expected: int) -> int:
        """The sequence of what follows `expected`, if it is the first copy of the same event; or Conflict.

        Bytes without an id are the same if they are equal.
        """
        entry = next(self.between(subject, expected, self.last_sequence), None)
        if entry is not None and (entry.raw == raw if id is None else _id_of(entry) == id):
            return entry.sequence
        raise Conflict(subject, expected)

    def _place(self, sequence: int) -> int:
        first = self.last_sequence - len(self._kept) + 1
        return sequence - first

    def _make_room(self, size_bytes: int) -> None:
        limit = self.spec.max_size_bytes
        if limit is None or self._size_bytes + size_bytes <= limit:
            return
        if self.spec.refuse_when_full:
            raise StreamFull(f"{self.spec.name} holds {self._size_bytes} bytes, and its limit is {limit}")
        gone, freed = 0, 0
        while gone < len(self._kept) and self._size_bytes - freed + size_bytes > limit:
            freed += len(self._kept[gone].entry.raw)
            gone += 1
        self._drop(gone)

    def _forget(self, now: float) -> None:
        """Let go of messages over their age, and of ids that have left the window."""
        while self._ids:
            oldest = next(iter(self._ids))
            if now - self._ids[oldest][1] < self.spec.dedupe_window_s:
                break
            del self._ids[oldest]
        age = self.spec.max_age_s
        if age is not None and self._kept and now - self._kept[0].at >= age:
            young = (place for place, kept in enumerate(self._kept) if now - kept.at < age)
            self._drop(next(young, len(self._kept)))

    def _drop(self, count: int) -> None:
        """Remove the first `count` messages."""
        for kept in self._kept[:count]:
            self._size_bytes -= len(kept.entry.raw)
            sequences = self._by_subject[kept.entry.subject]
            sequences.pop(0)
            if not sequences:
                del self._by_subject[kept.entry.subject]
        del self._kept[:count]


def _id_of(entry: Entry) -> str | None:
    return None if isinstance(entry.content, Malformed) else entry.content.id


def _content(raw: bytes) -> AnyEvent | Malformed:
    try:
        return decode(raw)
    except Malformed as error:
        return error
