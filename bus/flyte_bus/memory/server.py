"""What nats-server is to the real bus: the streams, buckets, consumers and endpoints of one control plane.

It can be stopped and started again like the real one: what is stored stays, and everybody who needs it
meanwhile waits. Time is an argument; whoever drives the clock by hand calls `wake` after moving it.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from flyte_bus.errors import BusError
from flyte_bus.matching import matches
from flyte_bus.memory.answerer import Answerer
from flyte_bus.memory.bucket import MemoryBucket
from flyte_bus.memory.consumer import MemoryConsumer
from flyte_bus.memory.signal import Signal
from flyte_bus.memory.stream import MemoryStream
from flyte_bus.ports import StreamRoom
from flyte_schemas.streams import BucketSpec, StreamSpec


class MemoryServer:
    """One control plane in memory. `clock` gives seconds and never goes back; `now` is the time of day."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.clock = clock
        self.now = now
        self.is_up = True
        self.changed = Signal()
        self._streams: dict[str, MemoryStream] = {}
        self._buckets: dict[str, MemoryBucket] = {}
        self._consumers: dict[tuple[str, str], MemoryConsumer] = {}
        self._answerers: dict[str, list[Answerer]] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._overdue: dict[str, bytes] = {}

    def stop(self) -> None:
        """Play an outage: until `start`, every operation waits for as long as its caller's patience."""
        self.is_up = False
        self.wake()

    def start(self) -> None:
        """End the outage."""
        self.is_up = True
        overdue, self._overdue = self._overdue, {}
        for subject, raw in overdue.items():
            self.publish_raw(subject, raw)
        self.wake()

    def close(self) -> None:
        """Forget what was to come at a time: until then the event loop would hold all this."""
        while self._timers:
            self._timers.popitem()[1].cancel()

    def wake(self) -> None:
        """Make everybody who waits look again: the clock was moved, or the server or a connection changed."""
        self.changed.ring()
        for stream in self._streams.values():
            stream.changed.ring()
        for bucket in self._buckets.values():
            bucket.wake()

    def publish_raw(self, subject: str, raw: bytes) -> int:
        """Put bytes into the stream that holds `subject`, whatever they are, and return their sequence.

        Raises BusError when none does.
        """
        stream = self.stream_of(subject)
        if stream is None:
            raise BusError(f"no stream holds {subject}: provision the bus first")
        return stream.publish(subject, raw)

    def set_timer(self, subject: str, raw: bytes, at: datetime) -> None:
        """Put bytes into the stream that holds `subject` at that time, instead of what was to come there."""
        if subject in self._timers:
            self._timers.pop(subject).cancel()
        delay_s = max((at - self.now()).total_seconds(), 0.0)
        loop = asyncio.get_running_loop()
        self._timers[subject] = loop.call_later(delay_s, self._go_off, subject, raw)

    def _go_off(self, subject: str, raw: bytes) -> None:
        del self._timers[subject]
        if self.is_up:
            self.publish_raw(subject, raw)
        else:
            self._overdue[subject] = raw

    # -- what provisioning makes --------------------------------------------------------------------------

    def define_stream(self, spec: StreamSpec) -> None:
        """Create a stream, or give an existing one this specification."""
        stream = self._streams.setdefault(spec.name, MemoryStream(spec, self.clock))
        stream.spec = spec
        self.changed.ring()

    def define_bucket(self, spec: BucketSpec) -> None:
        """Create a bucket where there is none."""
        self._buckets.setdefault(spec.name, MemoryBucket(self.clock, tells_expired=spec.tells_expired))

    def stream(self, name: str) -> MemoryStream:
        """Raises BusError when there is no such stream."""
        if name not in self._streams:
            raise BusError(f"there is no stream {name}: provision the bus first")
        return self._streams[name]

    def find_stream(self, name: str) -> MemoryStream | None:
        """The stream of this name; None before it was provisioned."""
        return self._streams.get(name)

    def stream_of(self, subject: str) -> MemoryStream | None:
        """The stream that holds a subject; None when none does."""
        for stream in self._streams.values():
            for pattern in stream.spec.subjects:
                if matches(pattern, subject):
                    return stream
        return None

    def room(self) -> dict[str, StreamRoom]:
        """How much each stream holds."""
        return {name: stream.room for name, stream in self._streams.items()}

    def bucket(self, name: str) -> MemoryBucket:
        """Raises BusError when there is no such bucket."""
        if name not in self._buckets:
            raise BusError(f"there is no bucket {name}: provision the bus first")
        return self._buckets[name]

    # -- consumers and endpoints --------------------------------------------------------------------------

    def consumer(
        self, stream: str, durable: str, subjects: Sequence[str], max_in_flight: int, ack_wait_s: float
    ) -> MemoryConsumer:
        """The durable of this name, with these settings; created when it is not there."""
        new = MemoryConsumer(self.stream(stream), subjects, max_in_flight, ack_wait_s)
        consumer = self._consumers.setdefault((stream, durable), new)
        consumer.subjects = new.subjects
        consumer.max_in_flight, consumer.ack_wait_s = max_in_flight, ack_wait_s
        return consumer

    def listen(self, answerer: Answerer) -> None:
        """Let `answerer` share the questions on its subjects."""
        self._answerers.setdefault(answerer.pattern, []).append(answerer)
        self.changed.ring()

    def unlisten(self, answerer: Answerer) -> None:
        """The end of `listen`; nothing happens when it has ended before."""
        answerers = self._answerers.get(answerer.pattern, [])
        if answerer in answerers:
            answerers.remove(answerer)

    def answerer(self, subject: str) -> Answerer | None:
        """Whose turn it is to answer; None when nobody listens."""
        for pattern, answerers in self._answerers.items():
            if answerers and matches(pattern, subject):
                answerers.append(answerers.pop(0))
                return answerers[-1]
        return None
