"""`flyte create config` and `flyte create project`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from flyte._cli.lazy import NamedGroup
from flyte._cli.pairs import pairs_of
from flyte._cli.setting import PATH, Output, settle

MISSING = {
    "secret": "there is no place for secrets: give the tasks' process the variable, or `flyte run --env K=V`",
    "trigger": "triggers are declared on tasks and recorded; nothing is started by them yet",
    "artifact": "artifacts are not supported",
}


class CreateGroup(NamedGroup):
    """Says why secrets, triggers and artifacts cannot be created."""

    missing = MISSING


app = typer.Typer(
    cls=CreateGroup, help="Create configurations and projects.", no_args_is_help=True, rich_markup_mode=None
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
