"""A run played again: its events come as they came, faster; as lines, or as a live tree on a terminal."""

import asyncio
import math
import sys
import time
from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from flyte import _session
from flyte._cli.story import event_line
from flyte._cli.tree import Picture, draw
from flyte._cli.view import Pace, render, rows_for, summary
from flyte._client.past import Past, Told, tell
from flyte._client.phases import unknown
from flyte._client.racing import first_of
from flyte._client.trouble import translated
from flyte._screen import drawing
from flyte_schemas.run import RunFold
from flyte_schemas.subjects import ROOT_ACTION, RunKey

WIDTH = 160
"""Of a picture that no terminal limits."""
MOST_ROWS = 10_000
"""Of a picture that stands still."""


class Player:
    """Folds the events of a run when their time has come, `speed` times as fast as they came."""

    def __init__(self, speed: float) -> None:
        self.fold = RunFold()
        self.sequence = 0
        self._speed = speed
        self._first: datetime | None = None
        self._last: datetime | None = None
        self._started = 0.0

    def now(self) -> datetime | None:
        """The time in the run's life; None before its first event."""
        if self._first is None or self._last is None or math.isinf(self._speed):
            return self._last
        played_s = (time.monotonic() - self._started) * self._speed
        return max(self._last, self._first + timedelta(seconds=played_s))

    async def take(self, told: Told) -> None:
        """Wait until the next event is due, and fold it."""
        if self._first is None:
            self._first, self._started = told.clock, time.monotonic()
        due_s = (told.clock - self._first).total_seconds() / self._speed
        await asyncio.sleep(max(0.0, due_s - (time.monotonic() - self._started)))
        self.fold.apply(told.action, told.event, told.sequence)
        self._last, self.sequence = told.clock, told.sequence

    def picture(self, limit: int) -> Picture:
        """The run as it is being played."""
        return draw(self.fold, self.now() or datetime.now(UTC), limit)

    def stop(self) -> None:
        """Stand still at the last event."""
        self._speed = math.inf


async def play_in_lines(run: RunKey, speed: float) -> None:
    """Print each event when its time has come. Raises LookupError for a run that the log does not have."""
    player = Player(speed)
    await _play(run, player, lambda told: print(event_line(told.action, told.event), flush=True))
    _console().print(summary(run.run, player.picture(1)), soft_wrap=True)


async def play_on_terminal(run: RunKey, speed: float) -> None:
    """Draw the tree while the run is played. Raises as `play_in_lines` does."""
    player, console = Player(speed), _console()
    caption = "as fast as it goes" if math.isinf(speed) else f"{speed:g}x"
    with drawing(), Live(console=console, auto_refresh=False, transient=True) as live:
        await first_of(_play(run, player, lambda _: None), _redraw(player, live, caption))
        player.stop()
        picture = player.picture(rows_for(console))
    console.print(render(picture))
    console.print(summary(run.run, player.picture(1)), soft_wrap=True)


def show(past: Past) -> None:
    """Print a run as it was."""
    console = _console()
    head = f"run {past.run.run} as of sequence {past.sequence}, {_time_text(past.time)}"
    console.print(Text(head), soft_wrap=True)
    console.print(render(draw(past.fold, past.time, MOST_ROWS)))


async def _play(run: RunKey, player: Player, heard: Callable[[Told], None]) -> None:
    with translated():
        async with aclosing(tell(await _session.client().bus(), run)) as story:
            async for told in story:
                await player.take(told)
                heard(told)
    if not player.sequence:
        raise LookupError(unknown(run.action(ROOT_ACTION)))


async def _redraw(player: Player, live: Live, caption: str) -> None:
    pace = Pace()
    while True:
        with pace.drawing():
            now = player.now()
            place = f"{_time_text(now)}  sequence {player.sequence}  {caption}" if now else caption
            picture = render(player.picture(rows_for(live.console)))
            live.update(Group(picture, Text(place, style="dim")), refresh=True)
        await asyncio.sleep(pace.pause_s)


def _console() -> Console:
    is_terminal = sys.stdout.isatty()
    return Console(file=sys.stdout, highlight=False, width=None if is_terminal else WIDTH)


def _time_text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3] + "Z"
