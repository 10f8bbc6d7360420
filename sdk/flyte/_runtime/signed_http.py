"""One HTTP request to a signed URL, with the standard library: bytes sent, or a range of an object fetched.

It blocks, and is run in a thread. Whatever goes wrong is `Broken`: one try is over, and the caller decides
about the next. Connections are kept for the next request to the same server.
"""

import atexit
import http.client
import json
import os
import re
import threading
import time
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import SplitResult, unquote, urlsplit

from flyte._runtime.contents import CHUNK_BYTES
from flyte._runtime.trusted import https_context, https_refusal
from flyte_schemas.endpoints import DownloadLocation

SOCKET_TIMEOUT_S = 30.0
"""The longest silence of the server within one try."""
ERROR_BODY_LIMIT_BYTES = 64 * 1024
IDLE_CONNECTIONS = 32
"""How many connections are kept that nobody uses just now, and for how long, in seconds."""
IDLE_S = 15.0

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_XML_ERROR = re.compile(r"<Code>([^<]{1,100})</Code>.*?<Message>([^<]{0,1000})</Message>", re.DOTALL)

Server = tuple[str, str, int]
"""Scheme and address; the process, because a forked one must not share its parent's connections."""


class Broken(Exception):
    """One try failed; another may not."""


def put_at(
    url: str, headers: Mapping[str, str], pieces: Callable[[], Iterable[bytes | memoryview]], size_bytes: int
) -> None:
    """Send `size_bytes` bytes in one request, a piece at a time. Raises Broken; what `pieces` raises."""
    sent = {"Content-Type": "application/octet-stream", **headers, "Content-Length": str(size_bytes)}
    with _answered(url, "PUT", sent, pieces) as answer:
        answer.read()


def get_range(location: DownloadLocation, start: int, end: int, take: Callable[[memoryview], object]) -> None:
    """Give `take` the object's bytes from `start` up to and without `end`, a piece at a time, which it must
    not keep. Raises Broken when not all of it came; what `take` raises.
    """
    if start == end:
        return
    whole = (start, end) == (0, location.size_bytes)
    asked = dict(location.headers)
    if not whole:
        asked["Range"] = f"bytes={start}-{end - 1}"
    buffer = memoryview(bytearray(min(CHUNK_BYTES, end - start)))
    with _answered(location.signed_url, "GET", asked) as answer:
        if not whole and answer.status != 206:
            raise Broken("the server does not give parts of objects")
        missing = end - start
        while missing and (count := _read_into(answer, buffer[: min(len(buffer), missing)])):
            take(buffer[:count])
            missing -= count
        if missing:
            raise Broken(f"the download ended {missing} bytes early")


def _read_into(answer: http.client.HTTPResponse, buffer: memoryview) -> int:
    try:
        return answer.readinto(buffer)
    except (OSError, http.client.HTTPException) as error:
        raise Broken(f"the download broke off: {error or type(error).__name__}") from error


@contextmanager
def _answered(
    url: str,
    method: str,
    headers: Mapping[str, str],
    pieces: Callable[[], Iterable[bytes | memoryview]] = tuple,
) -> Iterator[http.client.HTTPResponse]:
    """The server's answer, when it is a success. Raises Broken."""
    server = urlsplit(url)
    connection, answer = _ask(server, url, method, headers, pieces)
    try:
        if answer.status >= 300:
            raise Broken(f"{server.netloc} answered {_explain(answer)}")
        yield answer
        if answer.isclosed() and not answer.will_close:
            _pool.give_back(_key(server), connection)
            return
        connection.close()
    except BaseException:
        connection.close()
        raise
    finally:
        answer.close()


def _ask(
    server: SplitResult,
    url: str,
    method: str,
    headers: Mapping[str, str],
    pieces: Callable[[], Iterable[bytes | memoryview]],
) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    """Send a request; on a connection that was kept, and has been closed since, once more on a new one."""
    kept = _pool.take(_key(server))
    while True:
        connection, target, more = (kept, _target(server), {}) if kept else _connect(server, url)
        try:
            return connection, _exchange(connection, method, target, {**more, **headers}, pieces())
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            if kept is None or isinstance(error, TimeoutError):
                raise Broken(f"{server.netloc}: {_reason(error)}") from error
            kept = None
        except BaseException as error:
            connection.close()
            if isinstance(error, _Unreadable) and error.__cause__ is not None:
                raise error.__cause__ from None
            raise


class _Unreadable(Exception):
    """What was to be sent could not be read, which is no fault of the connection; the cause says why."""


def _readable(pieces: Iterable[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    try:
        yield from pieces
    except OSError as error:
        raise _Unreadable from error


def _exchange(
    connection: http.client.HTTPConnection,
    method: str,
    target: str,
    headers: Mapping[str, str],
    pieces: Iterable[bytes | memoryview],
) -> http.client.HTTPResponse:
    connection.putrequest(method, target, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    for piece in _readable(pieces):
        try:
            connection.send(piece)
        except (BrokenPipeError, ConnectionResetError) as error:
            return _said_meanwhile(connection, error)
    return connection.getresponse()


def _said_meanwhile(connection: http.client.HTTPConnection, error: OSError) -> http.client.HTTPResponse:
    """A server that hangs up while it is sent to has often said why. Raises `error` when it has not."""
    try:
        answer = connection.getresponse()
    except (OSError, http.client.HTTPException):
        raise error from None
    if answer.status < 300:
        raise error
    return answer


def _key(server: SplitResult) -> Server:
    return server.scheme, server.netloc, os.getpid()


def _target(server: SplitResult) -> str:
    return f"{server.path or '/'}?{server.query}" if server.query else server.path or "/"


def _connect(server: SplitResult, url: str) -> tuple[http.client.HTTPConnection, str, dict[str, str]]:
    """A new connection, what to ask for on it, and headers to send along: perhaps through a proxy."""
    proxy = None if server.hostname in _LOOPBACK else _proxy_for(server)
    if proxy is None:
        return _opened(server, server.hostname or "", server.port), _target(server), {}
    authority = proxy.netloc.rpartition("@")[0]
    login = {"Proxy-Authorization": f"Basic {b64encode(unquote(authority).encode()).decode()}"}
    connection = _opened(server, proxy.hostname or "", proxy.port)
    if server.scheme == "https":
        connection.set_tunnel(server.hostname or "", server.port, headers=login if authority else {})
        return connection, _target(server), {}
    return connection, url, login if authority else {}


def _opened(server: SplitResult, host: str, port: int | None) -> http.client.HTTPConnection:
    """A connection to `host`, on which `server` is spoken to. Raises Broken."""
    if server.scheme != "https":
        return http.client.HTTPConnection(host, port, timeout=SOCKET_TIMEOUT_S)
    try:
        context = https_context()
    except ValueError as error:
        raise Broken(str(error)) from error
    return http.client.HTTPSConnection(host, port, timeout=SOCKET_TIMEOUT_S, context=context)


def _proxy_for(server: SplitResult) -> SplitResult | None:
    """The proxy that this machine's settings name for the server."""
    found = urllib.request.getproxies().get(server.scheme)
    if not found or urllib.request.proxy_bypass(server.hostname or ""):
        return None
    return urlsplit(found if "://" in found else f"http://{found}")


class _Pool:
    """Connections that nobody uses just now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[tuple[Server, float, http.client.HTTPConnection]] = []

    def take(self, server: Server) -> http.client.HTTPConnection | None:
        """The connection to this server that was used last, if there is one."""
        self._drop_old()
        with self._lock:
            for index in reversed(range(len(self._idle))):
                if self._idle[index][0] == server:
                    return self._idle.pop(index)[2]
        return None

    def give_back(self, server: Server, connection: http.client.HTTPConnection) -> None:
        """Keep a connection whose last answer was read to its end."""
        with self._lock:
            self._idle.append((server, time.monotonic(), connection))
        self._drop_old()

    def close(self) -> None:
        """Close what is kept."""
        with self._lock:
            dropped, self._idle = self._idle, []
        for _, _, connection in dropped:
            connection.close()

    def _drop_old(self) -> None:
        oldest = time.monotonic() - IDLE_S
        with self._lock:
            kept = [entry for entry in self._idle if entry[1] >= oldest][-IDLE_CONNECTIONS:]
            dropped = [entry for entry in self._idle if entry not in kept]
            self._idle = kept
        for _, _, connection in dropped:
            connection.close()


_pool = _Pool()
atexit.register(_pool.close)


def _reason(error: BaseException) -> str:
    return https_refusal(error) or str(error) or type(error).__name__


def _explain(answer: http.client.HTTPResponse) -> str:
    """The status, with the code and sentence of our own servers, or of S3, when the body has them."""
    try:
        body = answer.read(ERROR_BODY_LIMIT_BYTES)
        found = _XML_ERROR.search(body.decode(errors="replace"))
        if found is not None:
            return f"{answer.status} {found[1]}: {found[2]}"
        document = json.loads(body)
        return f"{answer.status} {document['code']}: {document['message']}"
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError):
        return f"{answer.status} {answer.reason}"
