"""`flyte create config` and `flyte create project`."""

from pathlib import Path
from typing import Annotated

import typer

from flyte._cli.pairs import pairs_of
from flyte._cli.setting import settle

app = typer.Typer(help="Create configurations and projects.", no_args_is_help=True, rich_markup_mode=None)


@app.command("config")
def create_config(
    output: Annotated[Path, typer.Option("-o", "--output", help="Where to write it.")] = Path(
        ".flyte/config.yaml"
    ),
    endpoint: Annotated[
        str | None, typer.Option(help="NATS address of the control plane.", show_default=False)
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Written down; NATS needs no such word.")
    ] = False,
    org: Annotated[str | None, typer.Option(help="Organisation.", show_default=False)] = None,
    project: Annotated[str | None, typer.Option(help="Project.", show_default=False)] = None,
    domain: Annotated[str | None, typer.Option(help="Domain.", show_default=False)] = None,
    builder: Annotated[str | None, typer.Option(help="local or remote.", show_default=False)] = None,
    registry: Annotated[str | None, typer.Option(help="Where images go.", show_default=False)] = None,
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
    name: Annotated[str, typer.Option(help="A name for people.", show_default="the id")] = "",
    description: Annotated[str, typer.Option(help="What it is for.", show_default=False)] = "",
    label: Annotated[list[str] | None, typer.Option("--label", help="K=V.", show_default=False)] = None,
) -> None:
    """Write a project down, so that it is listed."""
    settle(context)
    from flyte._client.projects import Project

    made = Project.create(id, name, description, pairs_of("--label", label or []))
    typer.echo(f"created project {made.id}")
