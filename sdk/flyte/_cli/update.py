"""`flyte update project` and `flyte update trigger`."""

from typing import Annotated

import click
import typer

from flyte._cli.lazy import NamedGroup
from flyte._cli.pairs import pairs_of
from flyte._cli.setting import Domain, Output, Project, settle

MISSING = {
    "app": "apps are not served",
}


class UpdateGroup(NamedGroup):
    """Says why apps cannot be changed."""

    missing = MISSING


app = typer.Typer(
    cls=UpdateGroup,
    help="Change projects, switch triggers on and off.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("project")
def update_project(
    context: typer.Context,
    id: Annotated[str, typer.Argument(help="The project.")],
    name: Annotated[str | None, typer.Option("--name", help="A name for people.")] = None,
    description: Annotated[str | None, typer.Option("--description", help="What it is for.")] = None,
    label: Annotated[
        list[str] | None, typer.Option("--label", help="K=V; these replace the labels it has.")
    ] = None,
    archived: Annotated[
        bool | None, typer.Option("--archive/--unarchive", help="Whether it is listed.")
    ] = None,
    output: Output = None,
) -> None:
    """Change what is written down of a project."""
    settle(context)
    from flyte._cli.show import json_text
    from flyte._client.projects import Project

    state = None if archived is None else "archived" if archived else "active"
    labels = pairs_of("--label", label) if label else None
    changed = Project.update(id, name=name, description=description, labels=labels, state=state)
    typer.echo(json_text(changed.to_dict()) if output == "json" else f"updated project {changed.id}")


@app.command("trigger")
def update_trigger(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The trigger.")],
    task: Annotated[str, typer.Argument(metavar="TASK", help="Its task, ENVIRONMENT.FUNCTION.")],
    active: Annotated[
        bool | None, typer.Option("--activate/--deactivate", help="Switch it on, or off.")
    ] = None,
    project: Project = None,
    domain: Domain = None,
) -> None:
    """Switch a trigger on or off."""
    if active is None:
        raise click.UsageError("say --activate or --deactivate", context)
    settle(context, project=project, domain=domain)
    from flyte._cli.trigger_facts import next_text
    from flyte._client.triggers import Trigger

    Trigger.update(name, task, active)
    typer.echo(f"trigger {name} of {task}: {next_text(Trigger.get(name=name, task_name=task))}")
