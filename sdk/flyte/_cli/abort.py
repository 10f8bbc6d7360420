"""`flyte abort run` and `flyte abort action`: give something up that runs."""

from collections.abc import Callable

import click

from flyte._cli.completion import offer_runs
from flyte._cli.setting import placed, settle, shown

BY_HAND = "Manually aborted from the CLI."

because = click.option("--reason", default=BY_HAND, help="Why; kept with what is aborted.")


@click.group(no_args_is_help=True)
def abort() -> None:
    """Abort runs and actions."""


@abort.command("run")
@click.argument("name", shell_complete=offer_runs)
@because
@placed
@shown
@click.pass_context
def abort_run(
    context: click.Context, name: str, reason: str, project: str | None, domain: str | None, output: str
) -> None:
    """Abort a run with all of its actions; one that is over stays as it ended."""
    settle(context, project=project, domain=domain)
    from flyte._client.runs import Run

    run = Run.get(name)
    is_over = _abort(run.abort, run.done(), reason)
    _answer({"run": run.name}, f"Run '{run.name}'", is_over, output)


@abort.command("action")
@click.argument("run", shell_complete=offer_runs)
@click.argument("action")
@because
@placed
@shown
@click.pass_context
def abort_action(
    context: click.Context,
    run: str,
    action: str,
    reason: str,
    project: str | None,
    domain: str | None,
    output: str,
) -> None:
    """Abort one action and all below it; its parent sees an ActionAbortedError and may go on."""
    settle(context, project=project, domain=domain)
    from flyte._client.actions import Action

    found = Action.get(run_name=run, name=action)
    is_over = _abort(found.abort, found.done(), reason)
    names = {"run": found.run_name, "action": action}
    _answer(names, f"Action '{action}' of run '{found.run_name}'", is_over, output)


def _abort(abort: Callable[[str], None], is_over: bool, reason: str) -> bool:
    if not is_over:
        abort(reason)
    return is_over


def _answer(names: dict[str, str], what: str, is_over: bool, output: str) -> None:
    from flyte._cli.show import json_text

    if output == "json":
        click.echo(json_text({**names, "aborted": not is_over}))
        return
    click.echo(f"{what} is over already." if is_over else f"{what} has been aborted.")
