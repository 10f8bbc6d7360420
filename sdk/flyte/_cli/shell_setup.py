"""`flyte --show-completion` and `--install-completion`: completion by TAB, for bash, zsh and fish."""

import os
from pathlib import Path

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


def show(shell: str) -> None:
    """Print the script that switches completion on. Raises UsageError for a shell that nobody knows."""
    click.echo(_script(_known(shell)))


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
    click.echo(f"completion is on in each new {shell} ({target})", err=True)


def _known(shell: str) -> str:
    found = shell or Path(os.environ.get("SHELL", "")).name
    if found not in SHELLS:
        raise click.UsageError(f"completion knows {', '.join(SHELLS)}: name one of them, not {found!r}")
    return found


def _script(shell: str) -> str:
    kind = get_completion_class(shell)
    assert kind is not None  # it is one of SHELLS
    return kind(click.Command("flyte"), {}, "flyte", "_FLYTE_COMPLETE").source()


def _write(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(f"{text}\n")


def _source_it(profile: Path, target: Path) -> None:
    line = f"[ -r {target} ] && . {target}"
    text = profile.read_text() if profile.exists() else ""
    if line not in text:
        profile.write_text(f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}{line}\n")
