"""nats-py's client, with a straight way for what comes in thousands: the messages of readers, and answers.

On the usual way each message becomes an object, waits in a queue, and is taken from there by a task. On the
straight way its bytes go to the reader as soon as they are parsed: half the price of reading the log.
"""

import asyncio
import itertools
import re
import ssl
from collections.abc import Callable
from typing import Any, NamedTuple

import nats.errors
from nats.aio.client import Client as NatsClient
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.aio.transport import TcpTransport

from flyte_bus.tls import RenewedContext

Take = Callable[[bytes, bytes], None]
"""Takes one message: the bytes of its headers, and its payload."""

_PLAIN = b"NATS/1.0\r\n"
"""How headers begin that carry no status."""

_DENIED = re.compile(
    rb"-ERR\s+'Permissions Violation for (Publish|Subscription)[^\"]*\"([^\"]+)\"", re.IGNORECASE
)


_NOBODY: "tuple[str, asyncio.Future[Answer] | None]" = ("", None)


def _interrupted() -> Exception:
    return ConnectionResetError("the connection was interrupted")


class NoTls(nats.errors.Error):
    """The server insists on no TLS, and we were told to use nothing else."""


class Denied(nats.errors.Error):
    """The server does not let this user publish to a subject, or (`listening`) listen to it."""

    def __init__(self, subject: str, *, listening: bool) -> None:
        super().__init__(f"no permission for {subject}")
        self.subject = subject
        self.listening = listening


class Answer(NamedTuple):
    """What came back for a question: the bytes of its headers, and its payload."""

    head: bytes
    data: bytes

    @property
    def headers(self) -> dict[str, str]:
        return Client._parse_header_lines(self.head)


class Client(NatsClient):
    """See the module's docstring."""

    def __init__(self) -> None:
        super().__init__()
        self.wants_tls = False
        """Whether a server that does not insist on TLS is left at once, before it was told a password."""
        self.tls: RenewedContext | None = None
        """What each handshake begins with: of the files as they are then."""
        self._straight: dict[int, Take] = {}
        self._questions: dict[bytes, tuple[str, asyncio.Future[Answer]]] = {}
        self.on_denied: Callable[[Denied], None] = lambda _: None
        """Is told of what the server does not permit, beside those who wait for an answer to it."""
        self._numbers = itertools.count(1)
        self._answers_to = ""
        self._answers_sid = 0

    @property
    def server_version(self) -> str:
        """Of the server that is connected to, as it calls itself."""
        return f"nats-server {self._server_info.get('version', 'of an unknown version')}"

    async def ask(
        self, subject: str, payload: bytes, headers: dict[str, str] | None, *, timeout_s: float
    ) -> Answer:
        """As nats-py's `request`. Raises what that raises, Denied, and what `interrupt` was given."""
        if not self._answers_to:
            self._answers_to = f"{self.new_inbox()}."
            self._answers_sid = self._sid + 1  # what `subscribe` calls it, before anything else can happen
            await self.subscribe(f"{self._answers_to}*", cb=_taken_straight)
        number = str(next(self._numbers))
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._questions[number.encode()] = (subject, answer)
        try:
            async with asyncio.timeout(timeout_s):
                await self.publish(subject, payload, reply=self._answers_to + number, headers=headers)
                return await answer
        except TimeoutError:
            raise nats.errors.TimeoutError from None
        finally:
            self._questions.pop(number.encode(), None)

    def interrupt(self, error: Callable[[], Exception] = _interrupted) -> None:
        """Have all that wait for an answer give up: it may be lost. `error` makes what each raises."""
        for _, answer in tuple(self._questions.values()):
            if not answer.done():
                answer.set_exception(error())

    async def _read_loop(self) -> None:
        """As nats-py's, which stops for an error of any kind and leaves a connection that hears nothing."""
        await super()._read_loop()
        task = asyncio.current_task()
        if self.is_connected and task is not None and not task.cancelling():
            await self._process_op_err(ConnectionResetError("the reading of the connection has failed"))

    async def _send_ping(self, future: asyncio.Future[Any] | None = None) -> None:
        """nats-py's own overtakes what waits to be sent, and its answer says nothing of that."""
        if self.is_connected and self._pending and self._transport is not None:
            self._transport.writelines(self._pending[:])
            self._pending, self._pending_data_size = [], 0
        await super()._send_ping(future)

    async def _process_pong(self) -> None:
        """Who waited for this answer may have gone; nats-py ends the reading of the connection for that."""
        if self._pongs and self._pongs[0].done():
            self._pongs[0] = asyncio.get_running_loop().create_future()
        await super()._process_pong()

    async def _process_err(self, err_msg: str) -> None:
        """What the server does not permit goes to those who wait for it; all else as nats-py has it.

        nats-py's parser writes all of it in small letters; as it came it still stands in the buffer.
        """
        found = _DENIED.match(self._ps.buf)
        if found is None:
            await super()._process_err(err_msg)
            return
        denied = Denied(found[2].decode("utf-8", "replace"), listening=found[1].lower() == b"subscription")
        for subject, answer in tuple(self._questions.values()):
            if subject == denied.subject and not denied.listening and not answer.done():
                answer.set_exception(denied)
        self.on_denied(denied)

    def _answered(self, subject: bytes, headers: bytes, data: bytes) -> None:
        _, answer = self._questions.get(subject[len(self._answers_to) :], _NOBODY)
        if answer is None or answer.done():
            return
        if headers and status(headers) == "503":
            answer.set_exception(nats.errors.NoRespondersError())
        else:
            answer.set_result(Answer(headers, data))

    @property
    def ssl_context(self) -> ssl.SSLContext:
        return super().ssl_context if self.tls is None else self.tls.current

    async def _process_connect_init(self) -> None:
        """As nats-py's, but what fails is dropped: a failed handshake has no end that could be waited for."""
        try:
            await super()._process_connect_init()
        except BaseException:
            transport = self._transport
            if isinstance(transport, TcpTransport) and transport._io_writer is not None:
                transport._io_writer.transport.abort()
                self._transport = None
            raise

    def _connect_command(self) -> bytes:
        if self.wants_tls and not self._server_info.get("tls_required"):
            raise NoTls("the server does not insist on TLS, and the settings allow nothing else")
        return super()._connect_command()

    async def subscribe_straight(self, subject: str, take: Take) -> Subscription:
        """Subscribe; `take` is called within the reading of the connection, and must be quick."""
        number = self._sid + 1  # what `subscribe` calls it, before anything else can happen
        self._straight[number] = take
        return await self.subscribe(subject, cb=_taken_straight)

    def _remove_sub(self, sid: int, max_msgs: int = 0) -> None:
        if not max_msgs:
            self._straight.pop(sid, None)
        super()._remove_sub(sid, max_msgs)

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        if sid == self._answers_sid:
            self._answered(subject, headers or b"", data)
            return
        take = self._straight.get(sid)
        if take is None:
            await super()._process_msg(sid, subject, reply, data, headers)
            return
        try:
            take(headers or b"", data)
        except Exception as error:  # somebody else's message; the connection goes on
            await self._error_cb(error)

    def _build_message(self, sid: int, subject: bytes, reply: bytes, *rest: Any) -> Any:
        return super()._build_message(sid, _in_utf8(subject), _in_utf8(reply), *rest)

    @staticmethod
    def _parse_header_lines(raw: bytes) -> dict[str, str]:
        """Quicker than nats-py's own."""
        headers: dict[str, str] = {}
        for line in raw.decode("utf-8", "replace").split("\r\n"):
            name, colon, value = line.partition(":")
            if colon:
                headers[name.strip()] = value.strip()
        return headers


async def _taken_straight(_: Msg) -> None:
    raise AssertionError("a message of a straight subscription went the usual way")


def status(headers: bytes) -> str:
    """The status that the headers carry, e.g. `204`; empty when they carry none."""
    return "" if not headers or headers.startswith(_PLAIN) else headers[9:12].decode("ascii", "replace")


def header(headers: bytes, name: bytes) -> bytes | None:
    """One header's value; of several the last, which is the server's own. None when there is none."""
    at = headers.rfind(b"\r\n" + name + b":")
    if at < 0:
        return None
    begin = at + len(name) + 3
    return _in_utf8(headers[begin : headers.find(b"\r\n", begin)].strip())


def number(headers: bytes, name: bytes) -> int | None:
    """The same, of a header that is a whole number."""
    value = header(headers, name)
    return int(value) if value is not None and value.isdigit() else None


def _in_utf8(text: bytes) -> bytes:
    """The same; what is not UTF-8 in it is escaped, since a subject of any bytes is one for the server."""
    return text if text.isascii() else text.decode("utf-8", "backslashreplace").encode()
