"""`flyte create config` and `flyte create project`."""

from pathlib import Path

import click

from flyte._cli.lazy import NamedGroup
from flyte._cli.pairs import pairs_of
from flyte._cli.setting import settle, shown

MISSING = {
    "secret": "there is no place for secrets: give the tasks' process the variable, or `flyte run --env K=V`",
    "trigger": "triggers are declared on tasks and recorded; nothing is started by them yet",
    "artifact": "artifacts are not supported",
}


@click.group(cls=NamedGroup, missing=MISSING, no_args_is_help=True)
def create() -> None:
    """Create configurations and projects."""


@create.command("config")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path(".flyte/config.yaml"),
    show_default=True,
    help="Where to write it.",
)
@click.option("--endpoint", help="NATS address of the control plane.")
@click.option("--insecure", is_flag=True, help="Written down; NATS needs no such word.")
@click.option("--org", help="Organisation.")
@click.option("--project", help="Project.")
@click.option("--domain", help="Domain.")
@click.option("--builder", type=click.Choice(["local", "remote"]), help="Who builds images.")
@click.option("--registry", help="Where images go.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def create_config(
    output: Path,
    endpoint: str | None,
    insecure: bool,
    org: str | None,
    project: str | None,
    domain: str | None,
    builder: str | None,
    registry: str | None,
    force: bool,
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
    click.echo(f"wrote {output}", err=True)


@create.command("project")
@click.option("--id", "id", required=True, help="The word that commands take as --project.")
@click.option("--name", default="", help="A name for people; else the id.")
@click.option("--description", default="", help="What it is for.")
@click.option("--label", multiple=True, help="K=V.")
@shown
@click.pass_context
def create_project(
    context: click.Context, id: str, name: str, description: str, label: tuple[str, ...], output: str
) -> None:
    """Write a project down, so that it is listed."""
    settle(context)
    from flyte._cli.show import json_text
    from flyte._client.projects import Project

    made = Project.create(id, name, description, pairs_of("--label", label))
    click.echo(json_text(made.to_dict()) if output == "json" else f"created project {made.id}")
