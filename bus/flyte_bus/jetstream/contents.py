"""What a message of a stream says, and whether it is one.

To a subject that a reader listens to, others can have the server send too: an answer goes where its
asker wants it. What the server reads from a stream has its own words about that last among the headers, so
who looks at these takes nothing that is not in the log.
"""

from collections.abc import Callable
from functools import lru_cache

from flyte_bus.jetstream.client import header, number
from flyte_bus.matching import matches
from flyte_schemas.envelope import AnyEvent, Malformed, decode


class Expected:
    """Tells the messages that a stream has on the subjects of a pattern from all others."""

    def __init__(self, stream: str, pattern: str) -> None:
        self._line = f"\r\nNats-Stream: {stream}\r\n".encode()
        self._is_wanted = _matcher(pattern)

    def place(self, headers: bytes) -> tuple[bytes, int] | None:
        """Subject and sequence of a message of the stream; None for anything else."""
        if not headers.startswith(self._line, headers.rfind(b"\r\nNats-Stream:")):
            return None
        subject, sequence = header(headers, b"Nats-Subject"), number(headers, b"Nats-Sequence")
        return None if subject is None or sequence is None else (subject, sequence)

    def wants(self, subject: bytes) -> bool:
        """Whether the pattern means this subject."""
        return self._is_wanted(subject)


@lru_cache(maxsize=256)
def _matcher(pattern: str) -> Callable[[bytes], bool]:
    """As `matches`, for the bytes of a subject; quick where the wildcards stand at the end."""
    tokens = pattern.split(".")
    literal = [token for token in tokens if token not in ("*", ">")]
    wild = tokens[len(literal) :]
    if tokens[: len(literal)] != literal or not wild or ">" in wild[:-1]:
        return lambda subject: matches(pattern, subject.decode())
    prefix, dots, is_open = (".".join(literal) + ".").encode(), len(wild) - 1, wild[-1] == ">"

    def is_meant(subject: bytes) -> bool:
        if not subject.startswith(prefix):
            return False
        found = subject.count(b".", len(prefix))
        return found >= dots if is_open else found == dots

    return is_meant


def content_of(raw: bytes) -> AnyEvent | Malformed:
    """What the bytes say, or why nobody can read them."""
    try:
        return decode(raw)
    except Malformed as error:
        return error


def id_of(raw: bytes) -> str | None:
    """The id of the event that the bytes are; None when they are none."""
    content = content_of(raw)
    return None if isinstance(content, Malformed) else content.id
