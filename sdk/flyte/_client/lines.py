"""A run's output as lines, for programs: what the log holds now, or what comes until an action has ended."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flyte._client.follow import Follower
from flyte._client.logs import LogOrder, LogPrinter
from flyte._client.trouble import say_on_stderr
from flyte._client.watch import RunWatch
from flyte_bus.ports import Bus
from flyte_schemas.envelope import Malformed
from flyte_schemas.events import LogWritten
from flyte_schemas.streams import LOGS
from flyte_schemas.subjects import ActionKey, log_subject


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of an attempt's output, without its line break; `at` is when its end was written."""

    attempt: int
    stream: str
    text: str
    at: datetime | None = None

    def to_dict(self) -> dict[str, Any]:
        """The line as JSON data."""
        at = self.at.isoformat() if self.at else None
        return {"attempt": self.attempt, "stream": self.stream, "text": self.text, "at": at}


def shown_line(line: LogLine, *, show_ts: bool) -> str:
    """A line of output, behind its time when that is wanted and known."""
    if not show_ts:
        return line.text
    at = line.at.isoformat(timespec="milliseconds") if line.at else "-"
    return f"{at} {line.text}"


async def kept_lines(bus: Bus, key: ActionKey, attempt: int | None = None) -> list[LogLine]:
    """The lines that the log holds of an action now, attempt by attempt. Raises the bus's errors."""
    order, times = LogOrder(), dict[tuple[int, int], datetime]()
    chunks: list[LogWritten] = []
    async with aclosing(bus.log.read(LOGS, log_subject(key))) as entries:
        async for entry in entries:
            if isinstance(entry.content, Malformed) or not isinstance(entry.content.data, LogWritten):
                continue
            chunk = entry.content.data
            times[chunk.attempt, chunk.offset] = entry.content.time
            chunks.extend(order.put(key.action, chunk))
    chunks.extend(chunk for _, chunk in order.flush())
    wanted = [chunk for chunk in chunks if attempt in (None, chunk.attempt)]
    lines = _lines(sorted(wanted, key=lambda chunk: chunk.attempt), times)
    return [line for line in lines if line.text or line.at]


def _lines(chunks: list[LogWritten], times: dict[tuple[int, int], datetime]) -> list[LogLine]:
    found: list[LogLine] = []
    partial: dict[tuple[int, str], str] = {}
    for chunk in chunks:
        at = times[chunk.attempt, chunk.offset]
        for segment in chunk.segments:
            place = (chunk.attempt, segment.stream)
            *whole, partial[place] = (partial.get(place, "") + segment.text).split("\n")
            found += [
                LogLine(attempt=chunk.attempt, stream=segment.stream, text=text, at=at) for text in whole
            ]
    found += [
        LogLine(attempt=attempt, stream=stream, text=text)
        for (attempt, stream), text in partial.items()
        if text
    ]
    return sorted(found, key=lambda line: line.attempt)


async def coming_lines(bus: Bus, key: ActionKey, attempt: int | None = None) -> AsyncGenerator[LogLine]:
    """The lines of an action from its beginning until it has ended. Raises the bus's errors."""
    lines: asyncio.Queue[LogLine | None] = asyncio.Queue()
    watch = RunWatch(bus, key.run)
    printer = _LineSink(key.action, attempt, watch, lines)
    follower = Follower(bus, watch, printer, say=say_on_stderr, action=key.action)
    waiting = asyncio.create_task(follower.wait())
    waiting.add_done_callback(lambda _: lines.put_nowait(None))
    try:
        while (line := await lines.get()) is not None:
            yield line
        await waiting
    finally:
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await waiting


class _LineSink(LogPrinter):
    """Puts the lines of one action into a queue."""

    def __init__(
        self, action: str, attempt: int | None, watch: RunWatch, lines: "asyncio.Queue[LogLine | None]"
    ) -> None:
        super().__init__(sys.stdout, sys.stderr, watch.task_of)
        self._action, self._attempt, self._lines = action, attempt, lines

    def _line(self, action: str, attempt: int, stream: str, line: str) -> None:
        if action == self._action and self._attempt in (None, attempt):
            self._lines.put_nowait(LogLine(attempt=attempt, stream=stream, text=line.removesuffix("\n")))


class ActionPrinter(LogPrinter):
    """Prints the output of one action only, as it is."""

    def __init__(self, action: str, watch: RunWatch) -> None:
        super().__init__(sys.stdout, sys.stderr, watch.task_of)
        self._action = action

    def _line(self, action: str, attempt: int, stream: str, line: str) -> None:
        if action == self._action:
            self._streams[stream].write(line)
