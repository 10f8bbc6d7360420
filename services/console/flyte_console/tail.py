"""The end of a log, followed: lines as they come, until nothing more can."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import orjson

from flyte_bus.ports import Bus
from flyte_console.core.lines import Line, LogLines, characters
from flyte_console.settings import ConsoleSettings
from flyte_console.streams import Sent
from flyte_console.views import RunView, rang
from flyte_schemas.streams import LOGS
from flyte_schemas.subjects import RunKey, log_filter, log_subject


@dataclass(frozen=True, slots=True)
class Output:
    """Whose output is asked for: a run's, or only one action's, or attempt's."""

    run: RunKey
    action: str | None
    attempt: int | None

    @property
    def subject(self) -> str:
        """Where in LOGS it is."""
        return log_filter(self.run) if self.action is None else log_subject(self.run.action(self.action))

    def has_ended(self, view: RunView) -> bool:
        """Whether nobody writes any more."""
        return view.is_settled if self.action is None else view.rows.has_ended(self.action)

    def ends(self, view: RunView) -> dict[tuple[str, int], int | None]:
        """How much each attempt has written."""
        return {place: end for place, end in view.rows.ends().items() if self.action in (None, place[0])}


class _Pump:
    """Reads ahead of one reader, as far as there is room for what it has not taken."""

    def __init__(self, lines: LogLines, bell: asyncio.Event, settings: ConsoleSettings) -> None:
        self.lines = lines
        self.waiting: list[Line] = []
        self._characters = 0
        self._bell = bell
        self._settings = settings
        self._taken = asyncio.Event()

    async def run(self, bus: Bus, subject: str) -> None:
        async with aclosing(bus.log.follow(LOGS, subject, after=self.lines.as_of)) as entries:
            async for entry in entries:
                while not self._has_room():
                    self._taken.clear()
                    await self._taken.wait()
                found = self.lines.take(entry.subject, entry.content, entry.sequence)
                self.waiting += found
                self._characters += characters(found)
                self._bell.set()

    def _has_room(self) -> bool:
        settings = self._settings
        return len(self.waiting) < settings.max_lines and self._characters < settings.max_characters

    def take(self) -> Sent:
        """All that is there, as one message."""
        found, self.waiting, self._characters = self.waiting, [], 0
        self._taken.set()
        return _sent(found, self.lines.as_of)


async def tail(
    bus: Bus, view: RunView, output: Output, lines: LogLines, bell: asyncio.Event, settings: ConsoleSettings
) -> AsyncGenerator[Sent]:
    """The lines that come from here on. `bell` rings when the view has changed.

    When the last attempt has ended, what it has written is waited for a little: it may be on its way still.
    """
    pump = _Pump(lines, bell, settings)
    pumping = asyncio.create_task(pump.run(bus, output.subject))
    pumping.add_done_callback(lambda _: bell.set())
    looks = settings.last_looks
    try:
        while looks:
            if pump.waiting:
                yield pump.take()
                await asyncio.sleep(settings.bunch_s)
            elif pumping.done():
                pumping.result()
                return
            elif not output.has_ended(view):
                if not await rang(bell, settings.heartbeat_s):
                    yield Sent()
            elif lines.is_complete(output.ends(view)):
                break
            else:
                looks -= not await rang(bell, settings.last_look_s)
        if rest := [*lines.flush(), *lines.rest()]:
            yield _sent([line | {"partial": False} for line in rest], lines.as_of)
        yield Sent("end", orjson.dumps({"as_of": lines.as_of}), lines.as_of)
    finally:
        pumping.cancel()
        await asyncio.wait([pumping])


def _sent(lines: list[Line], as_of: int) -> Sent:
    return Sent("lines", orjson.dumps({"lines": lines, "as_of": as_of}), as_of)
