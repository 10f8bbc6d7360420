"""A group of commands that loads a command's module when that command is typed, and no other.

The list of commands shows what is written here, so that `--help` loads none of them.
"""

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

import click

Commands = Mapping[str, tuple[str, str]]
"""A command's place (`module:name`, below `flyte._cli`), and one sentence of what it does."""


class LazyGroup(click.Group):
    """`missing` are commands that Flyte's users know and that are not there, each with the reason."""

    def __init__(self, *args: Any, commands: Commands, missing: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._places = commands
        self._missing = missing

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._places:
            return None
        module, _, name = self._places[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(f"flyte._cli.{module}"), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if not ctx.resilient_parsing:
            refuse_unknown(ctx, args[0], list(self._places), self._missing)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, sentence) for name, (_, sentence) in self._places.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """The commands are known by name: none is loaded to be offered."""
        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        from click.shell_completion import CompletionItem

        return [
            CompletionItem(name, help=sentence)
            for name, (_, sentence) in self._places.items()
            if name.startswith(incomplete)
        ]


class NamedGroup(click.Group):
    """A group that says why a command of Flyte's is not in it."""

    def __init__(self, *args: Any, missing: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._missing = missing

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if not ctx.resilient_parsing:
            refuse_unknown(ctx, args[0], list(self.commands), self._missing)
        return super().resolve_command(ctx, args)


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
