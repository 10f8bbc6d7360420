"""`flyte get run`."""

from typing import TYPE_CHECKING, Annotated

import typer

from flyte._cli.completion import offer_runs
from flyte._cli.run_words import (
    CreatedAfter,
    CreatedBefore,
    InPhase,
    OnlyMine,
    PausedOnly,
    Search,
    TaskName,
    TaskVersion,
    UpdatedAfter,
    UpdatedBefore,
    WithLabelKeys,
    WithLabels,
    filter_of,
)
from flyte._cli.setting import Domain, Limit, Output, Project, settle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flyte_schemas.endpoints import ListRuns, RunSummary


app = typer.Typer(rich_markup_mode=None)


@app.command("run")
def get_run(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(help="One run, by its name or URL.", autocompletion=offer_runs)
    ] = None,
    limit: Limit = 100,
    in_phase: InPhase = None,
    task_name: TaskName = None,
    task_version: TaskVersion = None,
    only_mine: OnlyMine = False,
    created_after: CreatedAfter = None,
    created_before: CreatedBefore = None,
    updated_after: UpdatedAfter = None,
    updated_before: UpdatedBefore = None,
    paused_only: PausedOnly = False,
    with_label: WithLabels = None,
    with_label_key: WithLabelKeys = None,
    search: Search = "",
    counts: Annotated[bool, typer.Option("--counts", help="Only how many are in each phase.")] = False,
    project: Project = None,
    domain: Domain = None,
    output: Output = None,
) -> None:
    """List runs, the newest first; or show one, by its name or URL.

    With -o json each has `as_of`: all that the log had up to this place is in the answer.
    """
    wanted = filter_of(context.params)
    config = settle(context, project=project, domain=domain)
    from flyte._client.runs import parse_run

    key = parse_run(name, config.project, config.domain) if name else None
    place = (key.project, key.domain) if key else (config.project, config.domain)
    from flyte._cli.show import json_text
    from flyte._client.listing import asked_runs, list_runs
    from flyte._syncify import block_on

    if counts:
        asked = asked_runs(*place, name=key.run if key else None, limit=0, wanted=wanted, counts=True)
        _show_counts(asked, as_json=output == "json")
        return
    asked = asked_runs(*place, name=key.run if key else None, limit=limit, wanted=wanted)
    runs = block_on(list_runs(asked))
    if key is not None and not runs:
        raise LookupError(f"there is no run {key.run!r} in {key.project}/{key.domain}")
    aborted = _abort_of(name) if name and runs[0].found.phase.value == "aborted" else {}
    if output == "json":
        documents = [run.found.model_dump(mode="json") | {"as_of": run.as_of} | aborted for run in runs]
        typer.echo(json_text(documents[0] if key else documents))
        return
    typer.echo(_table([run.found for run in runs]))
    if key is not None and (failure := runs[0].found.failure) is not None:
        from flyte._cli.show import failure_text

        typer.echo(failure_text(failure))
    if found := aborted.get("aborted"):
        typer.echo(f"aborted: {found['reason']} (by {found['by'] or 'nobody'})")


def _abort_of(run: str) -> dict[str, dict[str, str]]:
    """Why a run was aborted and by whom, as its log says."""
    from flyte._client.actions import Action

    found = Action.get(uri=run, name="a0").details().abort_info
    return {"aborted": {"reason": found.reason, "by": found.by}} if found is not None else {}


def _show_counts(asked: "ListRuns", *, as_json: bool) -> None:
    """How many runs are in each phase, in the order of a run's life."""
    from flyte._cli.show import json_text, table
    from flyte._client.listing import count_runs
    from flyte._syncify import block_on
    from flyte_schemas.phase import ActionPhase

    page = block_on(count_runs(asked))
    found = [(phase, count) for phase in ActionPhase if (count := (page.counts or {}).get(phase, 0))]
    if as_json:
        named = {phase.value: count for phase, count in found}
        typer.echo(json_text({"counts": named, "as_of": page.as_of_sequence}))
    else:
        typer.echo(table(("PHASE", "RUNS"), [(phase.name, str(count)) for phase, count in found]))


def _table(runs: "Sequence[RunSummary]") -> str:
    from flyte._cli.show import duration_text, table, time_text

    header = ("NAME", "TASK", "VERSION", "PHASE", "REQUESTED", "DURATION", "ATTEMPTS", "ACTIONS")
    rows = [
        (
            run.name,
            run.task,
            run.version[:12],
            run.phase.name + (f" ({run.paused} paused)" if run.paused else ""),
            time_text(run.requested_at),
            duration_text(run.started_at, run.ended_at),
            str(run.attempts),
            str(run.actions),
        )
        for run in runs
    ]
    return table(header, rows)
