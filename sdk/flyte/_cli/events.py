"""`flyte events [RUN]`: what happened to a run, or to all runs and tasks, from any place on."""

from collections.abc import Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any

import click
import typer

from flyte._cli.completion import offer_runs
from flyte._cli.setting import Domain, Output, Project, settle

if TYPE_CHECKING:
    from datetime import datetime

    from flyte_bus.subscription import Interest, StreamEvent

SHOWN = 20
"""How many of the last events are shown where neither a run nor a place to begin is named."""

Run = Annotated[
    str | None,
    typer.Argument(
        help="Name or URL of a run; else the events of all runs and tasks.",
        autocompletion=offer_runs,
        show_default=False,
    ),
]
RunOption = Annotated[str | None, typer.Option("--run", help="The same as RUN.", autocompletion=offer_runs)]
Types = Annotated[
    list[str] | None, typer.Option("--type", help="Only these types, e.g. action.failed; may be repeated.")
]
PhaseNames = Annotated[
    list[str] | None,
    typer.Option("--phase", help="Only what leaves its action in this phase; may be repeated."),
]
Follow = Annotated[
    bool, typer.Option("-f", "--follow", help="Go on: until the run is over, or until Ctrl-C.")
]
Since = Annotated[str | None, typer.Option("--since", help="Begin so long ago (10m), or at a time.")]
After = Annotated[str | None, typer.Option("--after", help="Begin after an event's cursor, or its sequence.")]
AtMost = Annotated[
    int | None,
    typer.Option("--limit", min=1, help="Only so many: the last that are there, or with --after the first."),
]
AllProjects = Annotated[bool, typer.Option("--all-projects", help="Of all projects.")]

app = typer.Typer(rich_markup_mode=None)


@app.command("events")
def events(
    context: typer.Context,
    run: Run = None,
    run_option: RunOption = None,
    type: Types = None,
    phase: PhaseNames = None,
    follow: Follow = False,
    since: Since = None,
    after: After = None,
    limit: AtMost = None,
    all_projects: AllProjects = False,
    project: Project = None,
    domain: Domain = None,
    output: Output = None,
) -> None:
    """Show what happened, event by event, as the log has it; with -f go on with what happens.

    Without RUN these are the last 20 events of all runs and tasks of the project, unless --since, --after
    or --limit says otherwise. With -o json each event is one JSON document in a line, a CloudEvent with its
    `sequence` and `cursor`: give the last cursor to --after to go on without a gap. An action's phase is
    right also where reading begins in the middle: what came before is read from the log.
    """
    if since and after:
        raise click.UsageError("--since and --after both say where to begin: give one of them", context)
    if run and run_option and run != run_option:
        raise click.UsageError(f"RUN is {run!r} and --run is {run_option!r}: give one of them", context)
    begin = _moment(context, since) if since else None
    config = settle(context, project=project, domain=domain)
    from flyte._client.events import interest_in
    from flyte._syncify import block_on

    interest = interest_in(
        config, project, domain, run or run_option, type or [], phase, all_projects=all_projects
    )
    if limit is None and interest.run is None and not (since or after):
        limit = SHOWN
    lines = _line_of_run if interest.run else _line_of_any if all_projects else _line
    show = _document_line if output == "json" else lines
    block_on(_show(interest, show, follow=follow, since=begin, after=after, limit=limit))


def _moment(context: typer.Context, text: str) -> "datetime":
    """Raises BadParameter."""
    from flyte._cli.times import BadText, parse_since

    try:
        return parse_since(text)
    except BadText as error:
        raise click.BadParameter(str(error), context, param_hint="--since") from error


async def _show(
    interest: "Interest",
    show: "Callable[[StreamEvent], str]",
    *,
    follow: bool,
    since: "datetime | None",
    after: str | None,
    limit: int | None,
) -> None:
    from flyte import _session
    from flyte._cli.readers import while_somebody_reads
    from flyte._client.events import start, told
    from flyte._client.trouble import translated
    from flyte_bus.subscription import Subscription

    last, first = (limit, None) if after is None else (None, limit)
    with translated():
        log = (await _session.client().bus()).log
        begin = await start(log, interest, after, since, last)
        reading = Subscription(log, interest, begin)
        async with aclosing(told(reading, follow=follow)) as coming, while_somebody_reads():
            async for event in coming:
                typer.echo(show(event))
                if first is not None and not (first := first - 1):
                    return


def _line(event: "StreamEvent") -> str:
    """A line that says of which run, or of which task."""
    from flyte._cli.story import event_text, time_of

    where = f"{event.run:<20}  {event.action:<20}" if event.run else f"{event.task:<42}"
    return f"{time_of(event.event)}  {where}  {event_text(event.event)}"


def _line_of_any(event: "StreamEvent") -> str:
    """The same, with its project."""
    from flyte._cli.story import event_text, time_of

    where = "/".join(filter(None, (event.project, event.domain, event.run or event.task)))
    return f"{time_of(event.event)}  {where:<44}  {event.action or '':<20}  {event_text(event.event)}"


def _line_of_run(event: "StreamEvent") -> str:
    from flyte._cli.story import event_line

    return event_line(event.action or "", event.event)


def _document_line(event: "StreamEvent") -> str:
    """The CloudEvent as it stands in the log, with two attributes more."""
    import orjson

    document: dict[str, Any] = orjson.loads(event.raw)
    return orjson.dumps(document | {"sequence": event.sequence, "cursor": event.cursor}).decode()
