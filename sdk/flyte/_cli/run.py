"""`flyte run FILE TASK --input value …` and `flyte run deployed-task NAME[:VERSION] …`.

Options of the command stand before the file or right after it; what follows the task's name belongs to the
task. So the words are split here by hand, before the parser sees them.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import click
import typer
from typer.core import TyperCommand

from flyte._cli.completion import DEPLOYED_TASK, FileOrDeployed, offer_inputs, offer_tasks
from flyte._cli.run_words import (
    Concurrency,
    Debug,
    Detach,
    Follow,
    Labels,
    Local,
    NoProgress,
    Queue,
    RawDataPath,
    RunDomain,
    RunName,
    RunProject,
    ServiceAccount,
    Tracked,
    TrackedStrict,
    Tui,
    Variables,
    Wishes,
    wishes_of,
)
from flyte._cli.setting import (
    CopyStyle,
    DeployVersion,
    Domain,
    Images,
    NoSync,
    Output,
    Project,
    RootDir,
    settle,
)

if TYPE_CHECKING:
    from flyte._client.runs import Run
    from flyte._config import ClientConfig

PYTHON_SCRIPT = "python-script"
HELP = ("--help", "-h")


File = Annotated[
    str,
    typer.Argument(
        click_type=FileOrDeployed(),
        metavar=f"FILE|{DEPLOYED_TASK}",
        help=f"Python file, or the word {DEPLOYED_TASK}.",
    ),
]
Task = Annotated[str | None, typer.Argument(help="Task to run.", autocompletion=offer_tasks)]
Inputs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[--INPUT VALUE]...", help="Inputs of the task, by name.", autocompletion=offer_inputs
    ),
]


class RunCommand(TyperCommand):
    """Moves the options that stand between FILE and TASK to the front, where the parser looks for them."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        before, file, rest = self._split(ctx, args)
        if not file:
            return super().parse_args(ctx, args)
        if rest[:1] and rest[0] in HELP:
            return super().parse_args(ctx, [*before, *file])
        between, task, inputs = self._split(ctx, rest)
        return super().parse_args(ctx, [*before, *between, *file, *task, *inputs])

    def _split(self, ctx: click.Context, args: list[str]) -> tuple[list[str], list[str], list[str]]:
        """Leading options, the first word that is none, and what follows it."""
        takes_value = {
            name
            for parameter in self.get_params(ctx)
            if isinstance(parameter, click.Option) and not parameter.is_flag
            for name in parameter.opts
        }
        index = 0
        while index < len(args) and args[index].startswith("-") and args[index] not in ("-", "--"):
            index += 2 if args[index] in takes_value else 1
        return args[:index], args[index : index + 1], args[index + 1 :]

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Behind the task's name a flag is an input of the task, and not an option of ours."""
        if ctx.params.get("task") and incomplete.startswith("-"):
            (inputs,) = [one for one in self.get_params(ctx) if one.name == "inputs"]
            return inputs.shell_complete(ctx, incomplete)
        return super().shell_complete(ctx, incomplete)


app = typer.Typer(rich_markup_mode=None)


@app.command("run", cls=RunCommand, no_args_is_help=True, context_settings={"allow_interspersed_args": False})
def run(
    context: typer.Context,
    file: File,
    task: Task = None,
    inputs: Inputs = None,
    local: Local = False,
    project: Project = None,
    domain: Domain = None,
    name: RunName = None,
    follow: Follow = False,
    detach: Detach = False,
    no_progress: NoProgress = False,
    output: Output = None,
    env: Variables = None,
    version: DeployVersion = None,
    copy_style: CopyStyle = "loaded_modules",
    root_dir: RootDir = None,
    image: Images = None,
    no_sync: NoSync = False,
    label: Labels = None,
    raw_data_path: RawDataPath = None,
    service_account: ServiceAccount = None,
    queue: Queue = None,
    max_action_concurrency: Concurrency = None,
    debug: Debug = False,
    run_project: RunProject = None,
    run_domain: RunDomain = None,
    tui: Tui = False,
    tracked: Tracked = False,
    tracked_strict: TrackedStrict = False,
) -> None:
    """Run a task of a Python file, deploying it first; or one that is deployed already.

    The output is shown while it runs, and the exit code is 0 only when the run succeeded. Behind the task's
    name stand its inputs: `flyte run FILE TASK --help` lists them.
    """
    wishes, words = wishes_of(context), inputs or ()
    if file == PYTHON_SCRIPT:
        raise click.UsageError(
            f"{PYTHON_SCRIPT} is not supported: put the script's work into a task and run its file", context
        )
    if file == DEPLOYED_TASK:
        _run_deployed(context, task, words, wishes)
    elif Path(file).is_dir():
        _refuse_folder(Path(file))
    else:
        _run_file(context, Path(file), task, words, wishes)


def _refuse_folder(folder: Path) -> None:
    """Say which files of a folder declare tasks: one of them is meant."""
    from flyte._cli.completion import tasks_of

    files = [path for path in sorted(folder.glob("*.py")) if tasks_of(str(path), "")]
    there = f": {', '.join(map(str, files))}" if files else ", and no file in it declares a task"
    raise click.UsageError(f"{folder} is a folder: name a Python file{there}")


def _run_file(
    context: typer.Context, file: Path, name: str | None, words: Sequence[str], wishes: Wishes
) -> None:
    from flyte import _session
    from flyte._cli.inputs import help_text, parse_inputs, specs_of
    from flyte._loading import load_file

    if wishes.run_project or wishes.run_domain:
        raise click.UsageError("--run-project and --run-domain are for deployed-task: use -p and -d", context)
    only_looking = name is None or any(word in HELP for word in words)
    config = settle(
        context,
        project=wishes.project,
        domain=wishes.domain,
        root_dir=wishes.root_dir,
        needs_client=not (wishes.local or only_looking),
    )
    loaded = load_file(file, wishes.root_dir)
    _session.configure(replace(config, root_dir=loaded.root))
    if name is None:
        typer.echo(_task_list(file, loaded.tasks()))
        return
    task = loaded.task(name)
    specs = specs_of(task.native_interface)
    if only_looking:
        summary = task.options.docs or task.native_interface.docs.prose
        typer.echo(help_text(f"flyte run {file} {name}", summary, specs))
        return
    values = parse_inputs(specs, words)
    if wishes.local:
        from flyte._cli.run_local import run_locally

        run_locally(task, values, wishes)
    else:
        _show(_submit_file(task, values, wishes, config), wishes)


def _submit_file(task: Any, values: dict[str, Any], wishes: Wishes, config: "ClientConfig") -> "Run":
    from flyte._binding import bind
    from flyte._names import check_run_name
    from flyte._run import submit
    from flyte._run_options import RunOptions
    from flyte._syncify import block_on

    options = RunOptions(
        mode="remote",
        name=check_run_name(wishes.name) if wishes.name else None,
        version=wishes.version,
        env_vars=wishes.env_vars,
        project=config.project,
        domain=config.domain,
        copy_style=wishes.copy_style,
        sync_sys_paths=wishes.sync_sys_paths,
        images=wishes.images,
        settings=wishes.settings(),
    )
    return block_on(submit(task, bind(task.native_interface, (), values), options))


def _deployed(project: str, domain: str) -> list[str]:
    from flyte._client.listing import list_tasks
    from flyte._syncify import block_on
    from flyte_schemas.endpoints import ListTasks

    found = block_on(list_tasks(ListTasks(project=project, domain=domain, limit=10**6)))
    return [f"{task.found.name}:{task.found.version}" for task in found]


def _run_deployed(context: typer.Context, name: str | None, words: Sequence[str], wishes: Wishes) -> None:
    from flyte import _session
    from flyte._cli.inputs import help_text, parse_inputs, specs_of_wire
    from flyte._client.deployed import fetch_task, submit_deployed
    from flyte._syncify import block_on

    _check_deployed(wishes)
    config = settle(context, project=wishes.project, domain=wishes.domain)
    for option, wanted, place in (
        ("--run-project", wishes.run_project, config.project),
        ("--run-domain", wishes.run_domain, config.domain),
    ):
        if wanted not in (None, place):
            raise click.UsageError(
                f"{option}: a run is in the project and domain of its task ({config.project}/{config.domain})"
            )
    client = _session.client()
    if name is None:
        typer.echo("\n".join(_deployed(config.project, config.domain)) or "no task is deployed")
        return
    record = block_on(fetch_task(client, config.project, config.domain, name))
    specs = specs_of_wire(record.template.interface)
    if any(word in HELP for word in words):
        from flyte._plan import signature
        from flyte._runtime.docstring import parse_docstring

        summary = parse_docstring(record.template.docs).prose or signature(record.template)
        typer.echo(help_text(f"flyte run {DEPLOYED_TASK} {name}", summary, specs))
        return
    started = submit_deployed(
        client,
        record,
        parse_inputs(specs, words),
        run_name=wishes.name,
        env_vars=dict(wishes.env_vars),
        settings=wishes.settings() if wishes.kept else None,
    )
    _show(block_on(started), wishes)


def _check_deployed(wishes: Wishes) -> None:
    """Raises UsageError for what only a file can be told."""
    said = {
        "--local": wishes.local and "runs on the stack",
        "--image": wishes.images and "has its image: deploy it with another one",
        "--version": wishes.version and "is named with its version: NAME:VERSION",
        "--copy-style": wishes.copy_style != "loaded_modules" and "has its code",
        "--root-dir": wishes.root_dir and "has its code",
        "--no-sync-local-sys-paths": not wishes.sync_sys_paths and "has its code",
    }
    for option, reason in said.items():
        if reason:
            raise click.UsageError(f"{option}: a {DEPLOYED_TASK} {reason}; leave it out")


def _show(started: "Run", wishes: Wishes) -> None:
    from flyte._cli.awaiting import show_until_over

    show_until_over(started, detach=wishes.detach, progress=wishes.progress, as_json=wishes.as_json)


def _task_list(file: Path, tasks: dict[str, Any]) -> str:
    from flyte._runtime.docstring import parse_docstring

    if not tasks:
        return f"{file} declares no tasks: decorate a function with @env.task"
    width = max(map(len, tasks))
    lines = [
        f"  {name:<{width}}  {parse_docstring(task.__doc__).summary}".rstrip() for name, task in tasks.items()
    ]
    return "\n".join([f"Usage: flyte run {file} TASK [INPUTS]", "", "Tasks:", *lines])
