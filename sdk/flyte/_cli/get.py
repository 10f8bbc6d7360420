"""`flyte get …`: what the registry's read models show."""

from typing import Annotated

import typer

from flyte._cli.completion import offer_deployed, offer_runs
from flyte._cli.get_actions import get_action, get_io, get_logs
from flyte._cli.get_report import get_report
from flyte._cli.get_settings import get_config, get_project
from flyte._cli.run_words import (
    CreatedAfter,
    CreatedBefore,
    InPhase,
    OnlyMine,
    TaskName,
    TaskVersion,
    WithLabelKeys,
    WithLabels,
    filter_of,
)
from flyte._cli.setting import Domain, Output, Project, check_output, settle

app = typer.Typer(
    help="Show runs, actions, tasks, projects and the configuration.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command("action")(get_action)
app.command("logs")(get_logs)
app.command("io")(get_io)
app.command("report")(get_report)
app.command("project")(get_project)
app.command("config")(get_config)

Limit = Annotated[int, typer.Option(help="How many, at most.", min=1)]


@app.command("run")
def get_run(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(help="Name or URL of one run.", show_default=False, autocompletion=offer_runs),
    ] = None,
    limit: Limit = 100,
    in_phase: InPhase = None,
    task_name: TaskName = None,
    task_version: TaskVersion = None,
    only_mine: OnlyMine = False,
    created_after: CreatedAfter = None,
    created_before: CreatedBefore = None,
    with_label: WithLabels = None,
    with_label_key: WithLabelKeys = None,
    output: Output = "table",
    project: Project = None,
    domain: Domain = None,
) -> None:
    """List runs, the newest first; or show one."""
    check_output(output)
    config = settle(context, project=project, domain=domain)
    from flyte._cli.show import duration_text, json_text, table, time_text
    from flyte._client.listing import list_runs
    from flyte._client.runs import parse_run
    from flyte._syncify import block_on

    times, labels = (created_after, created_before), (with_label, with_label_key)
    wanted = filter_of(in_phase, task_name, task_version, only_mine, *times, *labels)
    key = parse_run(name, config.project, config.domain) if name else None
    place = (key.project, key.domain) if key else (config.project, config.domain)
    runs = block_on(list_runs(*place, name=key.run if key else None, limit=limit, wanted=wanted))
    if key is not None and not runs:
        raise LookupError(f"there is no run {key.run!r} in {key.project}/{key.domain}")
    if output == "json":
        documents = [run.model_dump(mode="json") for run in runs]
        typer.echo(json_text(documents[0] if key else documents))
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
    typer.echo(table(header, rows))
    if key is not None and runs[0].failure is not None:
        from flyte._cli.show import failure_text

        typer.echo(failure_text(runs[0].failure))


@app.command("task")
def get_task(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME[:VERSION]]",
            help="One task.",
            show_default=False,
            autocompletion=offer_deployed,
        ),
    ] = None,
    version: Annotated[str | None, typer.Argument(help="One of its versions.", show_default=False)] = None,
    limit: Limit = 100,
    output: Output = "table",
    project: Project = None,
    domain: Domain = None,
) -> None:
    """List tasks, the latest version of each; or show one."""
    check_output(output)
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
