"""`flyte get logs RUN [ACTION]`: what one action has printed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from flyte._cli.completion import NamedRun
from flyte._cli.get_actions import ActionName, action_of
from flyte._cli.setting import Domain, Output, Project

if TYPE_CHECKING:
    from flyte._client.lines import LogLine

BOX_LINES = 30
"""So many lines are in a box, unless `--lines` says otherwise."""

app = typer.Typer(rich_markup_mode=None)


@app.command("logs")
def get_logs(
    context: typer.Context,
    run: NamedRun,
    action: ActionName = "a0",
    lines: Annotated[
        int | None,
        typer.Option("-l", "--lines", min=0, help="Only the last ones; --pretty alone shows 30."),
    ] = None,
    show_ts: Annotated[bool, typer.Option("--show-ts", help="Show when each line was written.")] = False,
    attempt: Annotated[
        int | None, typer.Option("-a", "--attempt", min=1, help="Only of this attempt, from 1.")
    ] = None,
    pretty: Annotated[bool, typer.Option("--pretty", help="In a box, each line behind its number.")] = False,
    filter_system: Annotated[
        bool, typer.Option("--filter-system", help="Changes nothing: only the task's own lines are kept.")
    ] = False,
    project: Project = None,
    domain: Domain = None,
    output: Output = None,
) -> None:
    """Show what one action has printed; the root action when none is named.

    With -o json each line has `as_of`: all that the log of output had up to this place is in the answer.
    """
    found = action_of(context, run, action, project, domain)
    from flyte._cli.show import json_text
    from flyte._syncify import block_on

    kept, as_of = block_on(found.lines_as_of(attempt))
    limit = BOX_LINES if lines is None and pretty and output != "json" else lines
    first = 0 if limit is None else max(0, len(kept) - limit)
    if output == "json":
        typer.echo(json_text([line.to_dict() | {"as_of": as_of} for line in kept[first:]]))
    elif pretty:
        _print_box(f"{found.run_name} {found.name}", kept[first:], first, show_ts=show_ts)
    else:
        from flyte._client.lines import shown_line

        typer.echo("".join(f"{shown_line(line, show_ts=show_ts)}\n" for line in kept[first:]), nl=False)


def _print_box(title: str, kept: "Sequence[LogLine]", first: int, *, show_ts: bool) -> None:
    """The lines in a box as wide as the terminal; what went to stderr is yellow."""
    from rich.console import Console
    from rich.panel import Panel
    from rich.text import Text

    from flyte._client.lines import shown_line

    width = len(str(first + len(kept)))
    shown = Text("nothing was printed" if not kept else "", style="dim" if not kept else "")
    for number, line in enumerate(kept, start=first + 1):
        shown.append(f"{number:>{width}}  ", "dim")
        shown.append(shown_line(line, show_ts=show_ts), "yellow" if line.stream == "stderr" else "")
        shown.append("\n" if number < first + len(kept) else "")
    left_out = f"the last {len(kept)} of {first + len(kept)} lines" if first else None
    Console().print(Panel(shown, title=Text(title), title_align="left", subtitle=left_out))
