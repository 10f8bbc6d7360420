"""A terminal takes orders from what is written to it: to fill the clipboard, to answer as if one had typed.

What tasks print and raise, and what others call things, is written to the terminal of who looks. So of
control sequences only colours pass, and where we draw ourselves what moves the cursor; all others are shown
as text. Who redirects the output gets every byte as it is.
"""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

_CONTROL = r"[\x00-\x07\x0b\x0c\x0e-\x1f\x7f-\x9f]"
_COLOURED = re.compile(rf"\x1b\[[0-9;:]*m|({_CONTROL})")
_DRAWN = re.compile(rf"\x1b\[[0-9;:]*[A-HJKm]|\x1b\[\?25[hl]|({_CONTROL})")


class Screen:
    """A stream that leads to a terminal; all else of it is as the stream has it."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.allowed = _COLOURED

    def write(self, text: str) -> int:
        self.stream.write(self.allowed.sub(_harmless, text))
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def guard() -> None:
    """From here on terminals are written to by way of a Screen."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and stream.isatty() and not isinstance(stream, Screen):
            setattr(sys, name, cast(TextIO, Screen(stream)))


def leave() -> None:
    """What is written from here on is of the user's own code, on this machine: it may do as it likes."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, Screen):
            setattr(sys, name, stream.stream)


@contextmanager
def drawing() -> Iterator[None]:
    """Within the block the cursor may be moved, too."""
    screens = [stream for stream in (sys.stdout, sys.stderr) if isinstance(stream, Screen)]
    before = [screen.allowed for screen in screens]
    for screen in screens:
        screen.allowed = _DRAWN
    try:
        yield
    finally:
        for screen, allowed in zip(screens, before, strict=True):
            screen.allowed = allowed


def _harmless(found: re.Match[str]) -> str:
    return repr(found[1])[1:-1] if found[1] else found[0]
