"""What was said in a run: its events, and its output.

The output of an attempt comes in chunks that may repeat or come out of order, so lines are made from the
first chunk on. Where a reader goes on, what was made for the page before it is taken up again; only for a
place that nobody has just left is the output read from its beginning.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing

import orjson

from flyte._cli.story import event_text
from flyte_bus.history import read_action
from flyte_bus.ports import Bus, Entry
from flyte_console.admission import asked_for, unknown
from flyte_console.answers.words import EventLine, Events
from flyte_console.core.asks import Ask
from flyte_console.core.lines import Line, LogLines, characters
from flyte_console.routes import Encoded
from flyte_console.settings import ConsoleSettings
from flyte_console.streams import Sent
from flyte_console.tail import Output, tail
from flyte_console.views import BREATH, RunView, RunViews
from flyte_schemas.envelope import Malformed
from flyte_schemas.streams import LOGS, RUNS
from flyte_schemas.subjects import (
    ROOT_ACTION,
    ActionKey,
    action_subject,
    parse_action,
    run_filter,
)

BREATH_BYTES = 1024**2
"""Others have their turn after so much of an output, as after `BREATH` messages of it."""


class WordAnswers:
    """The handlers."""

    def __init__(self, bus: Bus, views: RunViews, settings: ConsoleSettings) -> None:
        self._bus = bus
        self._views = views
        self._settings = settings
        self._left: OrderedDict[tuple[Output, int], LogLines] = OrderedDict()
        """Where readers of output have stopped, and what they know there."""

    async def events(self, ask: Ask) -> Events:
        """The events of a run, or of one action of it, in the order of the log."""
        key, action = ask.run, ask.named("action")
        after = ask.whole("after", default=0)
        limit = ask.whole("limit", default=200, at_least=1, at_most=self._settings.max_events)
        subject = run_filter(key) if action is None else action_subject(key.action(action))
        found: list[EventLine] = []
        is_more = False
        async with asyncio.timeout(self._settings.ask_patience_s):
            async with aclosing(self._bus.log.read(RUNS, subject, after=after)) as entries:
                async for entry in entries:
                    if is_more := len(found) == limit:
                        break
                    found.append(_event_line(entry))
            if not found:
                await self._has_ended(key.action(action or ROOT_ACTION))
        last = found[-1].sequence if found else after
        return Events(events=tuple(found), next=last if is_more else None, as_of=last)

    async def logs(self, ask: Ask) -> Encoded:
        """The output of a run, or of one action or attempt of it."""
        output, after = _output(ask), ask.whole("after", default=0)
        limit = ask.whole("limit", default=1000, at_least=1, at_most=self._settings.max_lines)
        found: list[Line] = []
        size, is_more = 0, False
        async with asyncio.timeout(self._settings.read_patience_s):
            lines = await self._at(output, after)
            async with aclosing(self._bus.log.read(LOGS, output.subject, after=lines.as_of)) as entries:
                async for entry in entries:
                    if is_more := len(found) >= limit or size >= self._settings.max_characters:
                        break
                    more = lines.take(entry.subject, entry.content, entry.sequence)
                    found += more
                    size += characters(more)
            as_of = lines.as_of
            if not is_more:
                if await self._has_ended(output.run.action(output.action or ROOT_ACTION)):
                    found += lines.flush()
                found += lines.rest()
        self._leave(output, lines)
        return Encoded(orjson.dumps({"lines": found, "next": as_of if is_more else None, "as_of": as_of}))

    async def stream(self, ask: Ask) -> AsyncGenerator[Sent]:
        """The output that has come since, and that comes, until nothing more can."""
        output, after = _output(ask), ask.whole("after", default=0)
        async with self._views.watching(output.run) as view:
            await self._views.read(view)
            if not _is_there(view, output):
                await self._has_ended(output.run.action(output.action or ROOT_ACTION))
            yield Sent()
            lines = await self._at(output, after)
            with view.listening() as bell:
                async with aclosing(tail(self._bus, view, output, lines, bell, self._settings)) as messages:
                    async for message in messages:
                        yield message

    async def _at(self, output: Output, after: int) -> LogLines:
        """What is known of the output at a place; from there on it gives what is new."""
        lines = self._left.pop((output, after), None)
        if lines is not None or not after:
            return lines or LogLines(output.attempt)
        lines, count, size = LogLines(output.attempt), 0, 0
        async with aclosing(self._bus.log.read(LOGS, output.subject)) as entries:
            async for entry in entries:
                if entry.sequence > after:
                    break
                lines.take(entry.subject, entry.content, entry.sequence)
                count += 1
                size += len(entry.raw)
                if not count % BREATH or size >= BREATH_BYTES:
                    size = 0
                    await asyncio.sleep(0)
        lines.as_of = max(lines.as_of, after)
        return lines

    def _leave(self, output: Output, lines: LogLines) -> None:
        self._left[output, lines.as_of] = lines
        if len(self._left) > self._settings.max_left:
            self._left.popitem(last=False)

    async def _has_ended(self, key: ActionKey) -> bool:
        """Whether an action has ended. Raises Trouble when nobody has asked for it."""
        state, _ = await read_action(self._bus.log, key)
        if state.phase is None and (not key.is_root or await asked_for(self._bus, key.run) is None):
            raise unknown(key)
        return state.is_terminal


def _output(ask: Ask) -> Output:
    attempt = ask.whole("attempt", default=0)
    return Output(ask.run, ask.named("action"), attempt or None)


def _is_there(view: RunView, output: Output) -> bool:
    return len(view.rows) > 0 if output.action is None else view.rows.row(output.action) is not None


def _event_line(entry: Entry) -> EventLine:
    place = parse_action(entry.subject)
    action = place.action if place else ""
    if isinstance(entry.content, Malformed):
        return EventLine(
            sequence=entry.sequence,
            action=action,
            type="",
            time=None,
            text=f"nobody can read this: {entry.content}",
            event={},
        )
    return EventLine(
        sequence=entry.sequence,
        action=action,
        type=entry.content.type,
        time=entry.content.time,
        text=event_text(entry.content),
        event=orjson.loads(entry.raw),
    )
