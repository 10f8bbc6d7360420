"""`flyte get action|logs|io RUN [ACTION]`: what a run consists of, printed, took and gave."""

from typing import TYPE_CHECKING, Any

import click

from flyte._cli.completion import offer_runs
from flyte._cli.setting import placed, settle, shown

if TYPE_CHECKING:
    from flyte._client.actions import Action

_of_a_run = click.argument("run", shell_complete=offer_runs)
_the_root = click.argument("action", default="a0", metavar="[ACTION]")


@click.command()
@_of_a_run
@click.argument("action", required=False)
@click.option("--in-phase", multiple=True, help="Only in this phase.")
@placed
@shown
@click.pass_context
def get_action(
    context: click.Context,
    run: str,
    action: str | None,
    in_phase: tuple[str, ...],
    project: str | None,
    domain: str | None,
    output: str,
) -> None:
    """List the actions of a run; or show one."""
    as_json = output == "json"
    settle(context, project=project, domain=domain)
    from flyte._cli.show import duration_text, json_text, table, time_text
    from flyte._client.actions import Action

    if action is not None:
        click.echo(Action.get(uri=run, name=action).to_json() if as_json else _facts(run, action))
        return
    found = list(Action.listall(run, in_phase=in_phase or None))
    if as_json:
        click.echo(json_text([one.to_dict() for one in found]))
        return
    header = ("ACTION", "TASK", "PHASE", "PARENT", "GROUP", "REQUESTED", "DURATION", "ATTEMPTS")
    rows = []
    for one in found:
        state = one.known
        rows.append(
            (
                one.name,
                one.task_name or "",
                state.phase.name if state.phase else "",
                one.parent_name or "",
                one.group or "",
                time_text(state.requested_at),
                duration_text(state.started_at, state.ended_at),
                str(state.attempt),
            )
        )
    click.echo(table(header, rows))


@click.command()
@_of_a_run
@_the_root
@click.option("-l", "--lines", type=click.IntRange(min=0), help="Only the last ones.")
@click.option("--show-ts", is_flag=True, help="Show when each line was written.")
@click.option("-a", "--attempt", type=click.IntRange(min=1), help="Only of this attempt, from 1.")
@click.option("--pretty", is_flag=True, help="Changes nothing: lines are as printed.")
@click.option("--filter-system", is_flag=True, help="Changes nothing: only the task's own lines are kept.")
@placed
@shown
@click.pass_context
def get_logs(
    context: click.Context,
    run: str,
    action: str,
    lines: int | None,
    show_ts: bool,
    attempt: int | None,
    pretty: bool,
    filter_system: bool,
    project: str | None,
    domain: str | None,
    output: str,
) -> None:
    """Show what one action has printed; the root action when none is named."""
    found = _action(context, run, action, project, domain)
    limit = 10**9 if lines is None else lines
    if output == "json":
        from flyte._cli.show import json_text
        from flyte._syncify import block_on

        kept = block_on(found.lines(attempt))
        click.echo(json_text([line.to_dict() for line in kept[max(0, len(kept) - limit) :]]))
    elif limit:
        found.show_logs(attempt=attempt, max_lines=limit, show_ts=show_ts)


@click.command()
@_of_a_run
@_the_root
@click.option("-i", "--inputs-only", is_flag=True, help="Only the inputs.")
@click.option("--outputs-only", is_flag=True, help="Only the outputs.")
@placed
@shown
@click.pass_context
def get_io(
    context: click.Context,
    run: str,
    action: str,
    inputs_only: bool,
    outputs_only: bool,
    project: str | None,
    domain: str | None,
    output: str,
) -> None:
    """Show what one action was called with, and what it gave; the root action when none is named."""
    if inputs_only and outputs_only:
        raise click.UsageError("--inputs-only and --outputs-only exclude each other", context)
    as_json = output == "json"
    found = _action(context, run, action, project, domain)
    from flyte._cli.show import json_text
    from flyte._outputs import plain

    details = found.details()
    values: dict[str, Any] = {}
    if not outputs_only:
        values["inputs"] = dict(details.inputs())
    if not inputs_only and details.status == "SUCCEEDED":
        values["outputs"] = details.outputs().named_outputs
    if as_json:
        click.echo(json_text(plain(values)))
        return
    for title, items in values.items():
        click.echo(title.capitalize())
        click.echo("\n".join(f"  {name} = {value!r}" for name, value in items.items()) or "  none")
    if not inputs_only and "outputs" not in values:
        click.echo(f"there are no outputs: the action is {details.status}", err=True)


def _action(
    context: click.Context, run: str, action: str, project: str | None, domain: str | None
) -> "Action":
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
        "task": f"{details.task_name}:{details.task_version}",
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
