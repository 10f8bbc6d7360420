"""`flyte signal condition RUN NAME [VALUE]`: answer what a run asks."""

import sys
from typing import TYPE_CHECKING, Annotated

import click
import typer

from flyte._cli.completion import NamedRun
from flyte._cli.lazy import NamedGroup
from flyte._cli.setting import Domain, Output, Project, settle

if TYPE_CHECKING:
    from flyte._client.conditions import Condition
    from flyte_schemas.literals import Answer

app = typer.Typer(
    cls=NamedGroup, help="Answer conditions of runs.", no_args_is_help=True, rich_markup_mode=None
)


@app.callback()
def signal() -> None:
    """Answer conditions of runs."""


@app.command("condition", context_settings={"ignore_unknown_options": True})
def signal_condition(
    context: typer.Context,
    run: NamedRun,
    action: Annotated[str, typer.Argument(metavar="CONDITION", help="Name of the condition.")],
    value: Annotated[
        str | None, typer.Argument(help="The answer; asked for at the terminal when it is left out.")
    ] = None,
    project: Project = None,
    domain: Domain = None,
    output: Output = None,
) -> None:
    """Answer a condition that a run waits for; the first answer counts."""
    settle(context, project=project, domain=domain)
    from flyte._cli.show import json_text
    from flyte._client.conditions import Condition

    found = Condition.get(action, run)
    answer = _answer(found, value, context)
    found.signal(answer)
    if output == "json":
        typer.echo(json_text(found.to_dict()))
    else:
        typer.echo(f"Condition '{found.name}' of run '{found.run_name}' has been answered: {answer!r}.")


def _answer(found: "Condition", value: str | None, context: typer.Context) -> "Answer":
    from flyte._runtime.questions import answer_from_text
    from flyte_schemas.conditions import DESCRIBED

    if value is None:
        if not sys.stdin.isatty():
            raise click.UsageError(
                f"{found.name} asks {found.prompt!r}: give the answer ({found.expected_type}) "
                "behind its name; there is no terminal to ask at",
                context,
            )
        value = typer.prompt(f"{found.prompt} ({found.expected_type})", err=True)
    answer = answer_from_text(found.expected_type, str(value))
    if answer is None:
        wanted = f"condition {found.name} takes {DESCRIBED[found.expected_type]}"
        raise click.UsageError(f"{wanted}, not {value!r}", context)
    return answer
