"""`flyte run FILE TASK --input value …` and `flyte run deployed-task NAME[:VERSION] …`.

Options of the command stand before the file or right after it; what follows the task's name belongs to the
task. So the words are split here by hand, before the parser sees them.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from flyte._cli.completion import offer_deployed, offer_inputs, offer_tasks
from flyte._cli.pairs import images_of, pairs_of
from flyte._cli.run_words import (
    Concurrency,
    Debug,
    DeployVersion,
    Detach,
    Follow,
    Images,
    Labels,
    NoProgress,
    NoSync,
    Queue,
    RawDataPath,
    ServiceAccount,
    Variables,
    settings_of,
)
from flyte._cli.setting import CopyStyle, Domain, Project, RootDir, settle

if TYPE_CHECKING:
    from flyte._client.runs import Run
    from flyte._config import ClientConfig
    from flyte_schemas.events import RunSettings

DEPLOYED_TASK = "deployed-task"
PYTHON_SCRIPT = "python-script"


class RunCommand(TyperCommand):
    """Moves the options that stand between FILE and TASK to the front, where the parser looks for them."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        before, file, rest = self._split(ctx, args)
        if not file:
            return super().parse_args(ctx, args)
        if rest[:1] in (["--help"], ["-h"]):
            return super().parse_args(ctx, [*before, *file])
        between, task, inputs = self._split(ctx, rest)
        return super().parse_args(ctx, [*before, *between, *file, *task, *inputs])

    def _split(self, ctx: Any, args: list[str]) -> tuple[list[str], list[str], list[str]]:
        """Leading options, the first word that is none, and what follows it."""
        parser = type(self.make_parser(ctx))(ctx)
        parser.allow_interspersed_args = False
        for parameter in self.get_params(ctx):
            if parameter.param_type_name == "option":
                parameter.add_to_parser(parser, ctx)
        _, left, _ = parser.parse_args(args=list(args))
        options = args[: len(args) - len(left)]
        return options, left[:1], left[1:]

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Behind the task's name a flag is an input of the task, and not an option of ours."""
        if ctx.params.get("task") and incomplete.startswith("-"):
            (inputs,) = [one for one in self.get_params(ctx) if one.name == "inputs"]
            return inputs.shell_complete(ctx, incomplete)
        return super().shell_complete(ctx, incomplete)


def _offer_tasks(context: typer.Context, incomplete: str) -> list[Any]:
    if context.params.get("file") == DEPLOYED_TASK:
        return offer_deployed(context, incomplete)
    return offer_tasks(context, incomplete)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wishes:
    """The options of one `flyte run`."""

    project: str | None
    domain: str | None
    name: str | None
    env_vars: dict[str, str]
    copy_style: str
    root_dir: Path | None
    version: str | None
    local: bool
    detach: bool
    progress: bool
    images: Mapping[str, str]
    sync_sys_paths: bool
    settings: "RunSettings"


def run(
    context: typer.Context,
    file: Annotated[str, typer.Argument(help=f"Python file, or the word {DEPLOYED_TASK}.")],
    task: Annotated[
        str | None, typer.Argument(help="Task to run.", show_default=False, autocompletion=_offer_tasks)
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            help="--input value …; see --help behind the task.",
            show_default=False,
            autocompletion=offer_inputs,
        ),
    ] = None,
    local: Annotated[bool, typer.Option("--local", help="Run in this process, without a stack.")] = False,
    project: Project = None,
    domain: Domain = None,
    name: Annotated[str | None, typer.Option(help="Name of the run.", show_default="chosen")] = None,
    follow: Follow = False,
    detach: Detach = False,
    no_progress: NoProgress = False,
    env: Variables = None,
    version: DeployVersion = None,
    copy_style: CopyStyle = "loaded_modules",
    root_dir: RootDir = None,
    no_sync: NoSync = False,
    image: Images = None,
    label: Labels = None,
    raw_data_path: RawDataPath = None,
    service_account: ServiceAccount = None,
    queue: Queue = None,
    max_action_concurrency: Concurrency = None,
    debug: Debug = False,
) -> None:
    """Run a task of a Python file, deploying it first; or one that is deployed already.

    The output is shown while it runs, and the exit code is 0 only when the run succeeded.
    """
    wishes = _Wishes(
        images=images_of(image or []),
        sync_sys_paths=not no_sync,
        settings=settings_of(label, raw_data_path, service_account, queue, max_action_concurrency, debug),
        project=project,
        domain=domain,
        name=name,
        env_vars=pairs_of("--env", env or []),
        copy_style=copy_style,
        root_dir=root_dir,
        version=version,
        local=local,
        detach=detach and not follow,
        progress=not no_progress,
    )
    words = inputs or []
    _refuse_script(file)
    if file == DEPLOYED_TASK:
        _run_deployed(context, task, words, wishes)
    else:
        _run_file(context, Path(file), task, words, wishes)


def _refuse_script(file: str) -> None:
    if file == PYTHON_SCRIPT:
        raise typer.BadParameter(
            f"{PYTHON_SCRIPT} is not supported: put the script's work into a task and run its file"
        )


def _run_file(
    context: typer.Context, file: Path, name: str | None, words: list[str], wishes: _Wishes
) -> None:
    from flyte import _session
    from flyte._cli.inputs import HELP, help_text, parse_inputs, specs_of
    from flyte._loading import load_file

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
        _finish_local(task, values, wishes)
    else:
        _submit_file(task, values, wishes, config)


def _finish_local(task: Any, values: dict[str, Any], wishes: _Wishes) -> None:
    import flyte
    from flyte._cli.show import failure_box, failure_text
    from flyte._cli.terminal import say_failure
    from flyte.errors import BaseRuntimeError

    runner = flyte.with_runcontext(mode="local", name=wishes.name, env_vars=wishes.env_vars)
    try:
        outputs = runner.run(task, **values).outputs()
    except BaseRuntimeError as error:
        if error.failure is None:
            raise
        say_failure("the run failed", failure_text(error.failure), *failure_box(error.failure))
        raise typer.Exit(1) from error
    typer.echo(f"Outputs: {outputs}")


def _submit_file(task: Any, values: dict[str, Any], wishes: _Wishes, config: "ClientConfig") -> None:
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
        settings=wishes.settings,
    )
    inputs = bind(task.native_interface, (), values)
    _await(block_on(submit(task, inputs, options)), wishes)


def _run_deployed(context: typer.Context, name: str | None, words: list[str], wishes: _Wishes) -> None:
    from flyte import _session
    from flyte._cli.inputs import HELP, help_text, parse_inputs, specs_of_wire
    from flyte._client.deployed import fetch_task, list_tasks, submit_deployed
    from flyte._plan import signature
    from flyte._runtime.docstring import parse_docstring
    from flyte._syncify import block_on

    if wishes.local:
        raise typer.BadParameter(f"a {DEPLOYED_TASK} runs on the stack: leave out --local")
    config = settle(context, project=wishes.project, domain=wishes.domain)
    client = _session.client()
    if name is None:
        tasks = block_on(list_tasks(client, config.project, config.domain))
        typer.echo("\n".join(f"{task.name}:{task.version}" for task in tasks) or "no task is deployed")
        return
    record = block_on(fetch_task(client, config.project, config.domain, name))
    specs = specs_of_wire(record.template.interface)
    if any(word in HELP for word in words):
        usage = f"flyte run {DEPLOYED_TASK} {name}"
        summary = parse_docstring(record.template.docs).prose or signature(record.template)
        typer.echo(help_text(usage, summary, specs))
        return
    values = parse_inputs(specs, words)
    if wishes.images:
        raise typer.BadParameter(
            "--image is of no use for a task that is deployed: deploy it with that image"
        )
    run = block_on(
        submit_deployed(
            client,
            record,
            values,
            run_name=wishes.name,
            env_vars=wishes.env_vars,
            settings=wishes.settings,
        )
    )
    _await(run, wishes)


def _await(run: "Run", wishes: _Wishes) -> None:
    show_until_over(run, detach=wishes.detach, progress=wishes.progress)


def show_until_over(run: "Run", *, detach: bool, progress: bool = True) -> None:
    """Show the run until it is over, with a live view on a terminal; its end decides the exit code."""
    from flyte._cli.show import ending_box, ending_text
    from flyte._cli.terminal import can_redraw, say_failure
    from flyte._syncify import block_on
    from flyte_schemas.phase import ActionPhase

    typer.echo(f"run {run.name}  {run.url}", err=True)
    if detach:
        typer.echo(run.name)
        return
    try:
        if progress and can_redraw():
            from flyte._cli.progress import wait_with_progress

            wait_with_progress(run)
        else:
            run.wait()
    except KeyboardInterrupt:
        typer.echo(f"\nthe run goes on; see it with: flyte logs -f {run.name}", err=True)
        raise
    state = block_on(run.state())
    if state.phase is ActionPhase.SUCCEEDED:
        typer.echo(f"Outputs: {run.outputs()}")
        return
    sys.stdout.flush()
    title = f"run {run.name} {state.phase.name if state.phase else 'UNKNOWN'}"
    say_failure(title, ending_text(state), *ending_box(state))
    raise typer.Exit(1)


def _task_list(file: Path, tasks: dict[str, Any]) -> str:
    from flyte._runtime.docstring import parse_docstring

    if not tasks:
        return f"{file} declares no tasks: decorate a function with @env.task"
    width = max(map(len, tasks))
    lines = [
        f"  {name:<{width}}  {parse_docstring(task.__doc__).summary}".rstrip() for name, task in tasks.items()
    ]
    return "\n".join([f"Usage: flyte run {file} TASK [INPUTS]", "", "Tasks:", *lines])
