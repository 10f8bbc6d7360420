"""The command line as a user types it, as far as no stack is needed."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from flyte._cli.main import main

TASKS = """
import sys
import flyte

env = flyte.TaskEnvironment(name="my_env")

@env.task
async def my_task(name: str, project: str = "none") -> str:
    '''Greet.'''
    print("greeting", flyte.ctx().action.run_name)
    return f"Hello, {name}! {project}"

@env.task
def fails() -> int:
    raise ValueError("what a pity")

@env.task
def where() -> str:
    return f"{flyte.current_project()}/{flyte.current_domain()}"
"""


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


Cli = Callable[..., Result]


@pytest.fixture
def cli(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    (project / "my_example.py").write_text(TASKS)

    def run(*words: str) -> Result:
        monkeypatch.setattr(sys, "argv", ["flyte", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr()
        return Result(int(ended.value.code or 0), shown.out, shown.err)

    return run


def test_the_help_names_the_commands(cli: Cli) -> None:
    result = cli("--help")
    assert result.code == 0
    for command in ("start", "stop", "status", "deploy", "run", "logs", "events", "get"):
        assert f"\n  {command} " in result.out


def test_a_local_run_prints_its_outputs(cli: Cli) -> None:
    result = cli("run", "--local", "--name", "r1", "my_example.py", "my_task", "--name", "World")
    assert result == Result(0, 'greeting r1\nOutputs: ActionOutputs(o0="Hello, World! none")\n', "")


def test_a_local_run_makes_its_data_where_the_option_says(cli: Cli, project: Path) -> None:
    (project / "makes.py").write_text(
        "import flyte\nfrom flyte.io import File\n\n"
        "env = flyte.TaskEnvironment(name='makes')\n\n\n"
        "@env.task\ndef make() -> str:\n    return File.new_remote('out.txt').path\n"
    )
    made = cli("run", "--local", "--name", "r1", "--raw-data-path", str(project / "raw"), "makes.py", "make")
    assert (made.code, made.err) == (0, "")
    assert str(project / "raw" / "r1") in made.out


def test_options_may_stand_before_or_right_after_the_file(cli: Cli) -> None:
    words = ("my_task", "--name", "a", "--project", "an input")
    before = cli("run", "--local", "-p", "p", "my_example.py", *words)
    after = cli("run", "my_example.py", "--local", "-p", "p", *words)
    assert before.code == after.code == 0
    assert "Hello, a! an input" in before.out
    assert "Hello, a! an input" in after.out


def test_project_and_domain_are_known_to_the_task(cli: Cli) -> None:
    assert "default/development" in cli("run", "--local", "my_example.py", "where").out
    assert "p/d" in cli("run", "--local", "-p", "p", "--domain", "d", "my_example.py", "where").out


def test_a_failed_run_shows_the_users_traceback_and_exits_with_1(cli: Cli) -> None:
    result = cli("run", "--local", "my_example.py", "fails")
    assert (result.code, result.out) == (1, "")
    assert 'my_example.py", line 15, in fails' in result.err
    assert result.err.rstrip().endswith("ValueError: what a pity")
    assert "flyte/_" not in result.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run", "--local", "my_example.py", "my_tsk"), "has no task 'my_tsk': did you mean 'my_task'?"),
        (("run", "--local", "my_example.py", "my_task"), "missing required input: --name (str)"),
        (
            ("run", "--local", "my_exmple.py", "t"),
            "there is no file my_exmple.py: did you mean 'my_example.py'?",
        ),
        (("run", "my_example.py", "my_task", "--name", "a"), "flyte start"),
        (("deploy", "my_example.py", "env"), "flyte start"),
        (("deploy", "--dryrun", "my_example.py", "my_env"), "say the variable that holds it: 'env'"),
        (("deploy", "--dryrun", "--version", "a b", "my_example.py", "env"), "version 'a b' is not allowed"),
        (("deploy", "--dryrun", "--copy-style", "x", "my_example.py", "env"), "unknown copy_style 'x'"),
        (("logs", "r1"), "flyte start"),
        (("status",), "no stack is running"),
        (("-c", "nope.yaml", "get", "run"), "there is no configuration file nope.yaml"),
    ],
)
def test_bad_input_gets_one_clear_sentence(cli: Cli, words: tuple[str, ...], message: str) -> None:
    result = cli(*words)
    assert result.code == 1
    assert message in result.err
    assert result.err.startswith("error: ")
    assert "Traceback" not in result.err
    assert len(result.err.splitlines()) == 1


def test_a_file_that_does_not_import_shows_the_users_traceback(cli: Cli, project: Path) -> None:
    (project / "broken.py").write_text("import nowhere\n")
    result = cli("run", "--local", "broken.py", "t")
    assert result.code == 1
    assert result.err.startswith("error: broken.py does not import:\nTraceback")
    assert "No module named 'nowhere'" in result.err


def test_a_file_without_a_task_lists_its_tasks(cli: Cli) -> None:
    for words in (("my_example.py",), ("my_example.py", "--help")):
        result = cli("run", *words)
        assert result.code == 0
        assert "my_task  Greet." in result.out


def test_a_tasks_help_lists_its_inputs(cli: Cli) -> None:
    result = cli("run", "my_example.py", "my_task", "--help")
    assert result.code == 0
    assert "--name str     [required]" in result.out
    assert '--project str  [default: "none"]' in result.out


def test_a_dry_run_shows_the_plan_without_a_stack(cli: Cli) -> None:
    result = cli("deploy", "--dry-run", "--version", "v1.0.0", "my_example.py", "env")
    assert result.code == 0
    assert "version  v1.0.0" in result.out
    assert 'my_env.my_task(name: str, project: str = "none") -> str' in result.out.replace("'none'", '"none"')
    assert "my_example.py" in result.out


def test_stopping_what_does_not_run_is_no_error(cli: Cli) -> None:
    result = cli("stop")
    assert result.code == 0
    assert "no stack is running" in result.err


def test_our_own_traceback_shows_only_when_asked_for(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTE_DEBUG", "1")
    monkeypatch.setattr(sys, "argv", ["flyte", "status"])
    with pytest.raises(Exception, match="no stack is running"):
        main()


def test_importing_flyte_loads_no_client_and_no_command_line() -> None:
    heavy = (
        "aiohttp",
        "aioboto3",
        "kubernetes_asyncio",
        "nats",
        "typer",
        "click",
        "structlog",
        "yaml",
        "flyte_bus",
    )
    code = f"import sys, flyte; print([name for name in {heavy!r} if name in sys.modules])"
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=_with_path()
    )
    assert shown.stdout.strip() == "[]"


def _with_path() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
