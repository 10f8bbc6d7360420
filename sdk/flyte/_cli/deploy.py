"""`flyte deploy FILE ENV_VAR`, `flyte deploy --all FILE`, `flyte deploy --recursive FOLDER`."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import click
import typer

from flyte._cli.pairs import images_of
from flyte._cli.setting import (
    CopyStyle,
    DeployVersion,
    Domain,
    EnvVars,
    Everything,
    IgnoreLoadErrors,
    Images,
    NoSync,
    Output,
    Project,
    Recursive,
    RootDir,
    SourcePath,
    settle,
)

if TYPE_CHECKING:
    from flyte._bundle import Bundle
    from flyte._config import ClientConfig
    from flyte._environment import TaskEnvironment
    from flyte._plan import Plan


app = typer.Typer(rich_markup_mode=None)


@app.command("deploy", no_args_is_help=True)
def deploy(
    context: typer.Context,
    path: SourcePath,
    env_vars: EnvVars = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "--dryrun", help="Show what would be deployed; send nothing.")
    ] = False,
    everything: Everything = False,
    recursive: Recursive = False,
    ignore_load_errors: IgnoreLoadErrors = False,
    version: DeployVersion = None,
    copy_style: CopyStyle = "loaded_modules",
    root_dir: RootDir = None,
    image: Images = None,
    no_sync: NoSync = False,
    project: Project = None,
    domain: Domain = None,
    output: Output = None,
) -> None:
    """Deploy environments, their tasks, and the environments they depend on."""
    images = images_of(image)
    config = settle(context, project=project, domain=domain, root_dir=root_dir, needs_client=not dry_run)
    from flyte import _session
    from flyte._deploy import deploy_plan_here, plan_here, rehearse_plan
    from flyte._syncify import block_on

    environments, root = load_environments(
        path, env_vars or (), everything, recursive, ignore_load_errors, root_dir
    )
    _session.configure(replace(config, root_dir=root))
    plan = plan_here(
        environments, version=version, copy_style=copy_style, sync_sys_paths=not no_sync, images=images
    )
    if dry_run:
        block_on(rehearse_plan(plan, config.project, config.domain, note))
        _show_plan(plan, config, output == "json")
        return
    plan = deploy_plan_here(plan, config)
    _show(environments, plan, output == "json")
    tasks = f"{len(plan.templates)} task(s) of {len(plan.environments)} environment(s)"
    place = f"{config.project}/{config.domain}"
    done = (
        f"nothing changed: {tasks} were in {place} already"
        if plan.unchanged
        else f"deployed {tasks} to {place}"
    )
    typer.echo(done, err=True)


def load_environments(
    path: Path,
    variables: Sequence[str],
    everything: bool,
    recursive: bool,
    ignore_load_errors: bool,
    root_dir: Path | None,
) -> tuple[list["TaskEnvironment"], Path]:
    """The environments that the words name, and the source root."""
    if path.is_dir():
        if not recursive:
            raise click.UsageError(f"{path} is a folder: name a Python file, or say --recursive")
        return _load_folder(path, ignore_load_errors, root_dir)
    from flyte._loading import load_file

    loaded = load_file(path, root_dir)
    if variables and not (everything or recursive):
        return [loaded.environment(variable) for variable in variables], loaded.root
    found = loaded.environments()
    if not found:
        raise LookupError(f"{path} declares no environment: make one with flyte.TaskEnvironment(name=…)")
    if not (everything or recursive):
        names = ", ".join(loaded.environment_variables())
        raise click.UsageError(f"name the variable of an environment ({names}), or say --all")
    return found, loaded.root


def _load_folder(
    folder: Path, ignore_load_errors: bool, root_dir: Path | None
) -> tuple[list["TaskEnvironment"], Path]:
    """All environments of a folder; the files that do not load are shown, and end it unless ignored."""
    from flyte._cli.show import sentence_of, table
    from flyte._layout import layout_of
    from flyte._loading import load_folder

    loaded, failures = load_folder(folder, root_dir)
    if failures:
        rows = [(str(file), _last_line(sentence_of(error))) for file, error in failures.items()]
        typer.echo(f"Modules\n{table(('PATH', 'ERR'), rows)}\n", err=True)
        if not ignore_load_errors:
            raise LookupError(
                f"{len(failures)} file(s) of {folder} did not load: mend them, name them in a .flyteignore, "
                "or say --ignore-load-errors"
            )
    environments = dict.fromkeys(one for file in loaded for one in file.environments())
    if not environments:
        raise LookupError(f"no file in {folder} declares an environment")
    return list(environments), layout_of([folder], root_dir).root


def _last_line(text: str) -> str:
    return text.rstrip().rpartition("\n")[2].strip()


def note(text: str) -> None:
    """Say it beside the output."""
    typer.echo(text, err=True)


def _show_plan(plan: "Plan", config: "ClientConfig", as_json: bool) -> None:
    from flyte._cli.show import json_text

    if not as_json:
        typer.echo(plan.describe())
        typer.echo(f"nothing was sent: this would go to {config.project}/{config.domain}", err=True)
        return
    files = plan.bundle.files if plan.bundle else ()
    document = {
        "version": plan.version,
        "project": config.project,
        "domain": config.domain,
        "root": str(plan.layout.root),
        "environments": [environment.name for environment in plan.environments],
        "bundle": plan.bundle and _bundle_facts(plan.bundle),
        "tasks": [template.model_dump(mode="json") for template in plan.templates],
        "files": [{"path": file.path, "size_bytes": file.size_bytes} for file in files],
    }
    typer.echo(json_text(document))


def _bundle_facts(bundle: "Bundle") -> dict[str, Any]:
    return {"sha256": bundle.sha256, "md5": bundle.md5, "size_bytes": len(bundle.data)}


def _show(environments: Sequence["TaskEnvironment"], plan: "Plan", as_json: bool) -> None:
    """The tables of environments and of tasks; or both as one JSON document."""
    from flyte._cli.show import json_text, table
    from flyte._deploy import deployments

    made = deployments(environments, plan)
    # Environments that two deployments share are shown once.
    shared = list(dict.fromkeys(tuple(row) for one in made for row in one.env_repr()))
    tasks = list(dict.fromkeys(tuple(row) for one in made for row in one.table_repr()))
    if as_json:
        document: dict[str, Any] = {
            "version": plan.version,
            "unchanged": plan.unchanged,
            "environments": [dict(row) for row in shared],
            "entities": [dict(row) for row in tasks],
        }
        typer.echo(json_text(document))
        return
    for title, rows in (("Environments", shared), ("Entities", tasks)):
        header = [column.upper() for column, _ in rows[0]]
        typer.echo(f"{title}\n{table(header, [[cell for _, cell in row] for row in rows])}\n")
