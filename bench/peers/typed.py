"""What a user waits for at a terminal: a command's `--help`, and an import beyond the bare interpreter."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from bench.peers import plan
from bench.peers.measured import HELP, IMPORT, Figure
from bench.rows import several


def times(python: Path, command: Path, module: str, variables: Mapping[str, str]) -> dict[str, Figure]:
    """Both figures, in seconds; raises what `subprocess` raises when either fails or hangs."""

    def take(*words: str | Path) -> tuple[float, ...]:
        return several(lambda: _run(words, variables), plan.COMMANDS)

    floor = min(take(python, "-c", "pass"))
    imports = take(python, "-c", f"import {module}")
    return {
        HELP: _rounds(take(command, "--help")),
        IMPORT: _rounds(tuple(max(0.0, took - floor) for took in imports)),
    }


def _rounds(samples: tuple[float, ...]) -> Figure:
    return Figure(tuple((sample,) for sample in samples))


def _run(words: tuple[str | Path, ...], variables: Mapping[str, str]) -> None:
    subprocess.run(
        words,
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=plan.COMMAND_LIMIT_S,
        check=True,
    )
