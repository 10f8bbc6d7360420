"""What is printed in a process that runs several attempts at a time: to each its own.

In the place of standard output and error stand two streams that look which attempt is printing, by its
context, and tell the agent so. What is printed outside of any goes where it always went: to the pipes.
"""

import codecs
import io
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal, TextIO, cast

from flyte._runtime.messages import Printed

Name = Literal["stdout", "stderr"]

MOST_HELD = 8 * 1024
"""How many characters of a line without an end are held back, and how many are told of at once."""
_ERRORS: dict[Name, str] = {"stdout": "strict", "stderr": "backslashreplace"}
"""What becomes of characters that UTF-8 cannot say, as Python has it for a process of one's own."""


class LaneOutput:
    """What one attempt prints, told line by line. Safe from any thread."""

    def __init__(self, tell: Callable[[Printed], None]) -> None:
        self._tell = tell
        self._held: dict[Name, list[str]] = {"stdout": [], "stderr": []}
        self._sizes: dict[Name, int] = {"stdout": 0, "stderr": 0}
        decoder = codecs.getincrementaldecoder("utf-8")
        self._decoders = {name: decoder(errors="backslashreplace") for name in self._held}
        self._lock = threading.RLock()
        self.is_over = False

    def write(self, name: Name, text: str) -> None:
        """Take text. Raises UnicodeEncodeError, and OSError when the agent is gone."""
        if not text.isascii():
            text = text.encode("utf-8", _ERRORS[name]).decode("utf-8")
        with self._lock:
            self._held[name].append(text)
            self._sizes[name] += len(text)
            if "\n" in text or self._sizes[name] >= MOST_HELD:
                self._flush(name)

    def write_bytes(self, name: Name, data: bytes) -> None:
        """Take bytes; those that are no text stand as escapes."""
        with self._lock:
            self.write(name, self._decoders[name].decode(data))

    def flush(self) -> None:
        """Tell all of it."""
        with self._lock:
            for name in self._held:
                self._flush(name)

    def close(self) -> None:
        """The attempt is over: tell the rest. What it prints from here on is told outside of any."""
        with self._lock:
            for name, decoder in self._decoders.items():
                self.write(name, decoder.decode(b"", True))
            self.flush()
            self.is_over = True

    def _flush(self, name: Name) -> None:
        text = "".join(self._held[name])
        self._held[name].clear()
        self._sizes[name] = 0
        for place in range(0, len(text), MOST_HELD):
            self._tell(Printed(stream=name, text=text[place : place + MOST_HELD]))


_here: ContextVar[LaneOutput | None] = ContextVar("flyte_output", default=None)


def print_to(output: LaneOutput) -> None:
    """What this context prints goes there."""
    _here.set(output)


def _current() -> LaneOutput | None:
    output = _here.get()
    return None if output is None or output.is_over else output


class LaneStream(io.TextIOBase):
    """Stands for `sys.stdout` or `sys.stderr`; `outside` is where it went before."""

    def __init__(self, name: Name, outside: TextIO) -> None:
        self._name = name
        self._outside = outside
        self.buffer = LaneBytes(name, outside)
        self.mode = "w"

    @property
    def name(self) -> str:
        return f"<{self._name}>"

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        return _ERRORS[self._name]

    @property
    def line_buffering(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        output = _current()
        if output is None:
            return self._outside.write(text)
        output.write(self._name, text)
        return len(text)

    def flush(self) -> None:
        output = _current()
        if output is None:
            self._outside.flush()
        else:
            output.flush()

    def reconfigure(self, **options: Any) -> None:
        """It stays as it is: it is everybody's."""

    def close(self) -> None:
        """It stays open for the others."""
        self.flush()

    def fileno(self) -> int:
        return self._outside.fileno()

    def isatty(self) -> bool:
        return False

    def writable(self) -> bool:
        return True


class LaneBytes(io.RawIOBase):
    """The bytes beneath such a stream."""

    def __init__(self, name: Name, outside: TextIO) -> None:
        self._name = name
        self._outside = outside

    def write(self, data: Any) -> int:
        output, raw = _current(), bytes(data)
        if output is None:
            self._outside.flush()
            self._outside.buffer.write(raw)
        else:
            output.write_bytes(self._name, raw)
        return len(raw)

    def flush(self) -> None:
        output = _current()
        if output is None:
            self._outside.buffer.flush()
        else:
            output.flush()

    def close(self) -> None:
        """It stays open for the others."""

    def fileno(self) -> int:
        return self._outside.fileno()

    def writable(self) -> bool:
        return True


@contextmanager
def streams_apart() -> Iterator[None]:
    """Within the block each context prints to where it was told to."""
    before = sys.stdout, sys.stderr
    for stream in before:
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    sys.stdout, sys.stderr = (
        cast(TextIO, LaneStream("stdout", before[0])),
        cast(TextIO, LaneStream("stderr", before[1])),
    )
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
