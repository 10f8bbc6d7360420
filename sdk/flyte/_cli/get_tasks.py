"""`flyte get task`."""

from typing import TYPE_CHECKING, Annotated

import click
import typer

from flyte._cli.completion import offer_deployed
from flyte._cli.setting import Domain, Limit, Output, Project, settle

if TYPE_CHECKING:
    from flyte_schemas.endpoints import ListTasks

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
    entrypoint: Annotated[
        bool, typer.Option("--entrypoint", help="Only those that are declared as a way in.")
    ] = False,
    search: Annotated[str, typer.Option("--search", help="Only those with this in their name.")] = "",
    versions: Annotated[bool, typer.Option("--versions", help="All versions of the one task.")] = False,
    project: Project = None,
    domain: Domain = None,
    output: Output = None,
) -> None:
    """List tasks, the latest version of each; or show one.

    With -o json each has `as_of`: all that the log of tasks had up to this place is in it.
    """
    if versions and (name is None or version is not None):
        raise click.UsageError("--versions lists those of one task: flyte get task NAME --versions", context)
    config = settle(context, project=project, domain=domain)
    from flyte import _session
    from flyte._cli.show import json_text
    from flyte._cli.task_facts import task_text
    from flyte._client.deployed import find_task
    from flyte._syncify import block_on
    from flyte_schemas.endpoints import ListTasks

    if name is None or versions:
        asked = ListTasks(
            project=config.project,
            domain=config.domain,
            name=name,
            search=search,
            limit=limit,
            entrypoint=entrypoint or None,
        )
        _list(asked, as_json=output == "json")
        return
    wanted = f"{name}:{version}" if version else name
    task = block_on(find_task(_session.client(), config.project, config.domain, wanted))
    if output == "json":
        typer.echo(json_text(task.found.model_dump(mode="json") | {"as_of": task.as_of}))
        return
    typer.echo(task_text(task.found))


def _list(asked: "ListTasks", *, as_json: bool) -> None:
    from flyte._cli.show import json_text, table, time_text
    from flyte._client.listing import list_tasks
    from flyte._syncify import block_on

    tasks = block_on(list_tasks(asked))
    if asked.name and not tasks:
        raise LookupError(f"no task {asked.name!r} is deployed in {asked.project}/{asked.domain}")
    if as_json:
        documents = [task.found.model_dump(mode="json") | {"as_of": task.as_of} for task in tasks]
        typer.echo(json_text(documents))
        return
    found = [task.found for task in tasks]
    rows = [(task.name, task.version, time_text(task.deployed_at), task.description) for task in found]
    typer.echo(table(("NAME", "VERSION", "DEPLOYED", "DESCRIPTION"), rows))
