"""The CLI as a user types it: the installed `flyte` in a process of its own, in a folder of its own.

The process is forked from one that has the command line loaded (`testkit.forking`), unless somebody measures
what a command costs, or shows what a user has to the letter.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from testkit.typed import Typed

BIN = Path(sys.executable).parent
Running = Typed | subprocess.Popen[str]
"""A command that was left running."""
TYPED_LIMIT_S = 90.0
"""No command that a test types takes longer; one of a benchmark may."""


def command(name: str) -> str:
    """The path of an installed console script."""
    path = BIN / name
    if not path.exists():
        raise RuntimeError(f"{name} is not installed in {BIN}: run the tests by `make test`")
    return str(path)


def clean_environment(**more: str) -> dict[str, str]:
    """This process's environment without anything of Flyte's or of traces, and with `more`."""
    not_kept = ("FLYTE_", "OTEL_", "TRACEPARENT")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(not_kept)}
    return kept | {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "120"} | more


def outputs_of(printed: str) -> str:
    """The line of a command's output that shows a run's outputs."""
    (line,) = [line for line in printed.splitlines() if line.startswith("Outputs:")]
    return line


@dataclass(frozen=True, slots=True)
class Cli:
    """Types commands in `folder`, with `variables` set."""

    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    spawned: list[Running] = field(default_factory=list)
    """The commands that were left running."""
    limit_s: float = TYPED_LIMIT_S
    is_forked: bool = True
    """Whether what a command loads was loaded before, for all commands at once."""

    def __call__(self, *words: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
        """Type `flyte …` and return what came of it, whatever the exit code."""
        if not self.is_forked:
            return self._run([command("flyte"), *words], cwd)
        typed = self._typed(words, cwd, apart=True)
        try:
            printed, complained = typed.communicate(self.limit_s)
        except BaseException:
            typed.kill()
            raise
        return subprocess.CompletedProcess(typed.args, typed.wait(), printed, complained)

    def ok(self, *words: str, cwd: Path | None = None) -> str:
        """Type a command that must succeed; its standard output."""
        done = self(*words, cwd=cwd)
        assert done.returncode == 0, f"flyte {' '.join(words)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def python(self, *words: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
        """Type `python …`."""
        return self._run([sys.executable, *words], cwd)

    def spawn(self, *words: str, cwd: Path | None = None) -> Running:
        """Type a command and leave it running; the caller ends it, or `end` does."""
        typed = self._typed(words, cwd) if self.is_forked else self._popen(words, cwd)
        self.spawned.append(typed)
        return typed

    def end(self) -> str:
        """End the commands that a failed test has left running; what nobody has read of what they printed."""
        for process in self.spawned:
            if process.poll() is None:
                process.kill()
        left = [one for one in self.spawned if one.stdout is not None and not one.stdout.closed]
        return "\n".join(process.communicate()[0] for process in left)

    def write(self, name: str, text: str) -> Path:
        """Write a file of the user's into the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def _typed(self, words: Sequence[str], cwd: Path | None, *, apart: bool = False) -> Typed:
        variables = clean_environment(**self.variables)
        return Typed([command("flyte"), *words], cwd or self.folder, variables, apart=apart)

    def _popen(self, words: Sequence[str], cwd: Path | None) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [command("flyte"), *words],
            cwd=cwd or self.folder,
            env=clean_environment(**self.variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _run(self, words: Sequence[str], cwd: Path | None) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            words,
            cwd=cwd or self.folder,
            env=clean_environment(**self.variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=self.limit_s,
            check=False,
        )
