"""`flyte get events RUN [ACTION]`: what has happened to a run, or to one of its actions."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from flyte._cli.completion import NamedRun
from flyte._cli.setting import Domain, Output, Project, settle

if TYPE_CHECKING:
    from flyte._client.watch import Happening

app = typer.Typer(rich_markup_mode=None)


@app.command("events")
def get_events(
    context: typer.Context,
    run: NamedRun,
    action: Annotated[str | None, typer.Argument(help="Only what happened to this action.")] = None,
    lines: Annotated[int | None, typer.Option("-l", "--lines", min=0, help="Only the last ones.")] = None,
    project: Project = None,
    domain: Domain = None,
    output: Output = None,
) -> None:
    """Show what has happened to a run, or to one of its actions, each event behind its place in the log.

    With -o json each has `as_of`: all that the log had up to this place is in the answer.
    """
    settle(context, project=project, domain=domain)
    from flyte._cli.show import json_text
    from flyte._client.actions import Action
    from flyte._client.runs import Run
    from flyte._syncify import block_on

    found = Run.get(run) if action is None else Action.get(uri=run, name=action)
    happened, as_of = block_on(found.events_as_of())
    happened = happened[max(0, len(happened) - lines) :] if lines is not None else happened
    if output == "json":
        typer.echo(json_text([_document(one) | {"as_of": as_of} for one in happened]))
        return
    from flyte._cli.story import event_line

    width = max((len(str(one.sequence)) for one in happened), default=0)
    for one in happened:
        typer.echo(f"{one.sequence:>{width}}  {event_line(one.action, one.event)}")


def _document(one: "Happening") -> dict[str, Any]:
    import json

    return {"sequence": one.sequence, "action": one.action, "event": json.loads(one.raw)}
