"""What every service process is made of: its life, its background loops, its log, its signals.

A service is built by its own `app.build`, and lives in a process of its own (`run_process`) or beside
others in the embedded stack; both do the same three things with it: start, wait, stop. A loop that dies
takes the service with it and says why: a service that looks alive and does nothing is the worst outage.
"""

import asyncio
import importlib.metadata
import logging
import os
import platform
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol, TypeVar

import structlog
from structlog.tracebacks import ExceptionDictTransformer

from flyte_bus import event_loop, health
from flyte_bus.errors import BusError, BusUnavailable
from flyte_bus.health import Health, HealthSettings, served
from flyte_bus.meter import Count, Meter
from flyte_bus.ports import Bus, Delivery, Entry, Server
from flyte_bus.settings import BusSettings, from_environment
from flyte_schemas.endpoints import Ping, Pong, ping_endpoint
from flyte_schemas.envelope import Event
from flyte_schemas.events import MessageRejected
from flyte_schemas.subjects import REJECTED

BUS_NOTICE_FIRST_S = 1.0
"""When the bus is away at the start, a process says so after this long, and then less and less often."""
BUS_NOTICE_LIMIT_S = 30.0
STOP_GRACE_S = 20.0
"""The longest that a process takes to stop after a signal, in seconds."""
ANSWER_GRACE_S = 8.0
"""How long questions that came before the end of a service may still take, in seconds."""
CANCEL_AGAIN_S = 2.0
"""A task that is not over this long after its cancellation is cancelled again: before Python 3.12 `wait_for`
loses a cancellation that comes together with a result."""
EXCERPT_BYTES = 100
"""How much of a message that nobody can read is kept with its rejection."""
REASON_CHARACTERS = 300
"""How much of the reason: it may quote the message."""

log = structlog.get_logger()


class Service(Protocol):
    """One service, between its start and its stop."""

    async def start(self) -> None:
        """Begin to work; returns when the service answers."""
        ...

    async def stop(self) -> None:
        """End every loop and release what is held. Harmless when it was not started or has stopped."""
        ...

    async def wait(self) -> None:
        """Return when the service was stopped. Raises LoopDied when one of its loops ended by itself."""
        ...

    async def trouble(self) -> str:
        """Why the service could not do its work just now; the empty text when it could.

        Asks whatever it works with, the bus too, and may raise what that raises.
        """
        ...


class LoopDied(RuntimeError):
    """A background loop of a service ended, which it never should; its error is the cause."""

    def __init__(self, service: str, loop: str) -> None:
        super().__init__(f"the loop {loop!r} of {service} died")
        self.service = service
        self.loop = loop


class Supervisor:
    """The background tasks of one service: kept alive by reference, ended together, never lost silently."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._tasks: set[asyncio.Task[None]] = set()
        self._over = asyncio.Event()
        self._death: LoopDied | None = None

    def keep(self, name: str, loop: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a loop that ends only by cancellation: when it returns or raises, `wait` raises LoopDied."""
        return self._start(name, loop, forever=True)

    def spawn(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something that may end by itself; only when it raises does `wait` raise LoopDied."""
        return self._start(name, work, forever=False)

    async def wait(self) -> None:
        """Return after `stop`. Raises LoopDied as soon as a task has died."""
        await self._over.wait()
        if self._death is not None:
            raise self._death

    async def stop(self) -> None:
        """Cancel every task and wait until all have ended."""
        self._over.set()
        while self._tasks:
            for task in tuple(self._tasks):
                task.cancel()
            done, _ = await asyncio.wait(self._tasks, timeout=CANCEL_AGAIN_S)
            self._tasks.difference_update(done)

    def _start(self, name: str, work: Coroutine[Any, Any, None], *, forever: bool) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=f"{self._service}.{name}")
        self._tasks.add(task)
        task.add_done_callback(lambda task: self._ended(name, task, forever=forever))
        return task

    def _ended(self, name: str, task: asyncio.Task[None], *, forever: bool) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if self._over.is_set() or (error is None and (task.cancelled() or not forever)):
            if error is not None:
                log.warning(f"{self._service}.loop.failed_while_stopping", loop=name, error=repr(error))
            return
        log.error(f"{self._service}.loop.died", loop=name, exc_info=error)
        self._death = LoopDied(self._service, name)
        self._death.__cause__ = error
        self._over.set()


async def reject(bus: Bus, entry: Entry, reason: str, *, by: str, now: datetime) -> None:
    """Set aside a message that the service `by` cannot read: a `MessageRejected` fact, and a line in the log.

    The event's id follows from the entry's place, so that every reader may say so and it is written once.
    """
    reason = reason[:REASON_CHARACTERS]
    log.warning(f"{by}.message.rejected", stream=entry.stream, sequence=entry.sequence, reason=reason)
    data = MessageRejected(
        stream=entry.stream,
        message_subject=entry.subject,
        sequence=entry.sequence,
        reason=reason,
        excerpt=entry.raw[:EXCERPT_BYTES].decode("utf-8", "backslashreplace"),
    )
    event = Event(
        id=f"rejected.{entry.stream}.{entry.sequence}", source=by, subject=REJECTED, time=now, data=data
    )
    await bus.log.append(event)
    rejections(bus.meter, by).add()


async def set_aside(bus: Bus, delivery: Delivery, reason: str, *, by: str, now: datetime) -> None:
    """Reject what a shared consumer was given, so that it does not come again."""
    await reject(bus, delivery.entry, reason, by=by, now=now)
    await delivery.term(reason[:REASON_CHARACTERS])


@asynccontextmanager
async def refusing(
    delivery: Delivery, refuse: Callable[[Delivery, str], Awaitable[None]], *, by: str
) -> AsyncIterator[None]:
    """A block that answers one request; one that breaks us is refused, so that the next one has its turn."""
    try:
        yield
    except BusError:
        raise
    except Exception as error:
        log.error(f"{by}.request.failed", subject=delivery.entry.subject, exc_info=error)
        await refuse(delivery, f"this is a bug in flyte: {error!r}")


def rejections(meter: Meter, service: str) -> Count:
    """How many messages the service has set aside."""
    name = "flyte_bus_messages_rejected_total"
    return meter.counter(name, "Messages that nobody could read, set aside.", "service").child(service)


async def stop_all(servers: Iterable[Server]) -> None:
    """Stop answering; what was asked before is answered first, within a limit."""
    await asyncio.gather(*(server.stop(grace_s=ANSWER_GRACE_S) for server in servers))


async def serve_ping(bus: Bus, service: str) -> Server:
    """Answer the liveness question of `service`, whose rejections are shown from now on."""
    rejections(bus.meter, service)
    pong = Pong(service=service, version=installed_version(), pid=os.getpid(), host=platform.node())

    async def answer(question: Ping) -> Pong:
        return pong

    return await bus.serve(ping_endpoint(service), answer)


def installed_version() -> str:
    """The version of the distribution; `0+source` when it runs from a source tree that is not installed."""
    try:
        return importlib.metadata.version("flytejet")
    except importlib.metadata.PackageNotFoundError:
        return "0+source"


def configure_logging() -> None:
    """Send structlog's facts to stderr: readable lines on a terminal, one JSON object a line elsewhere.

    A traceback tells no values of variables: they may be secrets.
    `FLYTE_LOG_FORMAT` (`json`, `console`) and `FLYTE_LOG_LEVEL` (`debug`, `info`, …) say otherwise.
    """
    level = logging.getLevelNamesMapping().get(os.environ.get("FLYTE_LOG_LEVEL", "").upper(), logging.INFO)
    as_json = os.environ.get("FLYTE_LOG_FORMAT", "console" if sys.stderr.isatty() else "json") == "json"
    ending: list[structlog.typing.Processor] = (
        [
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(),
        ]
        if as_json
        else [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _apart,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *ending,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def _apart(_: Any, __: str, facts: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Run, action and attempt each by itself, where a fact names the last of them by its whole key."""
    for name, parts in (("attempt", 5), ("action", 4)):
        key = facts.get(name)
        if isinstance(key, str) and len(words := key.split("/")) == parts:
            facts.update(run="/".join(words[:3]), action=words[3])
            if name == "attempt":
                facts["attempt"] = int(words[4])
    return facts


BusT = TypeVar("BusT", bound=Bus)
Connect = Callable[[BusSettings], Awaitable[BusT]]
Build = Callable[[BusT], Awaitable[Service]]


def run_process(name: str, connect: Connect[BusT], build: Build[BusT], *, provisions: bool = True) -> int:
    """Run one service as this process until SIGTERM or SIGINT, and return the exit code.

    Reads the settings of the bus and of its own health from the environment, connects (a bus that is not
    there yet is waited for), provisions it unless told otherwise, builds the service on it. 0: stopped by a
    signal; 1: died; 2: the environment is wrong.
    """
    configure_logging()
    structlog.contextvars.bind_contextvars(service=name)
    try:
        settings, watched = from_environment(name), health.from_environment()
        return event_loop.run(
            _watched(watched, lambda state: _live(settings, connect, build, state, provisions))
        )
    except ValueError as error:
        log.error("process.misconfigured", error=str(error))
        return 2


async def _watched(settings: HealthSettings, live: Callable[[Health], Coroutine[Any, Any, None]]) -> int:
    """The life of a process, from its start to its end seen by whoever looks at its health.

    Raises ValueError when the address for that cannot be had.
    """
    state = Health()
    async with served(state, settings) as port:
        if port is not None:
            log.info("process.health.served", host=settings.host, port=port)
        return await _until_signal(live(state), state)


async def _until_signal(life: Coroutine[Any, Any, None], state: Health) -> int:
    signalled = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, signalled.set)
    living = asyncio.create_task(life)
    signal_came = asyncio.create_task(signalled.wait())
    await asyncio.wait({living, signal_came}, return_when=asyncio.FIRST_COMPLETED)
    signal_came.cancel()
    state.draining()
    if not living.done():
        log.info("process.stopping")
        living.cancel()
        await asyncio.wait({living}, timeout=STOP_GRACE_S)
    if not living.done():
        log.error("process.stop.overdue", grace_s=STOP_GRACE_S)
        os._exit(1)  # whatever holds it would hold the end of the event loop too
    error = None if living.cancelled() else living.exception()
    if error is not None:
        log.error("process.died", error=str(error), exc_info=error)
        return 1
    log.info("process.stopped")
    return 0


async def _live(
    settings: BusSettings, connect: Connect[BusT], build: Build[BusT], state: Health, provisions: bool
) -> None:
    async with await _reach(settings, connect) as bus:
        state.measured(bus.meter)
        if provisions:
            await bus.provision()
        service = await build(bus)
        try:
            await service.start()
            state.serving(service.trouble)
            log.info("process.ready", nats=settings.shown_url)
            await _wait(service, bus)
        finally:
            await service.stop()


async def _wait(service: Service, bus: Bus) -> None:
    """Return when the service was stopped. Raises what ended it: its own death, or that of its connection."""
    living, ended = asyncio.ensure_future(service.wait()), asyncio.ensure_future(bus.ended())
    try:
        await asyncio.wait({living, ended}, return_when=asyncio.FIRST_COMPLETED)
        if not living.done():
            raise ended.result()
        living.result()
    finally:
        living.cancel()
        ended.cancel()
        await asyncio.gather(living, ended, return_exceptions=True)


async def _reach(settings: BusSettings, connect: Connect[BusT]) -> BusT:
    """Connect, however long it takes, and say why while it takes long."""
    patience_s = BUS_NOTICE_FIRST_S
    while True:
        try:
            async with await connect(replace(settings, patience_s=patience_s)):
                break
        except BusUnavailable as error:
            log.warning("process.bus.awaited", nats=settings.shown_url, reason=str(error))
        patience_s = min(2 * patience_s, BUS_NOTICE_LIMIT_S)
    return await connect(settings)
