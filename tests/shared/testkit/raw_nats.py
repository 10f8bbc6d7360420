"""A client that says to nats-server exactly what it is told: to try what no client of ours would say."""

import base64
import json
import re
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Self

from flyte_bus.identity.credentials import Credentials

LIMIT_S = 20.0
_REFUSED = re.compile(rb"-ERR 'Permissions Violation for (Publish|Subscription)[^\"]*\"([^\"]*)\"")

NOTHING = b"NATS/1.0 503"
"""How an answer begins when nobody was there to give one."""


class NotLetIn(Exception):
    """The server took no such credentials."""


class RawNats:
    """A connection, within a block; messages that came are kept in `heard`, subject and content."""

    def __init__(self, port: int, credentials: Credentials) -> None:
        self.inbox = credentials.identity.inbox
        self.heard: list[tuple[str, bytes]] = []
        self._read = b""
        self._refused: set[str] = set()
        self._replies: list[str] = []
        self._numbers = iter(range(1, 10**9))
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S)
        nonce = json.loads(self._line().partition(b" ")[2])["nonce"]
        proof = base64.b64encode(credentials.sign(nonce.encode())).decode()
        hello: dict[str, object] = {
            "verbose": False,
            "pedantic": False,
            "headers": True,
            "no_responders": True,
            "protocol": 1,
        }
        hello |= {"lang": "raw", "version": "0", "jwt": credentials.jwt, "sig": proof}
        self._socket.sendall(b"CONNECT " + json.dumps(hello).encode() + b"\r\n")
        try:
            self._settle()
        except NotLetIn:
            self._socket.close()
            raise

    def refused_publishing(
        self,
        subjects: Iterable[str],
        *,
        reply: str = "",
        body: bytes = b"?",
        headers: Mapping[str, str] | None = None,
    ) -> set[str]:
        """Publish to all of these; to which subjects, of theirs or in headers, the server did not let us."""
        return self._refusals(_words(subject, reply, headers or {}, body) for subject in subjects)

    def refused_listening(self, patterns: Iterable[str], *, queue: str = "") -> set[str]:
        """Subscribe to all of these; to which the server did not let us. Ends the subscriptions again."""
        begun = [(pattern, next(self._numbers)) for pattern in patterns]
        refused = self._refusals(f"SUB {pattern} {queue} {number}\r\n".encode() for pattern, number in begun)
        self._refusals(f"UNSUB {number}\r\n".encode() for _, number in begun)
        return refused

    def listen(self, pattern: str) -> None:
        """Hear what comes on this pattern from now on."""
        assert not self._refusals([f"SUB {pattern} {next(self._numbers)}\r\n".encode()]), pattern

    def answers(
        self, subjects: Sequence[str], *, meanwhile: Callable[[], None] = lambda: None, body: bytes = b"?"
    ) -> dict[str, bytes]:
        """Ask on each of these; the first that was answered to each, headers included.

        `meanwhile` is called when all was asked: the time for others to answer.
        """
        base = f"{self.inbox}.{next(self._numbers)}"
        self.listen(f"{base}.*")
        asked = {f"{base}.{number}": subject for number, subject in enumerate(subjects)}
        before = len(self.heard)
        for reply, subject in asked.items():
            self._socket.sendall(_words(subject, reply, {}, body))
        self._settle()
        meanwhile()
        found: dict[str, bytes] = {}
        for reply, content in self.heard[before:]:
            if reply in asked:
                found.setdefault(asked[reply], content)
        before = len(self.heard)
        while len(found) < len(subjects):
            self.wait_for_more(before)
            for reply, content in self.heard[before:]:
                if reply in asked:
                    found.setdefault(asked[reply], content)
            before = len(self.heard)
        return found

    def answer_with(self, subject: str, headers: dict[str, str], body: bytes = b"?") -> bytes:
        """Publish with headers; what was answered."""
        reply = f"{self.inbox}.{next(self._numbers)}"
        self.listen(reply)
        before = len(self.heard)
        self._socket.sendall(_words(subject, reply, headers, body))
        self.wait_for_more(before)
        return self.heard[-1][1]

    def answer_all(self, body: bytes) -> None:
        """Answer what has come with a reply subject until now."""
        self._settle()
        for reply in self._replies:
            self._socket.sendall(_words(reply, "", {}, body))
        self._replies.clear()
        self._settle()

    def wait_for_more(self, than: int) -> None:
        """Read until more than so many messages have come. Raises TimeoutError when none does."""
        while len(self.heard) <= than:
            self._take(self._line())

    def settle(self) -> None:
        """Read until the server has dealt with all that was said to it."""
        self._settle()

    def _refusals(self, words: Iterable[bytes]) -> set[str]:
        self._refused.clear()
        self._socket.sendall(b"".join(words))
        self._settle()
        return set(self._refused)

    def _settle(self) -> None:
        self._socket.sendall(b"PING\r\n")
        while (line := self._line()) != b"PONG":
            self._take(line)

    def _take(self, line: bytes) -> None:
        words = line.split()
        if found := _REFUSED.match(line):
            self._refused.add(found[2].decode())
        elif words[:1] in ([b"MSG"], [b"HMSG"]):
            content = self._bytes(int(words[-1]) + 2)[:-2]
            self.heard.append((words[1].decode(), content))
            if len(words) == (5 if words[0] == b"MSG" else 6):
                self._replies.append(words[3].decode())
        elif line.startswith(b"-ERR"):
            raise NotLetIn(line.decode())
        elif words[:1] == [b"PING"]:
            self._socket.sendall(b"PONG\r\n")

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

    def _receive(self) -> None:
        received = self._socket.recv(1 << 20)
        if not received:
            raise NotLetIn("the server closed the connection")
        self._read += received

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()


def _words(subject: str, reply: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """A message as it is published."""
    if not headers:
        return f"PUB {subject} {reply} {len(body)}\r\n".encode() + body + b"\r\n"
    lines = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
    head = f"NATS/1.0\r\n{lines}\r\n".encode()
    sizes = f"HPUB {subject} {reply} {len(head)} {len(head) + len(body)}\r\n".encode()
    return sizes + head + body + b"\r\n"
