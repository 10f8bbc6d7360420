"""`flyte get report RUN [ACTION]`: the HTML report of an action."""

from pathlib import Path
from typing import Annotated

import typer

from flyte._cli.completion import NamedRun
from flyte._cli.setting import PATH, Domain, Project, settle

app = typer.Typer(rich_markup_mode=None)


@app.command("report")
def get_report(
    context: typer.Context,
    run: NamedRun,
    action: Annotated[str, typer.Argument(help="Name of an action of it; the root by default.")] = "a0",
    attempt: Annotated[
        int | None,
        typer.Option("-a", "--attempt", help="Of this attempt, from 1.", min=1, show_default="the last"),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option("--to", click_type=PATH, help="Write it to this file.", show_default="standard output"),
    ] = None,
    project: Project = None,
    domain: Domain = None,
) -> None:
    """Show the HTML report that a task wrote."""
    settle(context, project=project, domain=domain)
    from flyte._client.actions import Action

    page = Action.get(uri=run, name=action).get_report(attempt)
    if to is None:
        typer.echo(page, nl=False)
        return
    to.write_text(page, encoding="utf-8")
    typer.echo(f"wrote {to}", err=True)
