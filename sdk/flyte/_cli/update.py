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
    id: Annotated[str | None, typer.Argument(help="The project.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="A name for people.")] = None,
    description: Annotated[str | None, typer.Option("--description", help="What it is for.")] = None,
    label: Annotated[
        list[str] | None, typer.Option("--label", help="K=V; these replace the labels it has.")
    ] = None,
    archived: Annotated[
        bool | None, typer.Option("--archive/--unarchive", help="Whether it is listed.")
    ] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option(
            "--limit", metavar="WHAT=N", help="What it may use (docs/limits.md): a number, none, default."
        ),
    ] = None,
    domain: Annotated[str | None, typer.Option("-d", "--domain", help="The limits are of this one.")] = None,
    all_projects: Annotated[bool, typer.Option("--all", help="The limits are those of all.")] = False,
    output: Output = None,
) -> None:
    """Change what is written down of a project, or its limits."""
    if (id is None) != all_projects or (all_projects and (domain or not limit)):
        raise click.UsageError("name one project; or say --all and the --limit that holds for all", context)
    settle(context)
    if limit:
        _limit(id, domain, limit)
    elif domain:
        raise click.UsageError("--domain is about limits: say --limit WHAT=N", context)
    if id is None or (limit and not (name or description or label or archived is not None)):
        return
    _update(id, name, description, label, archived, output)


def _limit(id: str | None, domain: str | None, limit: list[str]) -> None:
    from flyte._client.limits import parse_limits, set_limits
    from flyte._client.projects import Project

    limits = parse_limits(limit)
    if id is not None:
        Project.get(id)  # a name that was mistyped limits nobody
    set_limits(id, domain, limits)
    whose = "all projects" if id is None else f"project {id}" + (f" in {domain}" if domain else "")
    typer.echo(f"set limits of {whose}: {', '.join(limit)}")


def _update(
    id: str,
    name: str | None,
    description: str | None,
    label: list[str] | None,
    archived: bool | None,
    output: str | None,
) -> None:
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
