"""The ports of the bus: what services and clients may rely on, whoever fills them.

Sequences are positions in a stream, counted from 1; 0 stands before the first. Times are in seconds.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

from flyte_bus.access import Access
from flyte_bus.errors import BusError
from flyte_bus.meter import Meter
from flyte_schemas.endpoints import AnswerT, AskT, Endpoint
from flyte_schemas.envelope import AnyEvent, Malformed
from flyte_schemas.streams import BucketSpec, StreamSpec


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of a stream: where it stands, and what it says (or why nobody can read it)."""

    stream: str
    subject: str
    sequence: int
    content: AnyEvent | Malformed
    raw: bytes


class EventLog(Protocol):
    """The streams: append, read what is there, follow what comes.

    A stream that no service has made yet is like a bus that is away: waited for, within the patience.
    """

    async def append(self, event: AnyEvent, *, expected: int | None = None) -> int:
        """Append `event` to its subject and return its sequence, once the server has acknowledged it.

        With `expected`, only if the last message on that subject has this sequence (0: there is none).
        The event's id dedupes: the same id on one subject is written once within the stream's window, and the
        sequence of the first copy is returned. Who uses it on another subject keeps nobody's event out.

        Raises Conflict; TooLarge; StreamFull; BusUnavailable when the bus stays away for the bus's patience.
        """
        ...

    async def copy(self, subject: str, raw: bytes, *, expected: int) -> int:
        """Append bytes as some log had them, an event or not, and return their sequence.

        Only if the last message on that subject has the sequence `expected` (0: there is none); the same
        bytes in the place after it are this copy. Raises as `append` does.
        """
        ...

    async def append_at(self, event: AnyEvent, *, at: datetime) -> None:
        """Have the server append `event` to its subject at that time, or at once when it is past.

        Only for `flyte.timer.due.…`. There is one such timer a subject: set again, the last one counts. It is
        the server's, and outlasts everybody's restart. Raises as `append` does.
        """
        ...

    def read(self, stream: StreamSpec, subject: str, *, after: int = 0) -> AsyncGenerator[Entry]:
        """What is in the log now, in order: messages on `subject` (wildcards allowed) after `after`."""
        ...

    def follow(self, stream: StreamSpec, subject: str, *, after: int = 0) -> AsyncGenerator[Entry]:
        """The same, and then what comes, for ever; resumes by itself after a lost connection.

        Nothing is left out and nothing comes twice: a gap is noticed and filled from the stream. The order
        is the stream's; where a gap had to be filled, still the order of each subject. Only for streams that
        are republished. Close the iterator (`contextlib.aclosing`) to stop.
        """
        ...

    def follow_in_order(self, stream: StreamSpec, subject: str, *, after: int = 0) -> AsyncGenerator[Entry]:
        """As `follow`, and always in the stream's order: who has an entry has had all that came before it.

        So its sequence is a place to go on from, also of a part of the stream. It holds nothing for a reader
        who is slow, but reads when he asks for more.
        """
        ...

    async def last(self, stream: StreamSpec, subject: str) -> Entry | None:
        """The last message on one subject (no wildcards)."""
        ...

    async def sequence_at(self, stream: StreamSpec, at: datetime) -> int:
        """The sequence of the last message that the stream had before this time, by the server's clock."""
        ...

    async def last_sequence(self, stream: StreamSpec) -> int:
        """The sequence of the last message in the stream; 0 when it is empty."""
        ...


class Delivery(Protocol):
    """One message handed to one consumer, until it is acknowledged."""

    @property
    def entry(self) -> Entry: ...

    @property
    def subject(self) -> str:
        """The entry's, without a look at its content."""
        ...

    @property
    def deliveries(self) -> int:
        """How many times it was handed out, this time included."""
        ...

    @property
    def size_bytes(self) -> int:
        """The size of the message, also where its content was not sent along."""
        ...

    @property
    def is_settled(self) -> bool:
        """Whether its fate was told to the server."""
        ...

    async def ack(self) -> None:
        """Done: it is not delivered again."""
        ...

    async def working(self) -> None:
        """Not yet: the time in which it has to be acknowledged begins anew."""
        ...

    async def nak(self, delay_s: float = 0.0) -> None:
        """Not now: deliver it again after `delay_s`."""
        ...

    async def term(self, reason: str) -> None:
        """Never again: nobody can make sense of it."""
        ...


class Inbox(Protocol):
    """A standing pull from a shared durable consumer: each message goes to one of those who pull."""

    def __aiter__(self) -> AsyncIterator[Delivery]: ...


class Server(Protocol):
    """An endpoint that is being served."""

    async def stop(self, *, grace_s: float = 0.0) -> None:
        """Take no more questions; those that were taken may be answered within `grace_s`."""
        ...


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """A key's value and the revision that wrote it; `value` None: the key was deleted or has expired."""

    key: str
    value: bytes | None
    revision: int


class KeyValue(Protocol):
    """A bucket of keys. Keys are subject tokens joined by dots; a time to live is whole seconds, from 1."""

    async def get(self, key: str) -> KeyEntry | None:
        """The key's entry; None when there is none, or it was deleted or has expired."""
        ...

    async def put(self, key: str, value: bytes, *, ttl_s: int | None = None) -> int:
        """Write, whatever was there; return the revision."""
        ...

    async def create(self, key: str, value: bytes, *, ttl_s: int | None = None) -> int:
        """Write only if the key is not there now. Raises Conflict."""
        ...

    async def update(self, key: str, value: bytes, *, revision: int, ttl_s: int | None = None) -> int:
        """Write only if `revision` is the last. Raises Conflict."""
        ...

    async def delete(self, key: str) -> None:
        """Remove the key; nothing happens when it is not there."""
        ...

    def watch(self, keys: str = ">") -> AsyncGenerator[KeyEntry]:
        """The matching keys that exist now, then every change: writes, deletions, expiries (`value` None)."""
        ...


@dataclass(frozen=True, slots=True)
class StreamRoom:
    """How much a stream holds, and how much it may hold at most, if that is limited."""

    messages: int
    size_bytes: int
    limit_bytes: int | None


@dataclass(frozen=True, slots=True)
class Room:
    """How much our streams and buckets hold, by name, and all that the server keeps for us."""

    streams: Mapping[str, StreamRoom]
    size_bytes: int
    limit_bytes: int | None


Handler = Callable[[AskT], Awaitable[AnswerT]]


@dataclass(frozen=True, slots=True)
class PassedOn:
    """A question goes on to the subject `to` with this body; its answers go straight to who asked."""

    to: str
    body: bytes


@dataclass(frozen=True, slots=True)
class TurnedDown:
    """A question goes nowhere; who asked is told why, and gets `answer`."""

    reason: str
    answer: bytes = b""


@dataclass(frozen=True, slots=True)
class EndAsked:
    """Who asked is told where a stream ends, and nothing of what it holds."""

    stream: str


Decide = Callable[[str, str, bytes], PassedOn | TurnedDown | EndAsked]
"""Says what becomes of a question: by its subject, where its answer is to go, and its body."""


class Relaying(Protocol):
    """What a bus with a server has besides."""

    async def relay(self, pattern: str, decide: Decide) -> Server:
        """Let `decide` say what becomes of what is asked on the subjects of `pattern`; several share it."""
        ...

    async def last_read(self, stream: str) -> int:
        """The sequence of a stream's last message, for who may pass questions on. Raises BusError."""
        ...


class Bus(Protocol):
    """A connection to the control plane."""

    @property
    def log(self) -> EventLog: ...

    @property
    def access(self) -> Access | None:
        """Who we are, where the credentials of this connection say so."""
        ...

    @property
    def meter(self) -> Meter:
        """What is counted on this connection; who works on it counts there too."""
        ...

    async def provision(self) -> None:
        """Create the streams and buckets of `flyte_schemas.streams`, or bring existing ones up to date."""
        ...

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
        """Pull from the shared consumer `durable`, which is created when it is not there.

        At most `max_in_flight` messages are out at a time without acknowledgement, over all who pull; one
        that is not acknowledged within `ack_wait_s` is delivered again. With `sizes_only` the server keeps
        the content to itself: of each message there are its subject, its place and its size.
        """
        ...

    async def serve(self, endpoint: Endpoint[AskT, AnswerT], handler: Handler[AskT, AnswerT]) -> Server:
        """Answer questions; several servers of one endpoint share them.

        A handler's `Refusal` goes to the asker as such; any other exception as a failure of kind `system`.
        """
        ...

    async def ask(
        self, endpoint: Endpoint[AskT, AnswerT], question: AskT, *, timeout_s: float = 10.0
    ) -> AnswerT:
        """Ask, and wait for the answer; asks again while nobody listens, until `timeout_s` is over.

        Raises NoAnswer, or the Refusal that the handler raised.
        """
        ...

    def bucket(self, spec: BucketSpec) -> KeyValue: ...

    async def room(self) -> Room:
        """How much is stored now. Raises BusUnavailable."""
        ...

    async def ended(self) -> BusError:
        """Return why the server ended the connection for good, when it does: credentials expire."""
        ...

    async def close(self) -> None:
        """End the connection; followers and inboxes end with it."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
