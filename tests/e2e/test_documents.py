"""Documents run: each command that an example or the README shows is typed here."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from testkit.cli import Cli, clean_environment

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "sdk" / "examples").glob("*.py"))
FAILS = {"careless"}
"""The tasks of the examples that are meant to fail."""


def _commands(text: str) -> list[list[str]]:
    """The commands `flyte …` at the beginning of a line, after `$ ` or not."""
    return [
        shlex.split(line)[1:] for line in re.findall(r"^(?:\$ )?(flyte (?:run|deploy|start) .+)$", text, re.M)
    ]


def _example_commands() -> list[list[str]]:
    return [words for path in EXAMPLES for words in _commands(path.read_text().split('"""')[1])]


@pytest.mark.parametrize("words", _example_commands(), ids=" ".join)
def test_the_commands_in_the_examples_do_what_they_say(cli: Cli, words: list[str]) -> None:
    done = cli(*words, cwd=ROOT)
    if FAILS & set(words):
        assert done.returncode == 1
    else:
        assert done.returncode == 0, done.stderr
        assert "--help" in words or "Outputs: " in done.stdout


def test_every_example_says_how_to_run_it() -> None:
    assert EXAMPLES
    for path in EXAMPLES:
        assert _commands(path.read_text().split('"""')[1]), path


@pytest.mark.parametrize("path", [path for path in EXAMPLES if "__main__" in path.read_text()], ids=str)
def test_the_examples_run_as_scripts(cli: Cli, path: Path) -> None:
    done = cli.python(str(path))
    assert done.returncode == 0, done.stderr


def test_the_commands_at_the_top_of_the_readme(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text()
    program = re.search(r"```python\n# my_example.py\n(.+?)```", readme, re.S)
    console = re.search(r"```console\n(.+?)```", readme, re.S)
    assert program and console
    cli = Cli(tmp_path, {"FLYTE_HOME": str(tmp_path / "home")}, is_forked=False)
    cli.write("my_example.py", program[1])
    commands = _commands(console[1])
    assert [words[0] for words in commands] == ["start", "deploy", "run"]
    try:
        printed = [cli.ok(*words) for words in commands]
        assert printed[-1].splitlines()[-1] == console[1].strip().splitlines()[-1]
    finally:
        cli.ok("stop")


def test_the_demonstration_ends_well_and_leaves_nothing_running() -> None:
    done = subprocess.run(
        [sys.executable, "deploy/demo.py"],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the sum of 10 squares is 285" in done.stdout
    home = re.search(r"home (/\S*flytejet-demo-[^\s)]+)", done.stdout + done.stderr)
    assert home is not None
    assert not Path(home[1]).exists()
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert home[1] not in running
