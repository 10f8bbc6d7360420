"""Words that wait for a bus that is away: one file a writer, in order, delivered by him or by who finds it.

The file begins with how far it was delivered, in ten digits and a line's end; then comes one event a line, as
it will stand in the log. An event's id is its own, so one that is delivered twice counts once. Half a line at
the end is of a writer who was killed while he wrote it: nobody was told that it is kept.
"""

import os
import stat
from collections import deque
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Protocol

from flyte_bus.errors import BusError, BusUnavailable, StreamFull
from flyte_bus.facts import Facts
from flyte_bus.ports import EventLog
from flyte_bus.process import is_alive, start_time
from flyte_schemas.envelope import MAX_EVENT_BYTES, Malformed, decode
from flyte_schemas.subjects import ActionKey, action_subject, log_subject

log = Facts(__name__)

_HEAD_BYTES = 11
SUFFIX = ".events"


class Spool(Protocol):
    """Where the words of one writer wait, in order. Each is the bytes of an event, without a line's end."""

    @property
    def size_bytes(self) -> int:
        """How much waits."""
        ...

    def add(self, raw: bytes, *, safely: bool = False) -> None:
        """Keep a word; with `safely` it outlasts a power cut. Raises OSError when there is no room."""
        ...

    def first(self) -> bytes:
        """The word that has waited longest; there must be one."""
        ...

    def drop(self) -> None:
        """The first has been delivered."""
        ...

    def clear(self) -> None:
        """Nothing of it is wanted any more."""
        ...


class SpoolFile:
    """A spool on disk. The file is there only while something waits."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = -1
        self._position = 0
        self._lengths: deque[int] = deque()
        self._end = 0

    @property
    def size_bytes(self) -> int:
        return self._end - self._position

    def add(self, raw: bytes, *, safely: bool = False) -> None:
        if self._file < 0:
            self._create()
        line = raw + b"\n"
        if os.pwrite(self._file, line, self._end) < len(line):
            os.ftruncate(self._file, self._end)
            raise OSError(f"{self.path} could not be written to its end: the disk is full")
        self._end += len(line)
        self._lengths.append(len(line))
        if safely:
            os.fsync(self._file)

    def first(self) -> bytes:
        return os.pread(self._file, self._lengths[0] - 1, self._position)

    def drop(self) -> None:
        self._position += self._lengths.popleft()
        if self._lengths:
            self._note()
        else:
            self.clear()

    def clear(self) -> None:
        if self._file >= 0:
            self.path.unlink(missing_ok=True)
            os.close(self._file)
        self._file = -1
        self._position = self._end = 0
        self._lengths.clear()

    def leave(self) -> None:
        """Close the file; what waits in it is for others to deliver."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _create(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._position = self._end = _HEAD_BYTES
        try:
            self._note()
        except OSError:
            self.clear()
            raise

    def _note(self) -> None:
        os.pwrite(self._file, b"%010d\n" % self._position, 0)


def spool_path(folder: Path, pid: int, lane: int = 0) -> Path:
    """Where a spool of this living process is: named so that others can tell when that is gone.

    Of a process that has several at a time, each has a `lane` of its own.
    """
    return folder / f"{pid}.{_started(pid)}{f'.{lane}' if lane else ''}{SUFFIX}"


@cache
def _started(pid: int) -> str:
    """When this living process started: what never changes."""
    return start_time(pid)


def left_spools(folder: Path) -> list[Path]:
    """The spools of processes of this machine that are gone."""
    found = []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        pid, started, *_ = [*path.name.removesuffix(SUFFIX).split("."), ""]
        if pid.isdecimal() and not is_alive(int(pid), started):
            found.append(path)
    return found


async def deliver_left(path: Path, events: EventLog, *, of: ActionKey | None = None) -> int:
    """Append what waits in a spool whose writer is gone, then remove it; how many words there were.

    A word that the log refuses for good is skipped, and said so. With `of` so is one that is not about that
    action: whoever wrote the spool is not to say more by our mouth. Raises BusUnavailable: the file stays.
    """
    count = 0
    for raw in _waiting(path):
        try:
            event = decode(raw)
            if of is not None and event.subject not in (action_subject(of), log_subject(of)):
                raise Malformed(f"{event.subject} is not about {of}")
            await events.append(event)
            count += 1
        except (BusUnavailable, StreamFull):
            raise
        except (BusError, Malformed) as error:
            log.error(
                "spool.word.refused",
                spool=str(path),
                error=str(error),
                excerpt=raw[:200].decode("utf-8", "replace"),
            )
    path.unlink(missing_ok=True)  # noqa: ASYNC240
    return count


def _waiting(path: Path) -> Iterator[bytes]:
    """The whole lines that were not delivered yet; nothing of what is no plain file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    with os.fdopen(descriptor, "rb") as file:
        head = file.read(_HEAD_BYTES) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""
        if len(head) == _HEAD_BYTES and head[:-1].isdigit():
            file.seek(int(head))
            while line := file.readline(MAX_EVENT_BYTES + 1):
                if line.endswith(b"\n"):
                    yield line[:-1]
