"""`flyte get action|io RUN [ACTION]`: what a run consists of, took and gave."""

from typing import TYPE_CHECKING, Annotated, Any

import click
import typer

from flyte._cli.completion import NamedRun
from flyte._cli.run_words import InPhase
from flyte._cli.setting import Domain, Output, Project, settle

if TYPE_CHECKING:
    from flyte._client.actions import Action

ActionName = Annotated[str, typer.Argument(help="Which of its actions.")]

app = typer.Typer(rich_markup_mode=None)


@app.command("action")
def get_action(
    context: typer.Context,
    run: NamedRun,
    action: Annotated[str | None, typer.Argument(help="One of its actions.")] = None,
    in_phase: InPhase = None,
    project: Project = None,
    domain: Domain = None,
    output: Output = None,
) -> None:
    """List the actions of a run; or show one.

    With -o json each has `as_of`: all that the log had up to this place is in the answer.
    """
    as_json = output == "json"
    settle(context, project=project, domain=domain)
    from flyte._cli.show import duration_text, json_text, table, time_text
    from flyte._client.actions import Action

    if action is not None:
        typer.echo(Action.get(uri=run, name=action).to_json() if as_json else _facts(run, action))
        return
    found = list(Action.listall(run, in_phase=in_phase or None))
    if as_json:
        typer.echo(json_text([one.seen.to_dict() | {"url": one.url} for one in found]))
        return
    header = ("ACTION", "TASK", "PHASE", "PARENT", "GROUP", "REQUESTED", "DURATION", "ATTEMPTS")
    rows = []
    for one in found:
        state = one.known
        rows.append(
            (
                one.name,
                one.task_name or ("(condition)" if state.condition is not None else ""),
                state.phase.name if state.phase else "",
                one.parent_name or "",
                one.group or "",
                time_text(state.requested_at),
                duration_text(state.started_at, state.ended_at),
                str(state.attempt),
            )
        )
    typer.echo(table(header, rows))


@app.command("io")
def get_io(
    context: typer.Context,
    run: NamedRun,
    action: ActionName = "a0",
    inputs_only: Annotated[bool, typer.Option("-i", "--inputs-only", help="Only the inputs.")] = False,
    outputs_only: Annotated[bool, typer.Option("--outputs-only", help="Only the outputs.")] = False,
    project: Project = None,
    domain: Domain = None,
    output: Output = None,
) -> None:
    """Show what one action was called with, and what it gave; the root action when none is named."""
    if inputs_only and outputs_only:
        raise click.UsageError("--inputs-only and --outputs-only exclude each other", context)
    as_json = output == "json"
    found = action_of(context, run, action, project, domain)
    from flyte._cli.show import json_text
    from flyte._outputs import plain
    from flyte._runtime.codecs.pickles import unopened

    details = found.details()
    values: dict[str, Any] = {}
    with unopened():
        if not outputs_only:
            values["inputs"] = dict(details.inputs())
        if not inputs_only and details.phase.is_success:
            values["outputs"] = details.outputs().named_outputs
    if as_json:
        typer.echo(json_text(plain(values) | {"as_of": details.as_of}))
        return
    for title, items in values.items():
        typer.echo(title.capitalize())
        typer.echo("\n".join(f"  {name} = {value!r}" for name, value in items.items()) or "  none")
    if not inputs_only and "outputs" not in values:
        typer.echo(f"there are no outputs: the action is {details.status}", err=True)


def action_of(
    context: typer.Context, run: str, action: str, project: str | None, domain: str | None
) -> "Action":
    """The action of this name, as typed. Raises what `Action.get` does."""
    settle(context, project=project, domain=domain)
    from flyte._client.actions import Action

    return Action.get(uri=run, name=action)


def _facts(run: str, action: str) -> str:
    from flyte._cli.show import time_text
    from flyte._client.actions import Action

    details = Action.get(uri=run, name=action).details()
    error, abort = details.error_info, details.abort_info
    facts = {
        "name": details.name,
        "run": details.run_name,
        "task": f"{details.task_name}:{details.task_version}" if details.task_version else "",
        "trace": "" if details.task_version else details.task_name or "",
        "condition": "" if details.task_name else "an answer is waited for, or was given",
        "phase": details.status,
        "parent": details.parent_name or "",
        "group": details.group or "",
        "attempts": str(details.attempts),
        "requested": time_text(details.start_time),
        "error": f"{error.code}: {error.message}" if error else "",
        "aborted": f"{abort.reason} (by {abort.by or 'nobody'})" if abort else "",
    }
    said = {key: str(value) for key, value in details.metadata.items() if value and key not in facts}
    lines = [f"{key:<22} {text}" for key, text in (facts | said).items() if text]
    stays = [
        f"  {stay.phase.name:<22} attempt {stay.attempt}  {stay.duration.total_seconds():.3f}s"
        for stay in details.get_phase_transitions()
    ]
    return "\n".join([*lines, "phases", *stays])
