"""`flyte get action|logs|io RUN [ACTION]`: what a run consists of, printed, took and gave."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from flyte._cli.setting import Domain, Output, Project, check_output, settle

if TYPE_CHECKING:
    from flyte._client.actions import Action

RunName = Annotated[str, typer.Argument(help="Name or URL of the run.")]
ActionName = Annotated[str, typer.Argument(help="Name of an action of it; the root by default.")]


def get_action(
    context: typer.Context,
    run: RunName,
    action: Annotated[str | None, typer.Argument(help="Just this one.", show_default=False)] = None,
    in_phase: Annotated[
        list[str] | None, typer.Option("--in-phase", help="Only in this phase.", show_default=False)
    ] = None,
    output: Output = "table",
    project: Project = None,
    domain: Domain = None,
) -> None:
    """List the actions of a run; or show one."""
    as_json = check_output(output) == "json"
    settle(context, project=project, domain=domain)
    from flyte._cli.show import duration_text, json_text, table, time_text
    from flyte._client.actions import Action

    if action is not None:
        typer.echo(Action.get(uri=run, name=action).to_json() if as_json else _facts(run, action))
        return
    found = list(Action.listall(run, in_phase=in_phase))
    if as_json:
        typer.echo(json_text([one.to_dict() for one in found]))
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
    typer.echo(table(header, rows))


def get_logs(
    context: typer.Context,
    run: RunName,
    action: ActionName = "a0",
    lines: Annotated[int | None, typer.Option("-l", "--lines", help="Only the last ones.", min=0)] = None,
    show_ts: Annotated[bool, typer.Option("--show-ts", help="Show when each line was written.")] = False,
    attempt: Annotated[
        int | None, typer.Option("-a", "--attempt", help="Only of this attempt, from 1.", min=1)
    ] = None,
    pretty: Annotated[bool, typer.Option("--pretty", help="Changes nothing: lines are as printed.")] = False,
    filter_system: Annotated[
        bool, typer.Option("--filter-system", help="Changes nothing: only the task's own lines are kept.")
    ] = False,
    project: Project = None,
    domain: Domain = None,
) -> None:
    """Show what one action has printed."""
    found = _action(context, run, action, project, domain)
    limit = 10**9 if lines is None else lines
    if limit:
        found.show_logs(attempt=attempt, max_lines=limit, show_ts=show_ts)


def get_io(
    context: typer.Context,
    run: RunName,
    action: ActionName = "a0",
    inputs_only: Annotated[bool, typer.Option("-i", "--inputs-only", help="Only the inputs.")] = False,
    outputs_only: Annotated[bool, typer.Option("--outputs-only", help="Only the outputs.")] = False,
    output: Output = "table",
    project: Project = None,
    domain: Domain = None,
) -> None:
    """Show what one action was called with, and what it gave."""
    as_json = check_output(output) == "json"
    found = _action(context, run, action, project, domain)
    from flyte._cli.show import json_text
    from flyte._client.values import plain

    details = found.details()
    values: dict[str, Any] = {}
    if not outputs_only:
        values["inputs"] = dict(details.inputs())
    if not inputs_only and details.status == "SUCCEEDED":
        values["outputs"] = details.outputs().named_outputs
    if as_json:
        typer.echo(json_text(plain(values)))
        return
    for title, items in values.items():
        typer.echo(title.capitalize())
        typer.echo("\n".join(f"  {name} = {value!r}" for name, value in items.items()) or "  none")
    if not inputs_only and "outputs" not in values:
        typer.echo(f"there are no outputs: the action is {details.status}", err=True)


def _action(
    context: typer.Context, run: str, action: str, project: str | None, domain: str | None
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
