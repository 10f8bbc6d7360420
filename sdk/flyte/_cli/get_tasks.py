"""`flyte get task`."""

from typing import Annotated

import click
import typer

from flyte._cli.completion import offer_deployed
from flyte._cli.setting import Domain, Limit, Output, Project, settle

app = typer.Typer(rich_markup_mode=None)


@app.command("task")
def get_task(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME[:VERSION]]", help="One task.", autocompletion=offer_deployed),
    ] = None,
    version: Annotated[str | None, typer.Argument(help="One of its versions.")] = None,
    limit: Limit = 100,
    entrypoint: Annotated[bool, typer.Option("--entrypoint", hidden=True)] = False,
    project: Project = None,
    domain: Domain = None,
    output: Output = None,
) -> None:
    """List tasks, the latest version of each; or show one."""
    if entrypoint:
        raise click.UsageError(
            "--entrypoint: tasks are not listed by it; `flyte get task NAME` says what a task is"
        )
    config = settle(context, project=project, domain=domain)
    from flyte import _session
    from flyte._cli.show import json_text, table, time_text
    from flyte._cli.task_facts import task_text
    from flyte._client.deployed import fetch_task, list_tasks
    from flyte._syncify import block_on

    client = _session.client()
    if name is None:
        tasks = block_on(list_tasks(client, config.project, config.domain, limit=limit))
        if output == "json":
            typer.echo(json_text([task.model_dump(mode="json") for task in tasks]))
            return
        rows = [(task.name, task.version, time_text(task.deployed_at), task.description) for task in tasks]
        typer.echo(table(("NAME", "VERSION", "DEPLOYED", "DESCRIPTION"), rows))
        return
    wanted = f"{name}:{version}" if version else name
    record = block_on(fetch_task(client, config.project, config.domain, wanted))
    if output == "json":
        typer.echo(json_text(record.model_dump(mode="json")))
        return
    typer.echo(task_text(record))
