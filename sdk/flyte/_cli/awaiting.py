"""A run on the stack, shown until it is over; its end decides the exit code.

With JSON for programs the output of the tasks goes to standard error: standard output is one document.
"""

import sys
from typing import TYPE_CHECKING, Any, TextIO

import typer

from flyte._cli.terminal import can_redraw, say_failure
from flyte._syncify import block_on

if TYPE_CHECKING:
    from flyte._client.runs import Run
    from flyte_schemas.action import ActionState


def show_until_over(run: "Run", *, detach: bool, progress: bool = True, as_json: bool = False) -> None:
    """Show the run until it is over, with a live view on a terminal. Exits with 1 when it did not succeed."""
    typer.echo(f"run {run.name}  {run.url}", err=True)
    if detach:
        _answer({"name": run.name, "url": run.url}) if as_json else typer.echo(run.name)
        return
    try:
        if progress and not as_json and can_redraw():
            from flyte._cli.progress import wait_with_progress

            wait_with_progress(run)
        else:
            block_on(_wait(run, sys.stderr if as_json else sys.stdout))
    except KeyboardInterrupt:
        typer.echo(f"\nthe run goes on; see it with: flyte logs -f {run.name}", err=True)
        raise
    from flyte_schemas.phase import ActionPhase

    details = run.details()
    succeeded = details.phase is ActionPhase.SUCCEEDED
    if as_json:
        _answer(_document(run, details))
    elif succeeded:
        from flyte._runtime.codecs.pickles import unopened

        with unopened():
            typer.echo(f"Outputs: {details.outputs()}")
    else:
        _tell_failure(run, block_on(run.state()))
    if not succeeded:
        sys.exit(1)


async def _wait(run: "Run", out: TextIO) -> None:
    from flyte._client.logs import LogPrinter
    from flyte._client.trouble import say_on_stderr

    watch = await run.watched()
    await run.follow(watch, LogPrinter(out, sys.stderr, watch.task_of), say=say_on_stderr)


def _tell_failure(run: "Run", state: "ActionState") -> None:
    from flyte._cli.show import ending_box, ending_text

    sys.stdout.flush()
    title = f"run {run.name} {state.phase.name if state.phase else 'UNKNOWN'}"
    pointer = f"why, and what to do: flyte explain {run.name}"
    cause, rest = ending_box(state)
    say_failure(title, f"{ending_text(state)}\n{pointer}", cause, f"{rest}\n\n{pointer}".lstrip())


def _document(run: "Run", details: Any) -> dict[str, Any]:
    from flyte._outputs import plain
    from flyte._runtime.codecs.pickles import unopened

    found = {"name": run.name, "url": run.url, "task": details.task_name, "phase": details.phase.value}
    if details.phase.value == "succeeded":
        with unopened():
            return {**found, "outputs": plain(details.outputs().named_outputs)}
    error, abort = details.error_info, details.abort_info
    if error is not None:
        found["error"] = {"code": error.code, "kind": str(error.kind), "message": error.message}
    if abort is not None:
        found["aborted"] = {"reason": abort.reason, "by": abort.by}
    return found


def _answer(document: Any) -> None:
    from flyte._cli.show import json_text

    typer.echo(json_text(document))
