"""What TAB offers, and that it neither runs the user's file nor loads what is slow."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from flyte._cli.completion import Declared, declared_in, inputs_of, runs_on_the_stack, tasks_of
from testkit.cli import BIN, Cli, clean_environment

FLOW = '''
import flyte
raise RuntimeError("nobody may run this")
env = flyte.TaskEnvironment(name="env")

@env.task
async def train(epochs: int, *, rate: float = 0.1) -> None:
    """Train a model.

    For long.
    """

@env.task(retries=3)
def tell(name: str) -> str:
    return name

def plain() -> None: ...

@flyte.trace
def traced() -> None: ...
'''


def test_the_tasks_of_a_file_are_found_in_its_text() -> None:
    assert declared_in(FLOW) == (
        Declared(name="train", inputs=("epochs", "rate"), summary="Train a model."),
        Declared(name="tell", inputs=("name",), summary=""),
    )


def test_what_begins_so_is_offered(project: Path) -> None:
    (project / "flow.py").write_text(FLOW)
    assert tasks_of("flow.py", "t") == [("train", "Train a model."), ("tell", "")]
    assert tasks_of("flow.py", "tr") == [("train", "Train a model.")]
    assert inputs_of("flow.py", "train", "--") == ["--epochs", "--rate"]
    assert inputs_of("flow.py", "train", "--r") == ["--rate"]


@pytest.mark.parametrize("text", ["def", "\0", None])
def test_a_file_that_cannot_be_read_offers_nothing(project: Path, text: str | None) -> None:
    if text is not None:
        (project / "flow.py").write_text(text)
    assert tasks_of("flow.py", "") == []


def test_without_a_stack_no_run_is_offered() -> None:
    assert runs_on_the_stack("") == []


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("flyte run flow.py ", ["train", "tell"]),
        ("flyte run flow.py te", ["tell"]),
        ("flyte run --name r1 flow.py --local tr", ["train"]),
        ("flyte run flow.py train --", ["--epochs", "--rate"]),
        ("flyte run flow.py train --epochs 3 --r", ["--rate"]),
        ("flyte run --no-pro", ["--no-progress"]),
        ("flyte logs ", []),
        ("flyte dep", ["deploy"]),
        ("flyte get ru", ["run"]),
        ("flyte run depl", ["deployed-task"]),
    ],
)
def test_tab_in_a_shell(tmp_path: Path, typed: str, offered: list[str]) -> None:
    words = typed.split()
    asking = {
        "_FLYTE_COMPLETE": "bash_complete",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(words) if typed.endswith(" ") else len(words) - 1),
        "FLYTE_HOME": str(tmp_path / "home"),
    }
    cli = Cli(tmp_path, asking)
    cli.write("flow.py", FLOW)
    done = cli()
    assert done.stderr == ""
    assert [line.rpartition(",")[2] for line in done.stdout.split()] == offered


TYPING = """
source <(flyte --show-completion bash)
complete -p flyte
COMP_WORDS=(flyte run flow.py t) COMP_CWORD=3
_flyte_completion flyte t run
echo "${COMPREPLY[@]}"
COMPREPLY=()
COMP_WORDS=(flyte run flow.py train --) COMP_CWORD=4
_flyte_completion flyte -- run
echo "${COMPREPLY[@]}"
"""


def test_bash_itself_completes_tasks_and_inputs(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash")
    (tmp_path / "flow.py").write_text(FLOW)
    environment = clean_environment(PATH=f"{BIN}{os.pathsep}{os.environ['PATH']}", FLYTE_HOME=str(tmp_path))
    done = subprocess.run(
        [bash, "--norc", "-c", TYPING],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    _, tasks, inputs = done.stdout.splitlines()
    assert (tasks, inputs) == ("train tell", "--epochs --rate")
