"""`flyte build FILE ENV_VAR`: build the images of environments, and push them."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flyte._cli.deploy import load_environments
from flyte._cli.setting import PATH, CopyStyle, Output, RootDir, settle

if TYPE_CHECKING:
    from flyte._plan import Plan

app = typer.Typer(rich_markup_mode=None)


@app.command("build", no_args_is_help=True)
def build(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(click_type=PATH, metavar="FILE", help="Python file, or a folder.")],
    env_vars: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ENV_VAR]...", help="Variables of FILE that hold the environments."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "--dryrun", help="Show the Dockerfiles; build nothing.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Build also what is there already.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="All environments of the file.")] = False,
    recursive: Annotated[
        bool, typer.Option("-r", "--recursive", help="All environments of all files in the folder FILE.")
    ] = False,
    ignore_load_errors: Annotated[
        bool, typer.Option("-i", "--ignore-load-errors", help="Go on without the files that do not load.")
    ] = False,
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
    build_all(plan.images, _note, force=force)
    _show(plan, output == "json")


def _show_dockerfiles(plan: "Plan") -> None:
    from flyte._images.dockerfile import dockerfile_of

    for wanted in plan.images:
        own = wanted.image.dockerfile
        text = own.read_text() if own else dockerfile_of(wanted.spec).text
        typer.echo(f"# {wanted.uri}\n{text}")
    if not plan.images:
        _note("nothing to build: the images of these environments exist")


def _show(plan: "Plan", as_json: bool) -> None:
    from flyte._cli.show import json_text, table

    images = dict.fromkeys((template.environment, template.image) for template in plan.templates)
    if as_json:
        typer.echo(json_text([{"environment": name, "image": uri} for name, uri in images]))
    else:
        typer.echo(table(("ENVIRONMENT", "IMAGE"), images))


def _note(text: str) -> None:
    typer.echo(text, err=True)
