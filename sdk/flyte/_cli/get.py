"""`flyte get …`: what the registry's read models show."""

from typing import Any

import click

from flyte._cli.completion import offer_deployed, offer_runs
from flyte._cli.get_actions import get_action, get_io, get_logs
from flyte._cli.get_settings import get_config, get_project
from flyte._cli.lazy import NamedGroup
from flyte._cli.run_words import filter_of, filtered
from flyte._cli.setting import placed, settle, shown

MISSING = {
    "app": "apps are not served",
    "artifact": "artifacts are not supported: `flyte get io RUN` shows what an action gave",
    "condition": "conditions are not supported",
    "devbox": "the stack of this machine is shown by `flyte status`",
    "secret": "there is no place for secrets; those that a task declares are shown by `flyte get task NAME`",
    "settings": "there are no settings of the platform: `flyte get config` shows the configuration",
    "trigger": "triggers are recorded only; those of a task are shown by `flyte get task NAME`",
}


@click.group(cls=NamedGroup, missing=MISSING, no_args_is_help=True)
def get() -> None:
    """Show runs, actions, tasks, projects and the configuration."""


get.add_command(get_action, "action")
get.add_command(get_logs, "logs")
get.add_command(get_io, "io")
get.add_command(get_project, "project")
get.add_command(get_config, "config")

limited = click.option(
    "--limit", type=click.IntRange(min=1), default=100, show_default=True, help="How many, at most."
)


@get.command("run")
@click.argument("name", required=False, shell_complete=offer_runs)
@limited
@filtered
@placed
@shown
@click.pass_context
def get_run(
    context: click.Context,
    /,
    name: str | None,
    limit: int,
    project: str | None,
    domain: str | None,
    output: str,
    **given: Any,
) -> None:
    """List runs, the newest first; or show one, by its name or URL."""
    config = settle(context, project=project, domain=domain)
    from flyte._cli.show import duration_text, json_text, table, time_text
    from flyte._client.listing import list_runs
    from flyte._client.runs import parse_run
    from flyte._syncify import block_on

    wanted = filter_of(given)
    key = parse_run(name, config.project, config.domain) if name else None
    place = (key.project, key.domain) if key else (config.project, config.domain)
    runs = block_on(list_runs(*place, name=key.run if key else None, limit=limit, wanted=wanted))
    if key is not None and not runs:
        raise LookupError(f"there is no run {key.run!r} in {key.project}/{key.domain}")
    if output == "json":
        documents = [run.model_dump(mode="json") for run in runs]
        click.echo(json_text(documents[0] if key else documents))
        return
    header = ("NAME", "TASK", "VERSION", "PHASE", "REQUESTED", "DURATION", "ATTEMPTS", "ACTIONS")
    rows = [
        (
            run.name,
            run.task,
            run.version[:12],
            run.phase.name,
            time_text(run.requested_at),
            duration_text(run.started_at, run.ended_at),
            str(run.attempts),
            str(run.actions),
        )
        for run in runs
    ]
    click.echo(table(header, rows))
    if key is not None and runs[0].failure is not None:
        from flyte._cli.show import failure_text

        click.echo(failure_text(runs[0].failure))


@get.command("task")
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
        raise click.BadParameter(
            "tasks are not listed by it: `flyte get task NAME` says whether one is an entrypoint",
            param_hint="--entrypoint",
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
