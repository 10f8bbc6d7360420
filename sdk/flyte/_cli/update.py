"""`flyte update project`."""

from typing import Annotated

import typer

from flyte._cli.lazy import NamedGroup
from flyte._cli.pairs import pairs_of
from flyte._cli.setting import Output, settle

MISSING = {
    "trigger": "triggers are declared on tasks and recorded; nothing is started by them yet",
    "app": "apps are not served",
}


class UpdateGroup(NamedGroup):
    """Says why triggers and apps cannot be changed."""

    missing = MISSING


app = typer.Typer(cls=UpdateGroup, help="Change projects.", no_args_is_help=True, rich_markup_mode=None)


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
