"""A program with a limit, of which nothing is left running, nor of what it has started."""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from flyte_bus.process import is_alive, start_time
from testkit.processes import below

GRACE_S = 5.0
"""Between the signal that asks and the one that does not."""
LAST_WORDS = 300
"""How many characters of what a program printed tell why it failed."""
_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a program; `failure` is "" when it ended well."""

    output: str
    failure: str


def run(words: Sequence[str | Path], folder: Path, variables: Mapping[str, str], limit_s: float) -> Done:
    """Run a program in `folder`, for `limit_s` seconds at most, and end all that it leaves behind."""
    output, errors = folder / "output", folder / "errors"
    with output.open("w") as out, errors.open("w") as err, nothing_left():
        try:
            process = subprocess.Popen(
                words,
                cwd=folder,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        except OSError as error:
            return Done("", str(error))
        try:
            process.wait(limit_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return Done(output.read_text(errors="replace"), f"it had not ended after {limit_s:g} s")
    said = output.read_text(errors="replace")
    if process.returncode:
        why = last_words(errors.read_text(errors="replace")) or last_words(said) or "it said nothing"
        return Done(said, f"exit code {process.returncode}: {why}")
    return Done(said, "")


def last_words(text: str) -> str:
    """The last line that was printed, if it is not too long."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:LAST_WORDS] if lines else ""


@contextmanager
def nothing_left() -> Iterator[None]:
    """End the processes that were started in the block, also orphans: those come to us."""
    libc = ctypes.CDLL(None, use_errno=True)
    before = set(below(os.getpid()))
    libc.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        _end(lambda: [pid for pid in below(os.getpid()) if pid not in before])
        libc.prctl(_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def _end(left: Callable[[], list[int]]) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        for pid, started in [(pid, start_time(pid)) for pid in left()]:
            if is_alive(pid, started):
                with suppress(ProcessLookupError):
                    os.kill(pid, sign)
        limit = time.monotonic() + GRACE_S
        while left() and time.monotonic() < limit:
            _bury(left())
            time.sleep(0.05)


def _bury(pids: list[int]) -> None:
    for pid in pids:
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            continue  # its parent is another one that ends
