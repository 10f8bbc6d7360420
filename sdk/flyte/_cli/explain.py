"""`flyte explain RUN [ACTION]`: why something failed, or what it waits for, and what to do."""

from typing import Annotated

import typer

from flyte._cli.completion import NamedRun
from flyte._cli.setting import Domain, Output, Project, settle

app = typer.Typer(rich_markup_mode=None)


@app.command("explain")
def explain(
    context: typer.Context,
    run: NamedRun,
    action: Annotated[str, typer.Argument(help="Name of an action of it; the root by default.")] = "a0",
    project: Project = None,
    domain: Domain = None,
    output: Output = None,
) -> None:
    """Say why a run (or an action of it) failed, or what it waits for; what was tried, and what to do."""
    config = settle(context, project=project, domain=domain)
    from flyte import _session
    from flyte._cli.show import json_text
    from flyte._client.actions import Action
    from flyte._client.runs import Run, parse_run

    key = parse_run(run, config.project, config.domain)
    client = _session.client()
    found = (Run(client, key) if action == "a0" else Action(client, key.action(action))).explain()
    typer.echo(json_text(found.to_dict()) if output == "json" else str(found))
