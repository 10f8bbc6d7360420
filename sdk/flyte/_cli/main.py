"""`flyte`: the command line's entry, and how errors look to a person.

Whatever goes wrong is told in our words, cause first. A traceback is shown when it is the user's own; ours
only with `FLYTE_DEBUG=1`.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from flyte._cli import abort, create, deploy, get, history, rerun, run, stack, whoami
from flyte._cli.setting import Globals

app = typer.Typer(
    name="flyte",
    help="Deploy and run Python tasks.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells expect it."""


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            typer.echo(f"flytejet {version('flytejet')}")
        except PackageNotFoundError:
            typer.echo("flytejet (not installed)")
        raise typer.Exit


@app.callback()
def settings(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option("-c", "--config", help="Configuration file.", show_default=False)
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(help="NATS address of the control plane.", show_default=False)
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Deploy and run Python tasks."""
    context.obj = Globals(config=config, endpoint=endpoint)


app.command("start")(stack.start)
app.command("stop")(stack.stop)
app.command("status")(stack.status)
app.command("deploy")(deploy.deploy)
app.command(
    "run",
    cls=run.RunCommand,
    context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False},
    add_help_option=True,
)(run.run)
app.command("logs")(history.logs)
app.command("events")(history.events)
app.command("rerun", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": True})(
    rerun.rerun
)
app.command("whoami")(whoami.whoami)
app.add_typer(get.app, name="get")
app.add_typer(create.app, name="create")
app.add_typer(abort.app, name="abort")


def main() -> None:
    """Run the command line; the exit code is 0 only when what was asked for succeeded."""
    try:
        app(prog_name="flyte")
    except KeyboardInterrupt:
        typer.echo("", err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        _close_stdout()
        sys.exit(1)
    except Exception as error:
        if os.environ.get("FLYTE_DEBUG") == "1":
            raise
        from flyte._cli.show import sentence_of
        from flyte._cli.terminal import say_error

        say_error(sentence_of(error))
        sys.exit(1)


def _close_stdout() -> None:
    """Whoever read our output went away: say nothing more, not even at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
