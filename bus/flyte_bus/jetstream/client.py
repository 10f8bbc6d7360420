"""nats-py's client, with a straight way for what comes in thousands: the messages of readers, and answers.

On the usual way each message becomes an object, waits in a queue, and is taken from there by a task. On the
straight way its bytes go to the reader as soon as they are parsed: half the price of reading the log.
"""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import nats.errors
from nats.aio.client import Client as NatsClient
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.aio.transport import TcpTransport

Take = Callable[[bytes, bytes], None]
"""Takes one message: the bytes of its headers, and its payload."""

_PLAIN = b"NATS/1.0\r\n"
"""How headers begin that carry no status."""


class NoTls(nats.errors.Error):
    """The server insists on no TLS, and we were told to use nothing else."""


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
        self._straight: dict[int, Take] = {}
        self._questions: dict[bytes, asyncio.Future[Answer]] = {}
        self._numbers = itertools.count(1)
        self._answers_to = ""
        self._answers_sid = 0

    async def ask(
        self, subject: str, payload: bytes, headers: dict[str, str] | None, *, timeout_s: float
    ) -> Answer:
        """As nats-py's `request`. Raises what that raises, and ConnectionResetError after `interrupt`."""
        if not self._answers_to:
            self._answers_to = f"{self.new_inbox()}."
            self._answers_sid = self._sid + 1  # what `subscribe` calls it, before anything else can happen
            await self.subscribe(f"{self._answers_to}*", cb=_taken_straight)
        number = str(next(self._numbers))
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._questions[number.encode()] = answer
        try:
            async with asyncio.timeout(timeout_s):
                await self.publish(subject, payload, reply=self._answers_to + number, headers=headers)
                return await answer
        except TimeoutError:
            raise nats.errors.TimeoutError from None
        finally:
            self._questions.pop(number.encode(), None)

    def interrupt(self) -> None:
        """Have all that wait for an answer give up: it may be lost."""
        for answer in self._questions.values():
            if not answer.done():
                answer.set_exception(ConnectionResetError("the connection was interrupted"))

    def _answered(self, subject: bytes, headers: bytes, data: bytes) -> None:
        answer = self._questions.get(subject[len(self._answers_to) :])
        if answer is None or answer.done():
            return
        if headers and status(headers) == "503":
            answer.set_exception(nats.errors.NoRespondersError())
        else:
            answer.set_result(Answer(headers, data))

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


def header(headers: bytes, name: bytes) -> bytes:
    """One header's value; of several the last, which is the server's own. Raises KeyError."""
    at = headers.rfind(b"\r\n" + name + b":")
    if at < 0:
        raise KeyError(name.decode())
    begin = at + len(name) + 3
    return _in_utf8(headers[begin : headers.index(b"\r\n", begin)].strip())


def _in_utf8(text: bytes) -> bytes:
    """The same; what is not UTF-8 in it is escaped, since a subject of any bytes is one for the server."""
    return text if text.isascii() else text.decode("utf-8", "backslashreplace").encode()
