"""`flyte --show-completion` and `--install-completion`: completion by TAB, for bash, zsh and fish.

The scripts are those of click, since typer's do not know words from files.
"""

import os
from pathlib import Path

import click
import typer
from click.shell_completion import get_completion_class, shell_complete

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_FLYTE_COMPLETE"
"""The variable by which a shell asks what may follow, and how."""


def answer(command: click.Command) -> int:
    """Print what the shell that asks may offer; gives the exit code."""
    return shell_complete(command, {}, "flyte", VARIABLE, os.environ[VARIABLE])


def show(shell: str) -> None:
    """Print the script that switches completion on. Raises UsageError for a shell that nobody knows."""
    typer.echo(_script(_known(shell)))


def install(shell: str) -> None:
    """Write the script down where the shell reads it when it starts."""
    shell = _known(shell)
    home = Path.home()
    if shell == "fish":
        target = home / ".config" / "fish" / "completions" / "flyte.fish"
        _write(target, _script(shell))
    else:
        target = home / ".flyte" / f"completion.{shell}"
        _write(target, _script(shell))
        _source_it(home / f".{shell}rc", target)
    typer.echo(f"completion is on in each new {shell} ({target})", err=True)


def _known(shell: str) -> str:
    found = shell or Path(os.environ.get("SHELL", "")).name
    if found not in SHELLS:
        raise click.UsageError(f"completion knows {', '.join(SHELLS)}: name one of them, not {found!r}")
    return found


def _script(shell: str) -> str:
    kind = get_completion_class(shell)
    assert kind is not None  # it is one of SHELLS
    return kind(click.Command("flyte"), {}, "flyte", VARIABLE).source()


def _write(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(f"{text}\n")


def _source_it(profile: Path, target: Path) -> None:
    line = f"[ -r {target} ] && . {target}"
    text = profile.read_text() if profile.exists() else ""
    if line not in text:
        profile.write_text(f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}{line}\n")
