"""A glance at the last messages of some subjects: one round trip on a plain socket, without an event loop.

A command that only wants to know whether anything changed is over before a client library would be loaded.
Whatever is unusual (TLS, a refusal, silence) gives up, and the caller asks over the bus, which is patient and
says what is wrong.
"""

import base64
import json
import secrets
import socket
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from flyte_bus.settings import BusSettings

if TYPE_CHECKING:
    from flyte_bus.identity.credentials import Credentials

GLANCE_TIMEOUT_S = 0.5
"""For all of it: to connect, to ask and to hear."""
DEFAULT_PORT = 4222
READ_BYTES = 65_536


class _Unusual(Exception):
    """What a glance does not deal with."""


def last_messages(
    settings: BusSettings,
    stream: str,
    subjects: Sequence[str],
    *,
    more: Sequence[tuple[str, str]] = (),
    timeout_s: float = GLANCE_TIMEOUT_S,
) -> list[bytes | None] | None:
    """The last message of each subject (None: it has none), and of `more`, which name their streams.

    None altogether when that cannot be told so.
    """
    parts = urlsplit(settings.servers[0])
    if parts.scheme != "nats" or not parts.hostname or settings.wants_tls:
        return None
    try:
        # `create_connection` would load the machinery of international names for any host.
        family = socket.AF_INET6 if ":" in parts.hostname else socket.AF_INET
        with socket.socket(family) as connection:
            connection.settimeout(timeout_s)
            connection.connect((parts.hostname, parts.port or DEFAULT_PORT))
            line = _Line(connection, time.monotonic() + timeout_s)
            line.greet(
                settings.security.credentials(),
                user=settings.user or unquote(parts.username or ""),
                password=settings.password or unquote(parts.password or ""),
            )
            places = [*((stream, subject) for subject in subjects), *more]
            return line.ask([f"$JS.API.DIRECT.GET.{home}.{subject}" for home, subject in places])
    except (OSError, ValueError, _Unusual):
        return None


class _Line:
    """A connection to nats-server, as far as questions with one answer each go."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline
        self._read = b""
        self._inbox = "_INBOX"

    def greet(self, credentials: "Credentials | None", *, user: str, password: str) -> None:
        """Introduce ourselves, by credentials or name and password. Raises _Unusual where TLS is wanted."""
        word, _, info = self._line().partition(b" ")
        server = json.loads(info) if word == b"INFO" else {}
        if not server or server.get("tls_required"):
            raise _Unusual
        hello: dict[str, object] = {
            "verbose": False,
            "pedantic": False,
            "headers": True,
            "no_responders": True,
            "protocol": 1,
            "lang": "python",
            "version": "0",
            "name": "flyte-glance",
        }
        if credentials is not None:
            proof = credentials.sign(str(server.get("nonce", "")).encode())
            hello |= {"jwt": credentials.jwt, "sig": base64.b64encode(proof).decode("ascii")}
            self._inbox = credentials.identity.inbox
        elif user:
            hello |= {"user": user, "pass": password}
        self._send(b"CONNECT " + json.dumps(hello).encode() + b"\r\n")

    def ask(self, questions: Sequence[str]) -> list[bytes | None]:
        """What is answered to each question. Raises _Unusual, OSError."""
        inbox = f"{self._inbox}.{secrets.token_hex(11)}"
        asked = "".join(
            f"PUB {question} {inbox}.{number} 0\r\n\r\n" for number, question in enumerate(questions)
        )
        self._send(f"SUB {inbox}.* 1\r\n{asked}".encode())
        answers: dict[int, bytes | None] = {}
        while len(answers) < len(questions):
            subject, answer = self._message()
            answers[int(subject.rpartition(".")[2])] = answer
        return [answers[number] for number in range(len(questions))]

    def _message(self) -> tuple[str, bytes | None]:
        """The next message: its subject and, when there is one, the content that was asked for."""
        while True:
            words = self._line().split()
            if not words or words[0] == b"+OK":
                continue
            if words[0] == b"PING":
                self._send(b"PONG\r\n")
            elif words[0] == b"HMSG":
                head, size = int(words[-2]), int(words[-1])
                document = self._bytes(size + 2)[:size]
                return words[1].decode(), _content(document[:head], document[head:])
            elif words[0] != b"INFO":
                raise _Unusual(words[0])

    def _line(self) -> bytes:
        while b"\r\n" not in self._read:
            self._receive()
        line, _, self._read = self._read.partition(b"\r\n")
        return line

    def _bytes(self, size: int) -> bytes:
        while len(self._read) < size:
            self._receive()
        taken, self._read = self._read[:size], self._read[size:]
        return taken

    def _send(self, data: bytes) -> None:
        self._connection.settimeout(max(0.001, self._deadline - time.monotonic()))
        self._connection.sendall(data)

    def _receive(self) -> None:
        self._connection.settimeout(max(0.001, self._deadline - time.monotonic()))
        received = self._connection.recv(READ_BYTES)
        if not received:
            raise _Unusual("closed")
        self._read += received


def _content(head: bytes, body: bytes) -> bytes | None:
    """The message that an answer holds; None when there is none. Raises _Unusual for a refusal."""
    status = head.partition(b"\r\n")[0].split()
    if len(status) == 1:
        return body
    if status[1] == b"404":
        return None
    raise _Unusual(status[1])
