"""`flyte get run` and `flyte get task`: what the registry's read models show."""

from typing import Annotated

import typer

from flyte._cli.setting import Domain, Output, Project, check_output, settle
from flyte._syncify import block_on

app = typer.Typer(help="Show runs and tasks.", no_args_is_help=True, rich_markup_mode=None)

Limit = Annotated[int, typer.Option(help="How many, at most.", min=1)]


@app.command("run")
def get_run(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Name or URL of one run.", show_default=False)] = None,
    limit: Limit = 100,
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

    key = parse_run(name, config.project, config.domain) if name else None
    place = (key.project, key.domain) if key else (config.project, config.domain)
    runs = block_on(list_runs(*place, name=key.run if key else None, limit=limit))
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
        str | None, typer.Argument(metavar="[NAME[:VERSION]]", help="One task.", show_default=False)
    ] = None,
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
    from flyte._client.deployed import fetch_task, list_tasks
    from flyte._plan import signature

    client = _session.client()
    if name is None:
        tasks = block_on(list_tasks(client, config.project, config.domain, limit=limit))
        if output == "json":
            typer.echo(json_text([task.model_dump(mode="json") for task in tasks]))
            return
        rows = [(task.name, task.version, time_text(task.deployed_at), task.description) for task in tasks]
        typer.echo(table(("NAME", "VERSION", "DEPLOYED", "DESCRIPTION"), rows))
        return
    record = block_on(fetch_task(client, config.project, config.domain, name))
    if output == "json":
        typer.echo(json_text(record.model_dump(mode="json")))
        return
    template = record.template
    facts = {
        "name": record.name,
        "version": record.version,
        "deployed": time_text(record.deployed_at),
        "signature": signature(template),
        "description": template.description,
        "source": f"{template.source.file}:{template.source.line}",
        "image": template.image,
        "env vars": ", ".join(f"{key}={value}" for key, value in template.env_vars.items()),
        "retries": str(template.policies.retries),
        "timeout": f"{template.policies.max_runtime_s:g} s" if template.policies.max_runtime_s else "",
        "bundle": template.bundle.uri if template.bundle else "",
    }
    typer.echo("\n".join(f"{label:<12} {fact}" for label, fact in facts.items() if fact))
