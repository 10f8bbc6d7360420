"""Groups of commands: one that loads a command's module when that command is typed, and no other.

The list of commands shows what is written here, so that `--help` loads none of them.
"""

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import click
import typer.main
from typer.core import TyperGroup

Commands = Mapping[str, tuple[str, str]]
"""A command's place, and one sentence of what it does.

The place is `module:command`, a command of the typer app in this module (below `flyte._cli`); or `module`,
where the whole app is a group.
"""


class NamedGroup(TyperGroup):
    """A group that says why a command of Flyte's is not in it."""

    missing: ClassVar[Mapping[str, str]] = {}
    """Commands that Flyte's users know and that are not there, each with the reason."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if not ctx.resilient_parsing:
            refuse_unknown(ctx, args[0], self.list_commands(ctx), self.missing)
        return super().resolve_command(ctx, args)


class LazyGroup(NamedGroup):
    """A group whose commands are known by their places."""

    places: ClassVar[Commands] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.places:
            return None
        module, _, command = self.places[cmd_name][0].partition(":")
        app: typer.Typer = importlib.import_module(f"flyte._cli.{module}").app
        return _command_of(app, command) if command else typer.main.get_group(app)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, sentence) for name, (_, sentence) in self.places.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """The commands are known by name: none is loaded to be offered."""
        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        from click.shell_completion import CompletionItem

        return [
            CompletionItem(name, help=sentence)
            for name, (_, sentence) in self.places.items()
            if name.startswith(incomplete)
        ]


def _command_of(app: typer.Typer, name: str) -> click.Command:
    """One command of an app, without the others being built."""
    (info,) = [one for one in app.registered_commands if one.name == name]
    return typer.main.get_command_from_info(
        info,
        pretty_exceptions_short=app.pretty_exceptions_short,
        rich_markup_mode=app.rich_markup_mode,
    )


def refuse_unknown(
    context: click.Context, word: str, known: Sequence[str], missing: Mapping[str, str]
) -> None:
    """Raises UsageError for a word that is no command, with the reason or the nearest one."""
    if word in known or word.startswith("-"):
        return
    typed = f"{context.command_path} {word}"
    if word in missing:
        raise click.UsageError(f"{typed}: {missing[word]}", context)
    from flyte._binding import did_you_mean

    raise click.UsageError(f"there is no command {typed}{did_you_mean(word, list(known))}", context)
