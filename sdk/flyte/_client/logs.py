"""A run's output, in order: each attempt's bytes once and without a gap, whoever wrote meanwhile.

Chunks of one attempt carry the offset of their first byte. `LogOrder` keeps what comes early until what is
missing has come; `LogPrinter` puts whole lines on the terminal, so that lines of parallel actions stay whole.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TextIO

from flyte_bus.ports import Bus
from flyte_schemas.envelope import Malformed
from flyte_schemas.events import LogSegment, LogWritten
from flyte_schemas.streams import LOGS
from flyte_schemas.subjects import ROOT_ACTION, RunKey, log_filter, parse_action

AttemptOf = tuple[str, int]
"""An action's name and the number of its attempt."""


@dataclass(slots=True)
class _Progress:
    next_offset: int = 0
    early: dict[int, LogWritten] = field(default_factory=dict)


class LogOrder:
    """Puts chunks of many attempts into the order in which each attempt wrote them."""

    def __init__(self) -> None:
        self._progress: dict[AttemptOf, _Progress] = {}

    def put(self, action: str, chunk: LogWritten) -> Iterator[LogWritten]:
        """The chunks that may be shown now that this one is there."""
        progress = self._progress.setdefault((action, chunk.attempt), _Progress())
        if chunk.offset < progress.next_offset:
            return
        progress.early[chunk.offset] = chunk
        while (following := progress.early.pop(progress.next_offset, None)) is not None:
            progress.next_offset += following.size_bytes
            yield following
            if following.size_bytes == 0:
                return

    def reached(self, attempt: AttemptOf) -> int:
        """How many bytes of an attempt's output were handed out."""
        progress = self._progress.get(attempt)
        return progress.next_offset if progress else 0

    def is_complete(self, ends: dict[AttemptOf, int]) -> bool:
        """Whether all output up to these ends was handed out."""
        return all(self.reached(attempt) >= end for attempt, end in ends.items())

    def missing(self, ends: dict[AttemptOf, int]) -> int:
        """How many bytes up to these ends were not."""
        return sum(max(0, end - self.reached(attempt)) for attempt, end in ends.items())

    def flush(self) -> Iterator[tuple[str, LogWritten]]:
        """What is left behind a gap that nobody will fill (the log forgets by age)."""
        for (action, _), progress in self._progress.items():
            for offset in sorted(progress.early):
                yield action, progress.early[offset]
            progress.early.clear()


class LogPrinter:
    """Writes output line by line: the root action's as it is, a child's behind `[task action] `."""

    def __init__(self, out: TextIO, err: TextIO, task_of: Callable[[str], str | None]) -> None:
        self._streams = {"stdout": out, "stderr": err}
        self._task_of = task_of
        self._partial: dict[tuple[str, int, str], str] = {}

    def write(self, action: str, chunk: LogWritten) -> None:
        """Print the whole lines of a chunk; the rest of a line waits for its end."""
        for segment in chunk.segments:
            self._write(action, chunk.attempt, segment)
        for stream in self._streams.values():
            stream.flush()

    def finish(self) -> None:
        """Print the lines that never ended."""
        for (action, attempt, stream), text in self._partial.items():
            if text:
                self._line(action, attempt, stream, f"{text}\n")
        self._partial.clear()
        for out in self._streams.values():
            out.flush()

    def _write(self, action: str, attempt: int, segment: LogSegment) -> None:
        key = (action, attempt, segment.stream)
        *lines, rest = (self._partial.get(key, "") + segment.text).split("\n")
        for line in lines:
            self._line(action, attempt, segment.stream, f"{line}\n")
        self._partial[key] = rest

    def _line(self, action: str, attempt: int, stream: str, line: str) -> None:
        self._streams[stream].write(line if action == ROOT_ACTION else f"[{self._name(action)}] {line}")

    def _name(self, action: str) -> str:
        task = self._task_of(action)
        return f"{task} {action}" if task else action


class JsonPrinter(LogPrinter):
    """Writes each line of output as a JSON document of its own."""

    def __init__(self, out: TextIO) -> None:
        super().__init__(out, out, lambda _: None)

    def _line(self, action: str, attempt: int, stream: str, line: str) -> None:
        said = {"action": action, "attempt": attempt, "stream": stream, "text": line.removesuffix("\n")}
        self._streams[stream].write(f"{json.dumps(said, ensure_ascii=False)}\n")


async def print_kept(bus: Bus, key: RunKey, printer: LogPrinter) -> None:
    """Print the output that the log holds of a run now. Raises the bus's errors."""
    order = LogOrder()
    async with aclosing(bus.log.read(LOGS, log_filter(key))) as entries:
        async for entry in entries:
            place = parse_action(entry.subject)
            if place is None or isinstance(entry.content, Malformed):
                continue
            if isinstance(entry.content.data, LogWritten):
                for chunk in order.put(place.action, entry.content.data):
                    printer.write(place.action, chunk)
    for action, chunk in order.flush():
        printer.write(action, chunk)
    printer.finish()
