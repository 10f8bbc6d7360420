"""Whether a service process is well, for those who look at it from outside: three pages over HTTP.

`/healthz` answers as long as the event loop turns; a process that does not answer has to be started again
(one whose loop died has ended by itself). `/readyz` says whether the service could do its work just now, and
if not why: it is found out anew each time, since a bus that hangs is noticed by asking it. `/metrics` has its
numbers (`flyte_bus.metrics`). All are for probes: plain text, GET or HEAD, one request a connection.

`python -m flyte_bus.health` asks the process that the same variables name and exits with 1 when it is not
ready: the health check of an image.
"""

import asyncio
import contextlib
import http.client
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from flyte_bus import metrics
from flyte_bus.meter import Meter

ALIVE, READY, METRICS = "/healthz", "/readyz", "/metrics"

DEFAULT_HOST = "127.0.0.1"
LOOK_TIMEOUT_S = 2.0
"""A service that does not know within so long whether it can work cannot."""
READ_TIMEOUT_S = 5.0
"""How long a request may take to arrive."""
MAX_REQUEST_BYTES = 8 * 1024
MAX_REASON_CHARACTERS = 500
ASK_TIMEOUT_S = 5.0

_PHRASES = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed"}
_PHRASES |= {503: "Service Unavailable"}


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthSettings:
    """Where the pages are served: no `port` is nowhere, 0 a free one."""

    host: str = DEFAULT_HOST
    port: int | None = None


def from_environment() -> HealthSettings:
    """Settings from `FLYTE_HEALTH_PORT` and `FLYTE_HEALTH_HOST`. Raises ValueError."""
    text = os.environ.get("FLYTE_HEALTH_PORT", "")
    if text and (not text.isdecimal() or int(text) > 65_535):
        raise ValueError(f"FLYTE_HEALTH_PORT is {text!r}: give a port, or 0 for any that is free")
    return HealthSettings(
        host=os.environ.get("FLYTE_HEALTH_HOST") or DEFAULT_HOST, port=int(text) if text else None
    )


Look = Callable[[], Awaitable[str]]
"""Says why a service could not work just now; the empty text when it could."""


async def _is_starting() -> str:
    return "it is starting"


@dataclass(slots=True)
class Health:
    """What a process says of itself, from its start to its end."""

    _look: Look = _is_starting
    _is_draining: bool = False
    _meters: list[Meter] = field(default_factory=list)
    _looking: asyncio.Task[str] | None = field(default=None, repr=False)

    def serving(self, look: Look) -> None:
        """The service has started; from now on `look` says whether it is ready."""
        self._look = look

    def draining(self) -> None:
        """The process ends what it has begun: it is not ready any more, and never will be."""
        self._is_draining = True

    def measured(self, meter: Meter) -> None:
        """Show these numbers at `/metrics` from now on."""
        self._meters.append(meter)

    async def numbers(self) -> tuple[bytes, str]:
        """The page of numbers, and its content type. Raises metrics.NotInstalled."""
        own = Meter()
        ready_gauge(own, is_ready=not await self.trouble())
        return await metrics.page([own, *self._meters])

    async def trouble(self) -> str:
        """Why the process is not ready; the empty text when it is. All who ask meanwhile share one look."""
        if self._is_draining:
            return "it is stopping"
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(_looked(self._look))
        found = await asyncio.shield(self._looking)
        return "it is stopping" if self._is_draining else found

    async def close(self) -> None:
        """End a look that is under way."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)


def ready_gauge(meter: Meter, *, is_ready: bool) -> None:
    """Show whether the process is ready."""
    meter.number("flyte_ready", "Whether the process is ready (1), as /readyz says.", lambda: float(is_ready))


async def _looked(look: Look) -> str:
    try:
        async with asyncio.timeout(LOOK_TIMEOUT_S):
            return await look()
    except TimeoutError:
        return f"it did not know within {LOOK_TIMEOUT_S:g} s: the bus, or what it works with, does not answer"
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:MAX_REASON_CHARACTERS]


@asynccontextmanager
async def served(health: Health, settings: HealthSettings) -> AsyncIterator[int | None]:
    """Serve the pages; yields the port that they are at, or None. Raises ValueError for an address in use."""
    if settings.port is None:
        yield None
        return
    answering: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        answering.add(task)
        try:
            with contextlib.suppress(OSError, TimeoutError, asyncio.CancelledError):
                await _answer(health, reader, writer)
        finally:
            answering.discard(task)
            writer.transport.abort()

    try:
        server = await asyncio.start_server(
            connected, settings.host, settings.port, limit=MAX_REQUEST_BYTES, reuse_address=True
        )
    except OSError as error:
        raise ValueError(
            f"cannot listen on {settings.host}:{settings.port} ({error.strerror}): "
            "set FLYTE_HEALTH_PORT to a free port"
        ) from error
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for task in tuple(answering):
            task.cancel()
        await asyncio.gather(*answering, return_exceptions=True)
        await health.close()


async def _answer(health: Health, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        async with asyncio.timeout(READ_TIMEOUT_S):
            head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        head = b""
    code, body, kind = await _page(health, head)
    writer.write(
        f"HTTP/1.1 {code} {_PHRASES[code]}\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n".encode()
        + (b"" if head.startswith(b"HEAD ") else body)
    )
    await writer.drain()
    writer.close()
    await writer.wait_closed()


async def _page(health: Health, head: bytes) -> tuple[int, bytes, str]:
    """The status, the body and the content type that a request is answered with."""
    words = head.partition(b"\r\n")[0].split()
    if len(words) != 3 or not words[2].startswith(b"HTTP/"):
        return _words(400, "this is no HTTP request")
    if words[0] not in (b"GET", b"HEAD"):
        return _words(405, "only GET and HEAD are answered")
    path = words[1].partition(b"?")[0].decode("ascii", "replace")
    if path == METRICS:
        try:
            return 200, *await health.numbers()
        except metrics.NotInstalled as error:
            return _words(503, str(error))
    if path == ALIVE:
        return _words(200, "alive")
    if path != READY:
        return _words(404, f"there are {ALIVE}, {READY} and {METRICS}")
    trouble = await health.trouble()
    return _words(503 if trouble else 200, trouble or "ready")


def _words(code: int, text: str) -> tuple[int, bytes, str]:
    return code, f"{text}\n".encode(), "text/plain; charset=utf-8"


def ask(settings: HealthSettings, path: str) -> tuple[bool, str]:
    """What the process of these settings says at `path`: whether all is well, and its words."""
    everywhere = settings.host in ("0.0.0.0", "::")
    connection = http.client.HTTPConnection(
        DEFAULT_HOST if everywhere else settings.host, settings.port or 0, timeout=ASK_TIMEOUT_S
    )
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status == 200, answer.read().decode("utf-8", "replace").strip()
    except (OSError, http.client.HTTPException) as error:
        return False, f"nobody answers at {settings.host}:{settings.port}: {error}"
    finally:
        connection.close()


def main() -> int:
    """Ask for readiness and say what is answered; exit codes: 0 ready, 1 not, 2 there is nobody to ask."""
    try:
        settings = from_environment()
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if not settings.port:
        sys.stderr.write("FLYTE_HEALTH_PORT is not set: there is nobody to ask\n")
        return 2
    is_well, words = ask(settings, READY)
    sys.stdout.write(f"{words}\n")
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
