"""`flyte deploy FILE ENV_VAR`."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from flyte._cli.setting import CopyStyle, Domain, Project, RootDir, settle


def deploy(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Python file that declares the environment.")],
    env_var: Annotated[str, typer.Argument(help="The variable that holds the environment.")],
    version: Annotated[
        str | None, typer.Option(help="Version to deploy as.", show_default="a hash of the content")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "--dryrun", help="Show what would be deployed; send nothing.")
    ] = False,
    project: Project = None,
    domain: Domain = None,
    copy_style: CopyStyle = "loaded_modules",
    root_dir: RootDir = None,
) -> None:
    """Deploy an environment, its tasks, and the environments it depends on."""
    config = settle(context, project=project, domain=domain, root_dir=root_dir, needs_client=not dry_run)
    from flyte import _session
    from flyte._deploy import carry_out, plan_here
    from flyte._loading import load_file
    from flyte._syncify import block_on

    loaded = load_file(file, root_dir)
    environment = loaded.environment(env_var)
    _session.configure(replace(config, root_dir=loaded.root))
    plan = plan_here([environment], version=version, copy_style=copy_style)
    if dry_run:
        typer.echo(plan.describe())
        return
    plan = block_on(carry_out(plan, config.project, config.domain))
    for template in plan.templates:
        typer.echo(f"{template.name}  {plan.version}")
    typer.echo(
        f"deployed {len(plan.templates)} task(s) of {len(plan.environments)} environment(s) "
        f"to {config.project}/{config.domain}",
        err=True,
    )
