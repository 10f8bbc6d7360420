"""`flyte get task`."""

import click

from flyte._cli.completion import offer_deployed
from flyte._cli.setting import limited, placed, settle, shown


@click.command()
@click.argument("name", required=False, metavar="[NAME[:VERSION]]", shell_complete=offer_deployed)
@click.argument("version", required=False)
@limited
@click.option("--entrypoint", is_flag=True, hidden=True)
@placed
@shown
@click.pass_context
def get_task(
    context: click.Context,
    name: str | None,
    version: str | None,
    limit: int,
    entrypoint: bool,
    project: str | None,
    domain: str | None,
    output: str,
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
            click.echo(json_text([task.model_dump(mode="json") for task in tasks]))
            return
        rows = [(task.name, task.version, time_text(task.deployed_at), task.description) for task in tasks]
        click.echo(table(("NAME", "VERSION", "DEPLOYED", "DESCRIPTION"), rows))
        return
    wanted = f"{name}:{version}" if version else name
    record = block_on(fetch_task(client, config.project, config.domain, wanted))
    if output == "json":
        click.echo(json_text(record.model_dump(mode="json")))
        return
    click.echo(task_text(record))
