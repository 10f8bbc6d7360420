"""`flyte`: the command line's entry, and how errors look to a person.

Whatever goes wrong is told in our words, cause first. A traceback is shown when it is the user's own; ours
only with `FLYTE_DEBUG=1`. A command's module is loaded when the command is typed, and no other.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import click
import typer
import typer.main

from flyte import _screen
from flyte._cli import shell_setup
from flyte._cli.lazy import LazyGroup
from flyte._cli.setting import PATH, Globals

COMMANDS = {
    "start": ("stack:start", "Start a stack on this machine."),
    "stop": ("stack:stop", "Stop the stack of this machine."),
    "status": ("stack:status", "Show where the control plane is and which services answer."),
    "console": ("console:console", "Open the web page, signed in."),
    "deploy": ("deploy:deploy", "Deploy environments, their tasks, and what they depend on."),
    "build": ("build:build", "Build the images of environments, and push them."),
    "run": ("run:run", "Run a task of a Python file, or one that is deployed already."),
    "rerun": ("rerun:rerun", "Run the task of a run again."),
    "logs": ("history:logs", "Show what a run has printed."),
    "events": ("events:events", "Show what happens to a run, or to all, event by event."),
    "replay": ("replay:replay", "Play a run again, or show it as it was at one moment."),
    "diff": ("diff:diff", "Show what differs between two runs."),
    "export": ("export:export", "Write a run into a file that can be looked at anywhere."),
    "import": ("export:import", "Bring a run from a file into this stack."),
    "explain": ("explain:explain", "Say why a run failed, or what it waits for."),
    "audit": ("audit:audit", "Check the log against what must hold of it."),
    "gc": ("gc:gc", "Remove objects that nothing refers to any more."),
    "get": ("get", "Show runs, actions, tasks, triggers, projects and the configuration."),
    "create": ("create", "Create configurations, projects, triggers and notifications."),
    "update": ("update", "Change projects, switch triggers on and off."),
    "delete": ("delete", "Delete triggers, notifications, and results that local runs have kept."),
    "abort": ("abort", "Abort runs and actions."),
    "signal": ("signal", "Answer conditions of runs."),
    "admin": ("admin", "Make the keys of an installation, and let users in and out."),
    "schemas": ("schemas", "Export the schemas of all events and subjects."),
    "whoami": ("whoami:whoami", "Show the user, the control plane, and where commands work."),
}
"""Where each command is, and what the list of commands says of it."""

ELSEWHERE = {
    "edit": "there are no settings to edit: `flyte get config` shows the configuration",
    "gen": "documents are not generated: `flyte COMMAND --help` describes each command",
    "prefetch": "models are not fetched ahead: let a task fetch what it needs",
    "serve": "apps are not served: a task may do the work, started by `flyte run`",
}
"""Commands of Flyte's that are not there, each with the reason."""

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells expect it."""
USAGE = 2
"""The exit code of a command that was not typed right."""

_VERBOSE = "Log level of the run: -v WARNING, -vv INFO, -vvv DEBUG."
_LEVELS = {1: "WARNING", 2: "INFO"}
_FORMATS = {"table": "table", "table-simple": "table", "json": "json", "json-raw": "json"}


def _version(context: typer.Context, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from flyte._version import version

        typer.echo(f"flytejet {version()}")
        context.exit()


def _completion(context: click.Context, option: click.Parameter, shell: str | None) -> None:
    if shell is None or context.resilient_parsing:
        return
    (shell_setup.install if option.name == "install_completion" else shell_setup.show)(shell)
    context.exit()


class Root(LazyGroup):
    """The commands of `flyte`, and why some of Flyte's are not there."""

    places = COMMANDS
    missing = ELSEWHERE


app = typer.Typer(
    cls=Root,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def before(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option("-c", "--config", click_type=PATH, help="Configuration file.")
    ] = None,
    endpoint: Annotated[str | None, typer.Option(help="NATS address of the control plane.")] = None,
    org: Annotated[
        str | None, typer.Option(help="Organisation; shown by `flyte get config`, NATS knows none.")
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Accepted; whether NATS uses TLS is said by the address.")
    ] = False,
    auth_type: Annotated[
        str | None,
        typer.Option(help="Refused: NATS takes a user and a password, from the configuration."),
    ] = None,
    image_builder: Annotated[
        Literal["local", "remote"] | None,
        typer.Option("--image-builder", "--builder", help="Who builds images: docker on this machine."),
    ] = None,
    verbose: Annotated[
        int, typer.Option("-v", "--verbose", count=True, show_default=False, help=_VERBOSE)
    ] = 0,
    log_format: Annotated[
        Literal["console", "json"] | None, typer.Option(help="Form of flyte.logger's lines.")
    ] = None,
    user_log_level: Annotated[
        str | None, typer.Option(help="Level of flyte.logger, e.g. DEBUG or 10.")
    ] = None,
    reset_root_logger: Annotated[
        bool, typer.Option("--reset-root-logger", help="Accepted: flyte leaves the root logger alone.")
    ] = False,
    output_format: Annotated[
        Literal["table", "table-simple", "json", "json-raw"] | None,
        typer.Option("-of", "--output-format", help="Form of all that commands answer."),
    ] = None,
    no_progress: Annotated[
        bool, typer.Option("--no-progress", help="Plain lines, without the live view of a terminal.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Deploy and run Python tasks."""
    if auth_type:
        raise click.UsageError(
            "--auth-type: NATS takes a user and a password: FLYTE_NATS_USER and FLYTE_NATS_PASSWORD, or "
            "admin.clientId of the configuration"
        )
    log_variables = _log_variables(verbose, log_format, user_log_level)
    os.environ.update(log_variables)
    context.obj = Globals(
        config=config,
        endpoint=endpoint,
        org=org,
        image_builder=image_builder,
        output=_FORMATS[output_format or "table"],
        progress=not no_progress,
        log_variables=log_variables,
    )


def _log_variables(verbose: int, log_format: str | None, user_log_level: str | None) -> dict[str, str]:
    said = {
        "LOG_LEVEL": _LEVELS.get(verbose, "DEBUG") if verbose else "",
        "LOG_FORMAT": log_format if log_format == "json" else "",
        "USER_LOG_LEVEL": (user_log_level or "").upper(),
    }
    return {name: value for name, value in said.items() if value}


def command() -> click.Command:
    """The whole command line, with two options whose value may be left out: typer has no word for that."""
    built = typer.main.get_command(app)
    for name, help in (
        ("--install-completion", "Switch completion on, for this shell or the one named."),
        ("--show-completion", "Show the script that switches completion on."),
    ):
        option = click.Option(
            [name],
            is_flag=False,
            flag_value="",
            callback=_completion,
            is_eager=True,
            expose_value=False,
            metavar="[SHELL]",
            help=help,
        )
        built.params.append(option)
    return built


def main() -> None:
    """Run the command line; the exit code is 0 only when what was asked for succeeded."""
    try:
        if os.environ.get(shell_setup.VARIABLE):
            sys.exit(shell_setup.answer(command()))
        _screen.guard()
        code = command().main(prog_name="flyte", standalone_mode=False)
        if code == INTERRUPTED:
            typer.echo(err=True)  # ends the line that was begun
        sys.exit(code)
    except click.exceptions.NoArgsIsHelpError as error:
        typer.echo(error.format_message(), err=True)
        sys.exit(USAGE)
    except click.ClickException as error:
        _say(_usage_text(error))
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        _close_stdout()
        sys.exit(1)
    except Exception as error:
        if os.environ.get("FLYTE_DEBUG") == "1":
            raise
        from flyte._cli.show import sentence_of

        _say(sentence_of(error))
        sys.exit(1)


def _usage_text(error: click.ClickException) -> str:
    """What was typed wrong, and where to read how it is typed."""
    text = error.format_message().rstrip(".")
    context = getattr(error, "ctx", None)
    if isinstance(error, click.UsageError) and type(error) is not click.UsageError and context is not None:
        text = f"{text}\n  see `{context.command_path} --help`"
    return text


def _say(text: str) -> None:
    from flyte._cli.terminal import say_error

    say_error(text)


def _close_stdout() -> None:
    """Whoever read our output went away: say nothing more, not even at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
