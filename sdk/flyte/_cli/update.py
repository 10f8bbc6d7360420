"""`flyte update project`."""

import click

from flyte._cli.lazy import NamedGroup
from flyte._cli.pairs import pairs_of
from flyte._cli.setting import settle, shown

MISSING = {
    "trigger": "triggers are declared on tasks and recorded; nothing is started by them yet",
    "app": "apps are not served",
}


@click.group(cls=NamedGroup, missing=MISSING, no_args_is_help=True)
def update() -> None:
    """Change projects."""


@update.command("project")
@click.argument("id")
@click.option("--name", help="A name for people.")
@click.option("--description", help="What it is for.")
@click.option("--label", multiple=True, help="K=V; these replace the labels it has.")
@click.option("--archive/--unarchive", "archived", default=None, help="Whether it is listed.")
@shown
@click.pass_context
def update_project(
    context: click.Context,
    id: str,
    name: str | None,
    description: str | None,
    label: tuple[str, ...],
    archived: bool | None,
    output: str,
) -> None:
    """Change what is written down of a project."""
    settle(context)
    from flyte._cli.show import json_text
    from flyte._client.projects import Project

    state = None if archived is None else "archived" if archived else "active"
    labels = pairs_of("--label", label) if label else None
    changed = Project.update(id, name=name, description=description, labels=labels, state=state)
    click.echo(json_text(changed.to_dict()) if output == "json" else f"updated project {changed.id}")
