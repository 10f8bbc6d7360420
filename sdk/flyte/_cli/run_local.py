"""`flyte run --local`: the task runs in this process, shown as a run on the stack is shown."""

import contextlib
import sys
from typing import TYPE_CHECKING, Any

import typer

from flyte import _screen
from flyte._cli.run_words import Wishes
from flyte._cli.terminal import can_redraw, say_failure
from flyte.errors import BaseRuntimeError, TaskTimeoutError

if TYPE_CHECKING:
    from flyte._local import LocalOptions
    from flyte._local_run import LocalRun
    from flyte._task import Task


def run_locally(task: "Task[..., Any]", values: dict[str, Any], wishes: Wishes) -> None:
    """Run the task to its end and show it. Exits with 1 when it failed."""
    from flyte._binding import bind
    from flyte._local import run_here

    _say_what_is_idle(wishes)
    _screen.leave()
    inputs = bind(task.native_interface, (), values)
    options = _options(wishes)
    try:
        if wishes.as_json:
            with contextlib.redirect_stdout(sys.stderr):
                ran = run_here(task, inputs, options)
        elif wishes.progress and can_redraw():
            from flyte._cli.progress_here import with_progress

            ran = with_progress(options, lambda watched: run_here(task, inputs, watched))
        else:
            ran = run_here(task, inputs, options)
    except BaseRuntimeError as error:
        if error.failure is None:
            raise
        _tell_failure(error, task.name, options.name, wishes)
        sys.exit(1)
    if wishes.kept:
        ran.of(inputs, wishes.settings())
    _answer(ran, wishes)


def _options(wishes: Wishes) -> "LocalOptions":
    from flyte import _session
    from flyte._local import LocalOptions
    from flyte._names import check_run_name, new_run_name

    config = _session.configured()
    assert config is not None  # `settle` has configured this process
    return LocalOptions(
        name=check_run_name(wishes.name) if wishes.name else new_run_name(),
        project=config.project,
        domain=config.domain,
        env_vars=wishes.env_vars,
        raw_data_path=wishes.kept.get("raw_data_path") or "",
        max_action_concurrency=wishes.kept.get("max_action_concurrency"),
    )


def _say_what_is_idle(wishes: Wishes) -> None:
    """Some options concern a deployment or a run that somebody keeps: say so, once."""
    said: dict[str, Any] = {
        "--version": wishes.version,
        "--copy-style": wishes.copy_style != "loaded_modules",
        "--image": wishes.images,
        "--no-sync-local-sys-paths": not wishes.sync_sys_paths,
        "--detach": wishes.detach,
        "--service-account": wishes.kept.get("service_account"),
        "--queue": wishes.kept.get("queue"),
        "--debug": wishes.kept.get("debug"),
        "--label": wishes.kept.get("labels") and not wishes.as_json,
    }
    idle = [option for option, is_said in said.items() if is_said]
    if idle:
        verb = "means" if len(idle) == 1 else "mean"
        typer.echo(f"note: {', '.join(idle)} {verb} nothing in a local run", err=True)


def _answer(ran: "LocalRun", wishes: Wishes) -> None:
    outputs = ran.outputs()
    if not wishes.as_json:
        typer.echo(f"Outputs: {outputs}")
        return
    from flyte._cli.show import json_text
    from flyte._outputs import plain

    typer.echo(json_text(ran.to_dict() | {"outputs": plain(outputs.named_outputs)}))


def _tell_failure(error: BaseRuntimeError, task: str, name: str, wishes: Wishes) -> None:
    from flyte._cli.show import failure_box, failure_text, json_text

    failure = error.failure
    assert failure is not None
    if not wishes.as_json:
        say_failure("the run failed", failure_text(failure), *failure_box(failure))
        return
    phase = "timed_out" if isinstance(error, TaskTimeoutError) else "failed"
    said = {"code": failure.code, "kind": failure.kind.value, "message": failure.message}
    typer.echo(json_text({"name": name, "task": task, "phase": phase, "error": said}))
