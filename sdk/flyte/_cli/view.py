"""How a picture of a run looks on a terminal, and how often it is drawn anew.

It is as wide as the terminal and never higher, and the longer a drawing takes, the longer the next one waits.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.text import Text

from flyte._cli.show import seconds_text
from flyte._cli.tree import Counts, Picture, Row
from flyte_schemas.phase import ActionPhase

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
    ActionPhase.PAUSED: ("?", "bold yellow"),
    ActionPhase.RECOVERED: ("✓", "green"),
    ActionPhase.SUCCEEDED: ("✓", "green"),
    ActionPhase.FAILED: ("✗", "bold red"),
    ActionPhase.TIMED_OUT: ("✗", "bold red"),
    ActionPhase.ABORTED: ("⊘", "yellow"),
}


class Pace:
    """How long to wait before the next drawing: the longer, the longer a drawing takes."""

    def __init__(self) -> None:
        self.pause_s = REDRAW_S

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """Take the time of one drawing."""
        began = time.perf_counter()
        yield
        self.pause_s = max(REDRAW_S, PAUSE_PER_DRAWING * (time.perf_counter() - began))


def rows_for(console: Console) -> int:
    """How many rows of a tree the terminal has room for."""
    return min(MOST_ROWS, max(LEAST_ROWS, console.size.height - ROWS_FOR_OUTPUT))


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
