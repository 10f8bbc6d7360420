"""nats-py's client, with a straight way for what comes in thousands: the messages of readers.

On the usual way each message becomes an object, waits in a queue, and is taken from there by a task. On the
straight way its bytes go to the reader as soon as they are parsed: half the price of reading the log.
"""

from collections.abc import Callable

from nats.aio.client import Client as NatsClient
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

Take = Callable[[bytes, bytes], None]
"""Takes one message: the bytes of its headers, and its payload."""

_PLAIN = b"NATS/1.0\r\n"
"""How headers begin that carry no status."""


class Client(NatsClient):
    """See the module's docstring."""

    def __init__(self) -> None:
        super().__init__()
        self._straight: dict[int, Take] = {}

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
        take = self._straight.get(sid)
        if take is None:
            await super()._process_msg(sid, subject, reply, data, headers)
            return
        try:
            take(headers or b"", data)
        except Exception as error:  # somebody else's message; the connection goes on
            await self._error_cb(error)

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
    return "" if headers.startswith(_PLAIN) else headers[9:12].decode("ascii", "replace")


def header(headers: bytes, name: bytes) -> bytes:
    """One header's value; of several the last, which is the server's own. Raises KeyError."""
    at = headers.rfind(b"\r\n" + name + b":")
    if at < 0:
        raise KeyError(name.decode())
    begin = at + len(name) + 3
    return headers[begin : headers.index(b"\r\n", begin)].strip()
