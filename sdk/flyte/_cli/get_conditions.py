"""`flyte get condition RUN [NAME]`: what a run asks people."""

from typing import TYPE_CHECKING, Annotated

import typer

from flyte._cli.completion import NamedRun
from flyte._cli.setting import Domain, Output, Project, settle

if TYPE_CHECKING:
    from flyte._client.conditions import Condition

app = typer.Typer(rich_markup_mode=None)


@app.command("condition")
def get_condition(
    context: typer.Context,
    run: NamedRun,
    action: Annotated[
        str | None, typer.Argument(metavar="[CONDITION]", help="One of them, by its name.")
    ] = None,
    project: Project = None,
    domain: Domain = None,
    output: Output = None,
) -> None:
    """List the conditions of a run; or show one."""
    settle(context, project=project, domain=domain)
    from flyte._cli.show import json_text, table, time_text
    from flyte._client.conditions import Condition

    if action is not None:
        found = Condition.get(action, run)
        typer.echo(found.to_json() if output == "json" else _facts(found))
        return
    conditions = list(Condition.listall(run))
    if output == "json":
        typer.echo(json_text([one.to_dict() for one in conditions]))
        return
    header = ("CONDITION", "PHASE", "TYPE", "ASKED BY", "SINCE", "ANSWER", "PROMPT")
    rows = [
        (
            one.name,
            one.phase.name,
            one.expected_type,
            one.parent_name or "",
            time_text(one._state.requested_at),
            _text(one.answer),
            one.prompt.partition("\n")[0],
        )
        for one in conditions
    ]
    typer.echo(table(header, rows))


def _facts(found: "Condition") -> str:
    facts = {key: _text(value) for key, value in found.to_dict().items()}
    return "\n".join(f"{key:<14} {text}" for key, text in facts.items() if text)


def _text(value: object) -> str:
    return "" if value is None else str(value)
