"""Words of Flyte's command line: what each means here, and one sentence where it means nothing."""

import json
import sys
from pathlib import Path

import pytest

from flyte._cli.main import COMMANDS, ELSEWHERE, main
from flyte._cli.show import failure_text
from flyte._logger import logger
from flyte_schemas.failure import Failure, FailureKind
from testkit.cli import Cli

FLOW = """
import os, sys
import flyte

env = flyte.TaskEnvironment(name="env")

@env.task
def shown(x: int = 1) -> str:
    print("said")
    flyte.logger.debug("logged %s", x)
    return f"{x} {os.environ.get('LOG_LEVEL')}"

@env.task
def fails() -> None:
    raise ValueError("a pity")

@env.task(timeout=0.05)
async def slow() -> None:
    import asyncio
    await asyncio.sleep(60)
"""


class Typed:
    """Types commands in this process."""

    def __init__(self, capfd: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self._capfd = capfd
        self._patch = patch

    def __call__(self, *words: str) -> tuple[int, str, str]:
        self._patch.setattr(sys, "argv", ["flyte", *words])
        self._capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        shown = self._capfd.readouterr()
        return int(ended.value.code or 0), shown.out, shown.err


@pytest.fixture
def typed(project: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Typed:
    for variable in ("LOG_LEVEL", "LOG_FORMAT", "USER_LOG_LEVEL"):
        monkeypatch.setenv(variable, "")  # what a command sets is taken back
    (project / "flow.py").write_text(FLOW)
    return Typed(capfd, monkeypatch)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        *(((command,), f"flyte {command}: {reason}") for command, reason in ELSEWHERE.items()),
        (("create", "artifact"), "flyte create artifact: artifacts are not supported"),
        (("update", "trigger", "nightly", "env.main"), "say --activate or --deactivate"),
        (("create", "trigger", "env.main", "nightly"), "Missing option '--schedule'"),
        (("update", "app"), "flyte update app: apps are not served"),
        (("start", "devbox"), "there is no flyte start devbox"),
        (("rnu",), "there is no command flyte rnu: did you mean 'run'"),
        (("get", "rnu"), "there is no command flyte get rnu: did you mean 'run'"),
        (("--auth-type", "Pkce", "status"), "--auth-type: NATS takes a user and a password"),
        (("run", "--tui", "flow.py", "shown"), "--tui: there is no full-screen view"),
        (("run", "--tracked", "flow.py", "shown"), "--tracked: runs are not tracked outside the log"),
        (("run", "--run-project", "p", "flow.py", "shown"), "--run-project and --run-domain are for"),
        (("run", "--local", "deployed-task", "a.b"), "--local: a deployed-task runs on the stack"),
        (("run", "--version", "v", "deployed-task", "a.b"), "--version: a deployed-task is named with"),
        (("run", "python-script", "x.py"), "python-script is not supported"),
        (("run", "."), ". is a folder: name a Python file: flow.py"),
        (("run", "--label", "x", "flow.py", "shown"), "--label: 'x' is not of the form K=V"),
        (("run", "--max-action-concurrency", "0", "flow.py", "shown"), "0 is not in the range x>=1"),
        (("run", "--nope", "flow.py", "shown"), "No such option"),
        (("get", "task", "--versions"), "--versions lists those of one task: flyte get task NAME --versions"),
        (("get", "io", "r", "-i", "--outputs-only"), "exclude each other"),
        (("get", "run", "-o", "xml"), "'xml' is not one of 'table', 'json'"),
        (("create", "config", "--builder", "x"), "'x' is not one of 'local', 'remote'"),
    ],
)
def test_what_is_not_there_is_one_sentence(typed: Typed, words: tuple[str, ...], sentence: str) -> None:
    code, out, err = typed(*words)
    assert (code, out) == (2, "")
    first, *more = err.splitlines()
    assert first.startswith("error: ") and sentence in first
    assert all(line.startswith("  see `flyte") for line in more)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_that_says_what_the_list_says(typed: Typed, command: str) -> None:
    code, out, _ = typed(command, "--help")
    assert code == 0
    assert out.startswith(f"Usage: flyte {command}")
    listed = COMMANDS[command][1].rstrip(".").split(",")[0]
    assert listed.split()[0] in out


@pytest.mark.parametrize("words", [("-of", "json", "run"), ("-of", "json-raw", "run"), ("run", "-o", "json")])
def test_a_local_run_is_one_json_document(typed: Typed, words: tuple[str, ...]) -> None:
    code, out, err = typed(*words, "--local", "--name", "r", "--label", "k=v", "flow.py", "shown", "--x", "3")
    document = json.loads(out)
    assert code == 0 and "said" in err
    assert (document["name"], document["phase"]) == ("r", "succeeded")
    assert document["metadata"]["labels"] == {"k": "v"}
    assert document["outputs"]["o0"].startswith("3 ")


@pytest.mark.parametrize(
    ("task", "phase", "code"), [("fails", "failed", "ValueError"), ("slow", "timed_out", "TaskTimeout")]
)
def test_a_failed_local_run_is_one_json_document_too(typed: Typed, task: str, phase: str, code: str) -> None:
    ended, out, _ = typed("run", "--local", "-o", "json", "flow.py", task)
    document = json.loads(out)
    assert (ended, document["phase"], document["error"]["code"]) == (1, phase, code)


def test_what_means_nothing_locally_is_told_once(typed: Typed) -> None:
    _, _, err = typed("run", "--local", "--queue", "q", "--image", "i:1", "--debug", "flow.py", "shown")
    assert err == "note: --image, --queue, --debug mean nothing in a local run\n"
    assert typed("run", "--local", "flow.py", "shown")[2] == ""


def test_log_levels_and_forms_reach_the_run(typed: Typed) -> None:
    words = ("--user-log-level", "debug", "--log-format", "json", "-vv")
    code, out, err = typed(*words, "run", "--local", "flow.py", "shown")
    assert code == 0 and 'o0="1 INFO"' in out
    line = json.loads(err)
    assert (line["level"], line["logger"], line["message"]) == ("DEBUG", "flyte.user", "logged 1")


def test_an_error_is_logged_with_its_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOG_FORMAT", "json")
    try:
        raise ValueError("a pity")
    except ValueError:
        logger.exception("it failed")
    line = json.loads(capsys.readouterr().err)
    assert line["message"] == "it failed" and line["traceback"].endswith("ValueError: a pity")


def test_the_configuration_is_json_with_words_for_keys(typed: Typed, project: Path) -> None:
    (project / "config.yaml").write_text("image: {image_refs: {gpu: 'x:1'}}\n")
    words = ("--org", "o", "--builder", "remote", "-of", "json", "get", "config")
    document = json.loads(typed(*words)[1])
    assert (document["org"], document["image_builder"]) == ("o", "remote")
    assert document["images"] == {"gpu": "x:1"}


def test_a_plan_as_json_says_all_that_would_be_deployed(typed: Typed) -> None:
    code, out, err = typed("deploy", "--dryrun", "-o", "json", "-p", "p", "-d", "d", "flow.py", "env")
    plan = json.loads(out)
    assert (code, err) == (0, "")
    assert (plan["project"], plan["domain"], plan["environments"]) == ("p", "d", ["env"])
    assert len(plan["bundle"]["sha256"]) == 64 and plan["bundle"]["size_bytes"] > 0
    assert plan["files"][0]["path"] == "flow.py"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_installed_once(tmp_path: Path, shell: str) -> None:
    cli = Cli(tmp_path, {"HOME": str(tmp_path), "SHELL": f"/bin/{shell}"})
    script = cli.ok("--show-completion", shell)
    assert f"_FLYTE_COMPLETE={shell}_complete" in script
    for _ in range(2):
        cli.ok("--install-completion", shell)
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.read_text() == script for path in written)
    if shell != "fish":
        profile = (tmp_path / f".{shell}rc").read_text()
        assert profile.count("&& . ") == profile.count("\n") == 1


def test_completion_of_an_unknown_shell_is_refused(tmp_path: Path) -> None:
    done = Cli(tmp_path, {"HOME": str(tmp_path)})("--install-completion", "csh")
    assert done.returncode == 2 and "name one of them, not 'csh'" in done.stderr
    assert not list(tmp_path.iterdir())


def test_what_acts_is_not_said_to_be_kept_only(typed: Typed) -> None:
    code, out, _ = typed("run", "--help")
    assert code == 0
    said = " ".join(out.split()).partition("--max-action-concurrency")[2].partition("--debug")[0]
    assert "How many of its actions run at a time" in said
    assert "does not act" not in said


@pytest.mark.parametrize(
    ("code", "end", "is_told_twice"),
    [
        ("ValueError", "ValueError: a pity", False),
        ("NonRecoverableError", "flyte.errors.NonRecoverableError: a pity", False),
        ("MyCode", "flyte.errors.NonRecoverableError: a pity", True),
        ("Error", "flow.OtherError: a pity", True),
    ],
)
def test_a_failure_is_not_told_twice(code: str, end: str, is_told_twice: bool) -> None:
    told = f"Traceback (most recent call last):\n{end}"
    failure = Failure(code=code, kind=FailureKind.USER, message="a pity", traceback=f"{told}\n")
    assert failure_text(failure) == (f"{told}\n{code}: a pity" if is_told_twice else told)
