"""A terminal for tests: commands typed on a pseudo-terminal, and all that they wrote there."""

import os
import pty
import re
import subprocess
from collections.abc import Callable

from testkit.cli import Cli, clean_environment, command

LIMIT_S = 90
MOVES = re.compile(r"\x1b\[\d*A|\x1b\[2K|\x1b\[\?25[lh]")
"""Moves of the cursor and lines taken back: what only a live view writes."""


def typed_on_a_terminal(
    cli: Cli, *words: str, answer: str = "", look: Callable[[str], None] = lambda _: None
) -> tuple[int, str]:
    """Type `flyte …` on a terminal of 100 by 40, then `answer`; the exit code, and all that was written.

    Meanwhile `look` is given what was written so far, whenever there is more.
    """
    ours, theirs = pty.openpty()
    os.set_blocking(ours, True)
    environment = clean_environment(**cli.variables) | {
        "TERM": "xterm-256color",
        "COLUMNS": "100",
        "LINES": "40",
    }
    process = subprocess.Popen(
        [command("flyte"), *words],
        cwd=cli.folder,
        env=environment,
        stdin=theirs if answer else subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    if answer:
        os.write(ours, answer.encode())
    written = b""
    try:
        while chunk := _read(ours):
            written += chunk
            look(written.decode(errors="replace"))
        return process.wait(LIMIT_S), written.decode(errors="replace")
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def without_codes(written: str) -> str:
    """The text alone."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written).replace("\r", "")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # nobody has the other end open any more
        return b""
