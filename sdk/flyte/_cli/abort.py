"""`flyte abort run` and `flyte abort action`: give something up that runs."""

from collections.abc import Callable
from typing import Annotated

import typer

from flyte._cli.completion import offer_runs
from flyte._cli.setting import Domain, Project, settle

app = typer.Typer(help="Abort runs and actions.", no_args_is_help=True, rich_markup_mode=None)

RunName = Annotated[str, typer.Argument(help="Name or URL of the run.", autocompletion=offer_runs)]
Reason = Annotated[str, typer.Option(help="Why; kept with what is aborted.")]
BY_HAND = "Manually aborted from the CLI."


@app.command("run")
def abort_run(
    context: typer.Context,
    name: RunName,
    reason: Reason = BY_HAND,
    project: Project = None,
    domain: Domain = None,
) -> None:
    """Abort a run with all of its actions; one that is over stays as it ended."""
    settle(context, project=project, domain=domain)
    from flyte._client.runs import Run

    run = Run.get(name)
    _abort(run.abort, run.done(), f"Run '{run.name}'", reason)


@app.command("action")
def abort_action(
    context: typer.Context,
    run: RunName,
    action: Annotated[str, typer.Argument(help="Name of the action.")],
    reason: Reason = BY_HAND,
    project: Project = None,
    domain: Domain = None,
) -> None:
    """Abort one action and all below it; its parent sees an ActionAbortedError and may go on."""
    settle(context, project=project, domain=domain)
    from flyte._client.actions import Action

    found = Action.get(run_name=run, name=action)
    _abort(found.abort, found.done(), f"Action '{action}' of run '{found.run_name}'", reason)


def _abort(abort: Callable[[str], None], is_over: bool, what: str, reason: str) -> None:
    if is_over:
        typer.echo(f"{what} is over already.")
        return
    abort(reason)
    typer.echo(f"{what} has been aborted.")
