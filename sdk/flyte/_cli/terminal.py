"""What a person at a terminal gets: a live view, and errors in a box; everybody else gets plain lines.

rich is loaded only when something is drawn with it.
"""

import os
import sys

import typer


def can_redraw() -> bool:
    """Whether somebody looks at both streams, on a terminal that can move its cursor."""
    return sys.stdout.isatty() and _is_able(sys.stderr.isatty())


def say_error(text: str) -> None:
    """What went wrong, on standard error: a box on a terminal, else one line `error: …`."""
    cause, _, rest = text.partition("\n")
    if _is_able(sys.stderr.isatty()):
        _draw_box("error", cause, rest)
    else:
        typer.echo(f"error: {text}", err=True)


def say_failure(title: str, text: str, cause: str, rest: str) -> None:
    """Why a run did not succeed: on a terminal a box with the cause first, else `title` and `text`."""
    if _is_able(sys.stderr.isatty()):
        _draw_box(title, cause, rest)
    else:
        typer.echo(f"{title}\n{text}", err=True)


def _is_able(is_terminal: bool) -> bool:
    return is_terminal and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")


def _draw_box(title: str, cause: str, rest: str) -> None:
    from rich.console import Console
    from rich.panel import Panel
    from rich.text import Text

    body = Text(cause, style="bold")
    if rest.strip():
        body.append(f"\n{rest.rstrip()}", style="not bold")
    console = Console(file=sys.stderr, highlight=False)
    console.print(Panel(body, title=Text(title, style="bold red"), title_align="left", border_style="red"))
