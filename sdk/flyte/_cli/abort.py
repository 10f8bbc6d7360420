"""`flyte abort run` and `flyte abort action`: give something up that runs."""

from collections.abc import Callable
from typing import Annotated

import typer

from flyte._cli.completion import NamedRun
from flyte._cli.lazy import NamedGroup
from flyte._cli.setting import Domain, Output, Project, settle

BY_HAND = "Manually aborted from the CLI."

Reason = Annotated[str, typer.Option("--reason", help="Why; kept with what is aborted.")]

app = typer.Typer(cls=NamedGroup, help="Abort runs and actions.", no_args_is_help=True, rich_markup_mode=None)


@app.command("run")
def abort_run(
    context: typer.Context,
    name: NamedRun,
    reason: Reason = BY_HAND,
    project: Project = None,
    domain: Domain = None,
    output: Output = None,
) -> None:
    """Abort a run with all of its actions; one that is over stays as it ended."""
    settle(context, project=project, domain=domain)
    from flyte._client.runs import Run

    run = Run.get(name)
    is_over = _abort(run.abort, run.done(), reason)
    _answer({"run": run.name}, f"Run '{run.name}'", is_over, output == "json")


@app.command("action")
def abort_action(
    context: typer.Context,
    run: NamedRun,
    action: Annotated[str, typer.Argument(help="Name of the action.")],
    reason: Reason = BY_HAND,
    project: Project = None,
    domain: Domain = None,
    output: Output = None,
) -> None:
    """Abort one action and all below it; its parent sees an ActionAbortedError and may go on."""
    settle(context, project=project, domain=domain)
    from flyte._client.actions import Action

    found = Action.get(run_name=run, name=action)
    is_over = _abort(found.abort, found.done(), reason)
    names = {"run": found.run_name, "action": action}
    _answer(names, f"Action '{action}' of run '{found.run_name}'", is_over, output == "json")


def _abort(abort: Callable[[str], None], is_over: bool, reason: str) -> bool:
    if not is_over:
        abort(reason)
    return is_over


def _answer(names: dict[str, str], what: str, is_over: bool, as_json: bool) -> None:
    from flyte._cli.show import json_text

    if as_json:
        typer.echo(json_text({**names, "aborted": not is_over}))
        return
    typer.echo(f"{what} is over already." if is_over else f"{what} has been aborted.")
