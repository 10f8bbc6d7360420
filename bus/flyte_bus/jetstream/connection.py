"""One connection to nats-server: requests that outlast an outage, and a signal when it came back.

nats-py reconnects by itself and for ever; what it lost meanwhile is ours to notice. Whoever holds a
subscription registers with `on_return` and reads the log again from where it stood.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import nats.errors
import orjson
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from flyte_bus.bus_measures import ConnectionMeasures
from flyte_bus.errors import BusError, BusUnavailable, NotAllowed, NotStored, StreamFull, TooLarge
from flyte_bus.facts import Facts
from flyte_bus.jetstream.client import Answer, Client, Denied, NoTls, Take, status
from flyte_bus.jetstream.codes import FULL, PASSING
from flyte_bus.jetstream.handshake import context_of, options_of, said_of
from flyte_bus.jetstream.patience import Patience
from flyte_bus.jetstream.standing import Standing
from flyte_bus.meter import Meter
from flyte_bus.settings import BusSettings

log = Facts(__name__)

TRY_TIMEOUT_S = 4.0
"""How long one try of a request waits for its answer."""
RECONNECT_PAUSE_S = 0.2
"""Between two tries to reach a server that went away."""
PING_EVERY_S = 5
"""A server that leaves two of these unanswered is taken for gone, and the next one is tried."""
PENDING_OUT_BYTES = 64 * 1024**2
"""How much may wait in this process for a server that is away."""

_AWAY = (
    nats.errors.NoRespondersError,
    nats.errors.TimeoutError,
    nats.errors.ConnectionReconnectingError,
    nats.errors.StaleConnectionError,
    nats.errors.OutboundBufferLimitError,
    nats.errors.FlushTimeoutError,
    ConnectionError,
)


class Connection:
    """A NATS client with our notions of patience and return."""

    def __init__(self, settings: BusSettings) -> None:
        self.settings = settings
        self.client = Client()
        self.meter = Meter(settings.name.removeprefix("flyte-"))
        self._measures = ConnectionMeasures(self.meter)
        self._last_error = ""
        self._is_open = False
        self._is_refused = False
        self._listeners: set[Callable[[], None]] = set()
        self._ending: asyncio.Task[None] | None = None
        self.standing = Standing(has_credentials=settings.security.has_credentials)
        self.is_closed = False

    async def open(self) -> None:
        """Connect; keep trying for the settings' patience.

        Raises BusUnavailable, NotAllowed, and BusError for files of the settings that do not hold what they
        should.
        """
        options, self.standing.access = options_of(self.settings)
        self.client.on_denied = self.standing.deny
        self.client.wants_tls = self.settings.wants_tls
        if self.settings.wants_tls:
            self.client.tls = context_of(self.settings)
            options["tls"] = self.client.tls.current
        if self.settings.security.wallet is not None:
            self.settings.security.wallet.on_exchange(self._come_again)
        try:
            async with asyncio.timeout(self.settings.patience_s):
                await self.client.connect(
                    self.settings.servers,
                    name=self.settings.name,
                    connect_timeout=int(max(1, self.settings.connect_timeout_s)),
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=RECONNECT_PAUSE_S,  # type: ignore[arg-type]
                    pending_size=PENDING_OUT_BYTES,
                    ping_interval=PING_EVERY_S,
                    error_cb=self._on_error,
                    disconnected_cb=self._on_disconnected,
                    reconnected_cb=self._on_reconnected,
                    closed_cb=self._on_closed,
                    **options,
                )
        except (TimeoutError, nats.errors.Error, OSError) as error:
            await self.close()
            reason = self._last_error or str(error) or "no answer"
            if self._is_refused and self.settings.security.has_credentials:
                raise self.standing.not_let_in(reason) from error
            raise BusUnavailable(f"cannot reach NATS at {self.settings.shown_url}: {reason}") from error
        self._is_open = True

    async def _come_again(self) -> None:
        """Our credentials were exchanged for later ones: have the server let us in by these."""
        _, self.standing.access = options_of(self.settings)
        await self.client.force_reconnect()

    async def close(self) -> None:
        """Close for good; listeners are called once more, to see it."""
        self.is_closed = True
        if not self.client.is_closed:
            try:
                await self.client.close()
            except (nats.errors.Error, OSError) as error:  # the server went away before us
                log.debug("bus.connection.error", error=str(error))
        await self._end_reconnecting()
        self.client.interrupt()
        self._notify()

    async def _end_reconnecting(self) -> None:
        """See to it that nats-py stops looking for its server.

        Before Python 3.12 `wait_for`, which it uses there, may lose a cancellation; it then goes on for ever,
        and so would the end of the event loop.
        """
        task = self.client._reconnection_task
        while task is not None and not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=0.1)

    def on_return(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after each reconnect, after dropped messages, and at close; returns the undo."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    async def request(
        self,
        subject: str,
        payload: bytes,
        headers: dict[str, str] | None = None,
        *,
        patience_s: float | None = None,
    ) -> Answer:
        """Ask until answered: the answer must be the same however often the question arrives.

        Raises BusUnavailable after the patience, NotAllowed, TooLarge when the server takes no such message.
        """
        limit_s = self.settings.patience_s if patience_s is None else patience_s
        patience = Patience(limit_s)
        while True:
            try:
                return await self.try_once(
                    subject, payload, headers, timeout_s=max(0.01, min(TRY_TIMEOUT_S, patience.left_s))
                )
            except nats.errors.MaxPayloadError as error:
                raise TooLarge(
                    f"{subject}: {len(payload)} bytes are more than one message may hold"
                ) from error
            except nats.errors.ConnectionClosedError as error:
                raise self.standing.closed() from error
            except _AWAY as error:
                if not patience.left_s:
                    raise BusUnavailable(
                        f"no answer from NATS at {self.settings.shown_url} within {limit_s:g} s"
                    ) from error
            await patience.pause()

    async def try_once(
        self, subject: str, payload: bytes, headers: dict[str, str] | None = None, *, timeout_s: float
    ) -> Answer:
        """One try of a request. Raises what nats-py raises, and NotAllowed.

        Raises ConnectionResetError as soon as the connection came back from an outage: what was on its way
        then may be lost, and it is better to ask again than to wait.
        """
        try:
            return await self.client.ask(subject, payload, headers, timeout_s=timeout_s)
        except Denied as denied:
            raise self.standing.not_allowed(denied) from denied

    @property
    def is_guarded(self) -> bool:
        """Whether we read by way of the guard."""
        return self.standing.access is not None and self.standing.access.is_guarded

    async def api(self, verb: str, body: dict[str, Any]) -> dict[str, Any]:
        """A call of the JetStream API; as `ask_api`."""
        return await self.ask_api(f"$JS.API.{verb}", body)

    async def ask_api(self, subject: str, body: dict[str, Any]) -> dict[str, Any]:
        """Ask for something as the JetStream API answers it; the answer as it came, `error` included.

        What a cluster cannot say between two leaders is asked again, within the settings' patience.
        """
        patience = Patience(self.settings.patience_s)
        while True:
            answer = as_object((await self.request(subject, orjson.dumps(body))).data)
            if answer.get("error", {}).get("err_code") not in PASSING or not patience.left_s:
                return answer
            await patience.pause()

    async def write(self, subject: str, payload: bytes, headers: dict[str, str] | None) -> dict[str, Any]:
        """Have a stream store a message; its acknowledgement or its refusal, as it came.

        What is over by itself soon is waited for; so is room, where the settings say so. Raises StreamFull,
        and what `request` raises.
        """
        patience, told = Patience(self.settings.patience_s), False
        while True:
            answer = as_object((await self._ask_to_store(subject, payload, headers)).data)
            error = answer.get("error", {})
            code, reason = error.get("err_code"), error.get("description")
            if code in FULL:
                self._measures.full.value += 1
                if not self.settings.waits_for_room or not patience.left_s:
                    raise StreamFull(f"{subject}: {reason}")
                if not told:
                    log.error("bus.stream.full", subject=subject, reason=reason)
                    told = True
            elif code not in PASSING:
                if told:
                    log.info("bus.stream.has_room", subject=subject)
                return answer
            elif not patience.left_s:
                raise BusUnavailable(f"{subject}: NATS at {self.settings.shown_url} says: {reason}")
            await patience.pause()

    async def _ask_to_store(self, subject: str, payload: bytes, headers: dict[str, str] | None) -> Answer:
        try:
            return await self.request(subject, payload, headers)
        except BusUnavailable as error:
            if not self.client.is_connected:
                raise
            raise NotStored(
                f"NATS at {self.settings.shown_url} is there, and has stored nothing for "
                f"{self.settings.patience_s:g} s: "
                "its disk may be full, or most of its cluster away; its log says which"
            ) from error

    async def last_message(self, stream: str, subject: str) -> Answer | None:
        """The last message of a subject; None when there is none."""
        patience = Patience(self.settings.patience_s)
        while True:
            answer = await self.request(f"$JS.API.DIRECT.GET.{stream}.{subject}", b"")
            headers = answer.headers
            if "Nats-Sequence" in headers:
                return answer
            if status(answer.head) == "404":
                return None
            if not patience.left_s:
                said = answer.head[9:].decode("utf-8", "replace").strip()
                raise BusUnavailable(f"{stream} could not be read: {said or 'no answer'}")
            await patience.pause()

    async def publish(
        self, subject: str, payload: bytes, reply: str = "", headers: dict[str, str] | None = None
    ) -> None:
        """Send without waiting; what is sent while the server is away goes out when it returns."""
        try:
            await self.client.publish(subject, payload, reply=reply, headers=headers)
        except (nats.errors.ConnectionClosedError, nats.errors.ConnectionDrainingError) as error:
            raise self.standing.closed() from error
        except nats.errors.OutboundBufferLimitError as error:
            raise BusUnavailable("too much waits for a NATS server that is away") from error

    async def subscribe(
        self, subject: str, callback: Callable[[Msg], Awaitable[None]], *, queue: str = ""
    ) -> Subscription:
        """Subscribe, and be sure the server knows before this returns (when it can be reached)."""
        return await self._known_to_server(subject, self.client.subscribe(subject, queue=queue, cb=callback))

    async def subscribe_straight(self, subject: str, take: Take) -> Subscription:
        """As `subscribe`, for `take` of `Client.subscribe_straight`."""
        return await self._known_to_server(subject, self.client.subscribe_straight(subject, take))

    async def _known_to_server(self, subject: str, subscribing: Awaitable[Subscription]) -> Subscription:
        """The subscription, once the server has it. Raises NotAllowed where it does not take it."""
        denials: list[NotAllowed] = []
        forget = self.standing.on_denied(subject, denials.append)
        try:
            subscription = await subscribing
            try:
                await self._flush()
                if denials:
                    raise denials[0]
            except BaseException:
                await self.unsubscribe(subscription)
                raise
            return subscription
        except nats.errors.ConnectionClosedError as error:
            raise self.standing.closed() from error
        finally:
            forget()

    async def _flush(self) -> None:
        """Return when the server has what was sent to it; or when it went away: then that is sent again."""
        if not self.client.is_connected:
            return
        cancelled = _cancellations()
        try:
            await self.client.flush(timeout=int(TRY_TIMEOUT_S))
        except (*_AWAY, nats.errors.ConnectionClosedError):
            pass
        if _cancellations() > cancelled:  # `wait_for` has lost it
            raise asyncio.CancelledError

    async def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription; quiet when the connection is gone."""
        try:
            await subscription.unsubscribe()
        except nats.errors.Error:
            pass

    async def drain(self, subscription: Subscription) -> None:
        """End a subscription after all that the server has sent to it; quiet when the connection is gone."""
        if not self.client.is_connected:  # nothing is on its way
            return await self.unsubscribe(subscription)
        try:
            async with asyncio.timeout(TRY_TIMEOUT_S):
                await subscription.drain()  # type: ignore[no-untyped-call]
        except (*_AWAY, TimeoutError, nats.errors.Error):
            await self.unsubscribe(subscription)
        return None

    async def _on_error(self, error: Exception) -> None:
        text = said_of(error) or str(error) or type(error).__name__
        log.debug("bus.connection.error", error=text)
        if not self._is_refused:
            self._last_error = text
        if not self._is_open and (isinstance(error, ssl.SSLError | NoTls) or "authorization" in text.lower()):
            self._is_refused = True
            self.client.options["allow_reconnect"] = False  # the next try would be refused as well
        if isinstance(error, nats.errors.SlowConsumerError):
            self._notify()
        if self._is_open and self.standing.is_last_refusal(text):
            self._put_out(text)

    async def _on_closed(self) -> None:
        """nats-py gave up: the server ended the connection, and would again."""
        if self._is_open:
            self._put_out(str(self.client.last_error or ""))

    def _put_out(self, said: str) -> None:
        """No more of this connection: whoever waits for anything, or comes, is told so."""
        if not self.is_closed:
            self.client.interrupt(self.standing.put_out(said, self.settings.shown_url))
            self._ending = asyncio.create_task(self.close())  # not here: this may be nats-py's own task

    async def _on_disconnected(self) -> None:
        if not self.is_closed:
            log.warning("bus.connection.lost", server=self.settings.shown_url)

    async def _on_reconnected(self) -> None:
        self._measures.reconnects.value += 1
        self.standing.let_in()
        log.info("bus.connection.restored", server=self.settings.shown_url)
        self.client.interrupt()
        self._notify()

    def _notify(self) -> None:
        for listener in tuple(self._listeners):
            listener()


def _cancellations() -> int:
    """How often the running task was asked to stop."""
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()


def as_object(raw: bytes) -> dict[str, Any]:
    """A JSON object from the server. Raises BusError for anything else."""
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BusError(f"NATS answered something that is not JSON: {raw[:80]!r}") from error
    if not isinstance(document, dict):
        raise BusError(f"NATS answered something that is not an object: {raw[:80]!r}")
    return document
