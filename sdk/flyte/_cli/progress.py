"""The live view of a run on a terminal: its output scrolls above, its tree stands below, one line remains.

The tree is drawn a few times a second from the fold that the wait keeps anyway, never once per event; so ten
thousand actions are as calm as ten. Without a terminal there is no view, and the output is plain lines.
"""

import asyncio
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from flyte._cli.show import seconds_text
from flyte._cli.tree import Counts, Picture, Row, draw
from flyte._client.logs import LogPrinter
from flyte._client.racing import first_of
from flyte._client.watch import RunWatch
from flyte._syncify import block_on
from flyte_schemas.phase import ActionPhase

if TYPE_CHECKING:
    from typing import TextIO

    from flyte._client.runs import Run

REDRAW_S = 0.25
"""The tree is drawn anew so often, whatever happens in between."""
PAUSE_PER_DRAWING = 9
"""So many times as long as a drawing took, at least, the wait itself has the processor."""
MOST_ROWS = 30
LEAST_ROWS = 4
ROWS_FOR_OUTPUT = 6
"""Lines of the terminal that are left to the output."""

_MARKS = {
    ActionPhase.QUEUED: ("·", "dim"),
    ActionPhase.WAITING_FOR_RESOURCES: ("◌", "dim"),
    ActionPhase.INITIALIZING: ("◍", "cyan"),
    ActionPhase.RUNNING: ("●", "cyan"),
    ActionPhase.SUCCEEDED: ("✓", "green"),
    ActionPhase.FAILED: ("✗", "bold red"),
    ActionPhase.TIMED_OUT: ("✗", "bold red"),
    ActionPhase.ABORTED: ("⊘", "yellow"),
}


def wait_with_progress(run: "Run") -> None:
    """`run.wait()` with the live view. Raises what `wait` raises."""
    console = Console(file=sys.stdout, highlight=False)
    with Live(console=console, auto_refresh=False, transient=True, redirect_stderr=False) as live:
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
    while True:
        height = live.console.size.height - ROWS_FOR_OUTPUT
        limit = min(MOST_ROWS, max(LEAST_ROWS, height))
        began = time.perf_counter()
        live.update(render(draw(watch.fold, datetime.now(UTC), limit)), refresh=True)
        await asyncio.sleep(max(REDRAW_S, PAUSE_PER_DRAWING * (time.perf_counter() - began)))


class _Above:
    """A stream whose lines appear above the view."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def write(self, line: str) -> int:
        self._console.print(Text.from_ansi(line.removesuffix("\n")), soft_wrap=True)
        return len(line)

    def flush(self) -> None:
        """Nothing is kept back."""


def render(picture: Picture) -> RenderableType:
    """A picture of a run as lines of the terminal's width."""
    lines = [_line(row) for row in picture.rows]
    if picture.left_out:
        lines.append(Text(f"  … and {picture.left_out} more", style="dim"))
    if picture.size > 1:
        lines.append(Text.assemble((f"{picture.size} actions: ", "dim"), _counts(picture.counts)))
    return Group(*lines)


def _line(row: Row) -> Text:
    mark, style = _MARKS[row.phase]
    line = Text("  " * row.depth, no_wrap=True, overflow="ellipsis")
    line.append(f"{mark} ", style)
    line.append(row.label)
    if row.is_bunch:
        line.append(f"  {row.size}: ", "dim")
        line.append_text(_counts(row.counts))
    else:
        line.append(f"  {_words(row.phase)}", style)
        if row.attempt > 1:
            line.append(f"  attempt {row.attempt}", "yellow")
    line.append(f"  {seconds_text(row.seconds)}", "dim")
    return line


def _counts(counts: Counts) -> Text:
    parts: list[Any] = []
    for phase, count in counts:
        parts += [("" if not parts else ", ", "dim"), (f"{count} {_words(phase)}", _MARKS[phase][1])]
    return Text.assemble(*parts)


def summary(name: str, picture: Picture) -> Text:
    """What remains of the view: one line."""
    if not picture.rows:
        return Text(f"run {name} has not begun", style="dim")
    (root,) = picture.rows
    mark, style = _MARKS[root.phase]
    line = Text.assemble((f"{mark} ", style), f"run {name} ", (root.phase.name, style))
    line.append(f" in {seconds_text(root.seconds)}", "dim")
    if picture.size > 1:
        line.append(f"  {picture.size} actions: ", "dim")
        line.append_text(_counts(picture.counts))
    if picture.retried:
        line.append(f"  {picture.retried} retried", "yellow")
    return line


def _words(phase: ActionPhase) -> str:
    return phase.value.replace("_", " ")
