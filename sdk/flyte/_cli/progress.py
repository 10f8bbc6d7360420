"""The live view of a run on a terminal: its output scrolls above, its tree stands below, one line remains.

The tree is drawn a few times a second from the fold that the wait keeps anyway, never once per event; so ten
thousand actions are as calm as ten. Without a terminal there is no view, and the output is plain lines.
"""

import asyncio
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from rich.console import Console
from rich.live import Live
from rich.text import Text

from flyte._cli.tree import Picture, draw
from flyte._cli.view import Pace, render, rows_for, summary
from flyte._client.logs import LogPrinter
from flyte._client.racing import first_of
from flyte._client.watch import RunWatch
from flyte._screen import drawing
from flyte._syncify import block_on

if TYPE_CHECKING:
    from typing import TextIO

    from flyte._client.runs import Run


def wait_with_progress(run: "Run") -> None:
    """`run.wait()` with the live view. Raises what `wait` raises."""
    console = Console(file=sys.stdout, highlight=False)
    with drawing(), Live(console=console, auto_refresh=False, transient=True, redirect_stderr=False) as live:
        picture = block_on(_attend(run, live))
    console.print(summary(run.name, picture), soft_wrap=True)


async def _attend(run: "Run", live: Live) -> Picture:
    watch = await run.watched()
    screen = cast("TextIO", _Above(live.console))

    def say(text: str) -> None:
        live.console.print(Text(text, style="dim"), soft_wrap=True)

    await first_of(
        run.follow(watch, LogPrinter(screen, screen, watch.task_of), say=say), _redraw(watch, live)
    )
    return draw(watch.fold, datetime.now(UTC), limit=1)


async def _redraw(watch: RunWatch, live: Live) -> None:
    pace = Pace()
    while True:
        with pace.drawing():
            picture = draw(watch.fold, datetime.now(UTC), rows_for(live.console))
            live.update(render(picture), refresh=True)
        await asyncio.sleep(pace.pause_s)


class _Above:
    """A stream whose lines appear above the view."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def write(self, line: str) -> int:
        self._console.print(Text.from_ansi(line.removesuffix("\n")), soft_wrap=True)
        return len(line)

    def flush(self) -> None:
        """Nothing is kept back."""
