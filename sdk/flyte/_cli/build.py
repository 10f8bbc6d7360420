"""`flyte build FILE ENV_VAR`: build the images of environments, and push them."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from flyte._cli.deploy import load_environments, note
from flyte._cli.setting import (
    CopyStyle,
    EnvVars,
    Everything,
    IgnoreLoadErrors,
    Output,
    Recursive,
    RootDir,
    SourcePath,
    settle,
)

if TYPE_CHECKING:
    from flyte._plan import Plan

app = typer.Typer(rich_markup_mode=None)


@app.command("build", no_args_is_help=True)
def build(
    context: typer.Context,
    path: SourcePath,
    env_vars: EnvVars = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "--dryrun", help="Show the Dockerfiles; build nothing.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Build also what is there already.")] = False,
    everything: Everything = False,
    recursive: Recursive = False,
    ignore_load_errors: IgnoreLoadErrors = False,
    copy_style: CopyStyle = "loaded_modules",
    root_dir: RootDir = None,
    output: Output = None,
) -> None:
    """Build the images of environments and of those they depend on, and push them to their registry."""
    config = settle(context, root_dir=root_dir, needs_client=False)
    from flyte import _session
    from flyte._deploy import plan_here
    from flyte._images.building import build_all

    environments, root = load_environments(
        path, env_vars or (), everything, recursive, ignore_load_errors, root_dir
    )
    _session.configure(replace(config, root_dir=root))
    plan = plan_here(environments, copy_style=copy_style, version="images")
    if dry_run:
        _show_dockerfiles(plan)
        return
    build_all(plan.images, note, force=force)
    _show(plan, output == "json")


def _show_dockerfiles(plan: "Plan") -> None:
    from flyte._images.dockerfile import dockerfile_of

    for wanted in plan.images:
        own = wanted.image.dockerfile
        text = own.read_text() if own else dockerfile_of(wanted.spec).text
        typer.echo(f"# {wanted.uri}\n{text}")
    if not plan.images:
        note("nothing to build: the images of these environments exist")


def _show(plan: "Plan", as_json: bool) -> None:
    from flyte._cli.show import json_text, table

    images = dict.fromkeys((template.environment, template.image) for template in plan.templates)
    if as_json:
        typer.echo(json_text([{"environment": name, "image": uri} for name, uri in images]))
    else:
        typer.echo(table(("ENVIRONMENT", "IMAGE"), images))
