"""`flyte get run`."""

from typing import Any

import click

from flyte._cli.completion import offer_runs
from flyte._cli.run_words import filter_of, filtered
from flyte._cli.setting import limited, placed, settle, shown


@click.command()
@click.argument("name", required=False, shell_complete=offer_runs)
@limited
@filtered
@placed
@shown
@click.pass_context
def get_run(
    context: click.Context,
    /,
    name: str | None,
    limit: int,
    project: str | None,
    domain: str | None,
    output: str,
    **given: Any,
) -> None:
    """List runs, the newest first; or show one, by its name or URL."""
    wanted = filter_of(given)
    config = settle(context, project=project, domain=domain)
    from flyte._cli.show import duration_text, json_text, table, time_text
    from flyte._client.listing import list_runs
    from flyte._client.runs import parse_run
    from flyte._syncify import block_on

    key = parse_run(name, config.project, config.domain) if name else None
    place = (key.project, key.domain) if key else (config.project, config.domain)
    runs = block_on(list_runs(*place, name=key.run if key else None, limit=limit, wanted=wanted))
    if key is not None and not runs:
        raise LookupError(f"there is no run {key.run!r} in {key.project}/{key.domain}")
    if output == "json":
        documents = [run.model_dump(mode="json") for run in runs]
        click.echo(json_text(documents[0] if key else documents))
        return
    header = ("NAME", "TASK", "VERSION", "PHASE", "REQUESTED", "DURATION", "ATTEMPTS", "ACTIONS")
    rows = [
        (
            run.name,
            run.task,
            run.version[:12],
            run.phase.name,
            time_text(run.requested_at),
            duration_text(run.started_at, run.ended_at),
            str(run.attempts),
            str(run.actions),
        )
        for run in runs
    ]
    click.echo(table(header, rows))
    if key is not None and runs[0].failure is not None:
        from flyte._cli.show import failure_text

        click.echo(failure_text(runs[0].failure))
