"""The command line: any words after any command, any file of tasks."""

import asyncio
import contextlib
import io
import os
from unittest import mock

import click

from flyte._cli import main
from testkit.fuzz.chooser import Chooser
from testkit.fuzz.entry import Broken, Entry

NEVER = {"start", "stop"}
"""Commands that start and stop processes."""
WORDS = (
    "--help", "-of", "json", "--output-format", "table", "--project", "p", "--domain", "d", "--limit",
    "-1", "0", "99999999999", "tasks.py", "no.py", "env", "run1", "a0", "--", "-", "", "--config",
    "config.yaml", "--since", "1h", "yesterday", "--at", "2026-01-01T00:00:00", "9999999999999h",
    "--follow", "x=y", "--x", "é", "../..", "a\nb", "\ud800", "*", "--endpoint", "nats://127.0.0.1:1",
)  # fmt: skip
CODES = {0, 1, 2}


class Typing(Entry):
    """Whatever is typed: an exit code of 0, 1 or 2, no traceback, and an end."""

    name = "commands"
    gains_files = 20

    async def open(self) -> None:
        self.command = main.command()
        self.commands = list(_all_commands(self.command, ()))
        (self.folder / "tasks.py").write_text(
            "import flyte\nenv = flyte.TaskEnvironment(name='env')\n\n\n"
            "@env.task\ndef add(x: int = 1) -> int:\n    return x\n"
        )

    async def feed(self, chooser: Chooser) -> None:
        words = list(chooser.pick(self.commands))
        for _ in range(chooser.below(5)):
            word = chooser.pick(WORDS) if not chooser.one_in(4) else chooser.text()
            words.insert(chooser.below(len(words) + 1) if chooser.one_in(4) else len(words), word)
        if chooser.one_in(6):
            raw = (
                chooser.bytes(100)
                if chooser.one_in(2)
                else b"import flyte\n" + chooser.text(60).encode("utf-8", "replace")
            )
            (self.folder / "no.py").write_bytes(raw)
        (self.folder / "config.yaml").write_bytes(
            f"admin:\n  endpoint: {chooser.text()}\n".encode("utf-8", "replace")
        )
        if NEVER & set(words):
            return
        code, said = await asyncio.to_thread(self._typed, words)
        if code not in CODES or ("Traceback (most recent call last)" in said and "no.py" not in said):
            raise Broken(f"flyte {words!r} ended with {code}: {said[-1500:]}")

    def _typed(self, words: list[str]) -> tuple[object, str]:
        out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FLYTE_")}
        home = {"HOME": str(self.folder), "FLYTE_HOME": str(self.folder / "home"), "NO_COLOR": "1"}
        code: object = 0
        with (
            mock.patch.dict(os.environ, kept | home, clear=True),
            mock.patch("flyte._client.bus_settings.PATIENCE_S", 0.2),
            mock.patch("sys.argv", ["flyte", *words]),
            mock.patch("sys.stdin", io.StringIO("")),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(out),
            contextlib.chdir(self.folder),
        ):
            try:
                main.main()
            except SystemExit as ended:
                code = ended.code or 0
        out.flush()
        return code, out.buffer.getvalue().decode("utf-8", "replace")


def _all_commands(command: click.Command, words: tuple[str, ...]) -> "list[tuple[str, ...]]":
    """Each command by the words that it is typed with."""
    if not isinstance(command, click.Group):
        return [words]
    context = click.Context(command)
    found = [words]
    for name in command.list_commands(context):
        if name not in NEVER and (inner := command.get_command(context, name)) is not None:
            found += _all_commands(inner, (*words, name))
    return found
