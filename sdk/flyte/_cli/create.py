"""`flyte create …`: configurations, projects, triggers, notifications and secrets."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from flyte._cli.create_notification import create_notification
from flyte._cli.create_secret import create_secret
from flyte._cli.lazy import NamedGroup
from flyte._cli.pairs import pairs_of
from flyte._cli.setting import PATH, Domain, Output, Project, settle

MISSING = {
    "artifact": "artifacts are not supported",
}


class CreateGroup(NamedGroup):
    """Says why artifacts cannot be created."""

    missing = MISSING


app = typer.Typer(
    cls=CreateGroup,
    help="Create configurations, projects, triggers, notifications and secrets.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("config")
def create_config(
    output: Annotated[
        Path, typer.Option("-o", "--output", click_type=PATH, help="Where to write it.")
    ] = Path(".flyte/config.yaml"),
    endpoint: Annotated[
        str | None, typer.Option("--endpoint", help="NATS address of the control plane.")
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Written down; NATS needs no such word.")
    ] = False,
    org: Annotated[str | None, typer.Option("--org", help="Organisation.")] = None,
    project: Annotated[str | None, typer.Option("--project", help="Project.")] = None,
    domain: Annotated[str | None, typer.Option("--domain", help="Domain.")] = None,
    builder: Annotated[
        Literal["local", "remote"] | None, typer.Option("--builder", help="Who builds images.")
    ] = None,
    registry: Annotated[str | None, typer.Option("--registry", help="Where images go.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write a configuration file."""
    if output.exists() and not force:
        raise FileExistsError(f"{output} is there already: say --force to replace it")
    from flyte._config_file import written

    text = written(
        {
            "admin": {"endpoint": endpoint, "insecure": insecure or None},
            "task": {"org": org, "project": project, "domain": domain},
            "image": {"builder": builder, "registry": registry},
        }
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(text)
    typer.echo(f"wrote {output}", err=True)


@app.command("project")
def create_project(
    context: typer.Context,
    id: Annotated[str, typer.Option("--id", help="The word that commands take as --project.")],
    name: Annotated[str, typer.Option("--name", help="A name for people; else the id.")] = "",
    description: Annotated[str, typer.Option("--description", help="What it is for.")] = "",
    label: Annotated[list[str] | None, typer.Option("--label", help="K=V.")] = None,
    output: Output = None,
) -> None:
    """Write a project down, so that it is listed."""
    settle(context)
    from flyte._cli.show import json_text
    from flyte._client.projects import Project

    made = Project.create(id, name, description, pairs_of("--label", label))
    typer.echo(json_text(made.to_dict()) if output == "json" else f"created project {made.id}")


app.command("notification")(create_notification)
app.command("secret")(create_secret)


@app.command("trigger")
def create_trigger(
    context: typer.Context,
    task: Annotated[str, typer.Argument(metavar="TASK", help="ENVIRONMENT.FUNCTION[:VERSION].")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name for the trigger.")],
    schedule: Annotated[
        str, typer.Option("--schedule", help="Minute, hour, day, month, weekday; or @daily and its like.")
    ],
    timezone: Annotated[str, typer.Option("--timezone", help="The schedule's, e.g. Europe/Berlin.")] = "UTC",
    description: Annotated[str, typer.Option("--description", help="What it is for.")] = "",
    auto_activate: Annotated[
        bool, typer.Option("--auto-activate/--no-auto-activate", help="Whether it is active at once.")
    ] = True,
    trigger_time_var: Annotated[
        str | None,
        typer.Option(help="The input that receives the time; trigger_time, where the task has it."),
    ] = None,
    project: Project = None,
    domain: Domain = None,
    output: Output = None,
) -> None:
    """Give a deployed task a trigger."""
    settle(context, project=project, domain=domain)
    from flyte import Cron, Trigger
    from flyte._cli.show import json_text
    from flyte._cli.trigger_facts import next_text
    from flyte._client.triggers import Trigger as Created
    from flyte._client.triggers import time_inputs_of

    plain, _, version = task.partition(":")
    inputs = time_inputs_of(task, trigger_time_var)
    wanted = Trigger(name, Cron(schedule, timezone), description, auto_activate, inputs=inputs)
    made = Created.create(wanted, plain, version or None)
    typer.echo(
        json_text(made.to_dict())
        if output == "json"
        else f"created trigger {made.name} of {made.task_name}: {next_text(made)}"
    )
