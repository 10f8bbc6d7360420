"""`flyte replay RUN`: a run as it was at one point of its log, or all of it played again."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import click
import typer

from flyte._cli.completion import NamedRun
from flyte._cli.setting import Domain, Output, Project, globals_of, settle
from flyte._cli.terminal import can_redraw
from flyte._cli.times import BadText, parse_moment

if TYPE_CHECKING:
    from flyte._client.past import Past
    from flyte_schemas.subjects import RunKey

DEFAULT_SPEED = 10.0
AS_FAST_AS_IT_GOES = float("inf")
"""A factor; no pause between two events."""

app = typer.Typer(rich_markup_mode=None)


@app.command("replay")
def replay(
    context: typer.Context,
    run: NamedRun,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            help="One point: a sequence of the log, or a time, e.g. 2024-01-02T03:04:05Z or 'now - PT1H'.",
        ),
    ] = None,
    speed: Annotated[
        str | None,
        typer.Option("--speed", help="How many times as fast as it was, e.g. 10x; or max.  [default: 10x]"),
    ] = None,
    project: Project = None,
    domain: Domain = None,
    output: Output = None,
) -> None:
    """Play a run from its beginning, or show it as it was at one point of its log.

    With -o json it is one document: the run at that point, or as it is now.
    """
    point = None if at is None else _point(context, at)
    pace = DEFAULT_SPEED if speed is None else _speed(context, speed)
    if speed is not None and (at is not None or output == "json"):
        raise click.UsageError("--speed is for playing a run: --at and -o json show one point of it", context)
    config = settle(context, project=project, domain=domain)
    from flyte._cli import player
    from flyte._cli.show import json_text
    from flyte._client.runs import parse_run
    from flyte._syncify import block_on

    key = parse_run(run, config.project, config.domain)
    if output == "json":
        typer.echo(json_text(block_on(_read(key, point)).to_dict()))
    elif point is not None:
        player.show(block_on(_read(key, point)))
    elif globals_of(context).progress and can_redraw():
        block_on(player.play_on_terminal(key, pace))
    else:
        block_on(player.play_in_lines(key, pace))


def _point(context: typer.Context, text: str) -> "int | datetime":
    """Raises BadParameter."""
    if text.strip().isdecimal():
        return int(text)
    try:
        return parse_moment(text)
    except BadText as error:
        reason = f"neither a sequence of the log nor a time: {error}"
        raise click.BadParameter(reason, context, param_hint="--at") from error


def _speed(context: typer.Context, text: str) -> float:
    """Raises BadParameter."""
    if text == "max":
        return AS_FAST_AS_IT_GOES
    try:
        found = float(text.removesuffix("x"))
    except ValueError:
        found = 0.0
    if not 0 < found < AS_FAST_AS_IT_GOES:
        reason = f"{text!r} is no speed: 10x is ten times as fast as it was, max as fast as it goes"
        raise click.BadParameter(reason, context, param_hint="--speed")
    return found


async def _read(key: "RunKey", point: "int | datetime | None") -> "Past":
    from flyte import _session
    from flyte._client.past import read_past
    from flyte._client.trouble import translated

    with translated():
        return await read_past(await _session.client().bus(), key, point)
