"""What a person at a terminal sees: the commands typed on a pseudo-terminal, with a stack on the machine."""

import json
from pathlib import Path

import pytest

from testkit.cli import Cli
from testkit.terminal import MOVES, typed_on_a_terminal, without_codes

FLOW = """
import asyncio
from pathlib import Path

import flyte

env = flyte.TaskEnvironment(name="terminal")


@env.task
async def step(number: int, gate: str) -> int:
    print(f"step {number} speaks")
    while gate and not Path(gate).exists():
        await asyncio.sleep(0.05)
    return number * number


@env.task
async def main(count: int = 3, gate: str = "") -> int:
    with flyte.group("squares"):
        return sum(await asyncio.gather(*(step(number, gate) for number in range(count))))


@env.task
async def fails() -> int:
    raise ValueError("the cause is this")
"""


@pytest.fixture
def user(cli: Cli) -> Cli:
    cli.write("flow.py", FLOW)
    return cli


def test_a_run_is_a_live_tree_with_its_output_above_and_a_summary_after(user: Cli) -> None:
    gate = user.folder / "gate"

    def look(written: str) -> None:
        if "squares" in written:
            gate.touch()  # only now may the steps end

    words = ("run", "--name", "live-tree", "flow.py", "main", "--gate", str(gate))
    code, written = typed_on_a_terminal(user, *words, look=look)
    assert code == 0, written
    assert MOVES.search(written)
    plain = without_codes(written)
    for number in range(3):
        assert plain.count(f"step {number} speaks") == 1
    assert "run live-tree SUCCEEDED in " in plain and "4 actions: 4 succeeded" in plain
    assert "Outputs: ActionOutputs(o0=5)" in plain
    assert plain.rindex("Outputs") > plain.rindex("SUCCEEDED in")


def test_no_progress_gives_plain_lines_on_a_terminal_too(user: Cli) -> None:
    code, written = typed_on_a_terminal(user, "run", "--no-progress", "flow.py", "main")
    assert code == 0, written
    assert not MOVES.search(written)
    assert written.count(" speaks") == 3 and "Outputs: ActionOutputs(o0=5)" in written


def test_a_failed_run_ends_in_a_box_with_the_cause_first(user: Cli) -> None:
    code, written = typed_on_a_terminal(user, "run", "flow.py", "fails")
    assert code == 1
    plain = without_codes(written)
    box = plain[plain.rindex("╭") :]
    assert "FAILED" in box.splitlines()[0]
    assert "ValueError: the cause is this" in box.splitlines()[1]
    assert "flow.py" in box and box.rstrip().endswith("╯")


def test_an_error_is_a_box_on_a_terminal_and_one_plain_line_elsewhere(user: Cli) -> None:
    code, written = typed_on_a_terminal(user, "logs", "no-such-run")
    assert code == 1
    assert "╭" in written and "no-such-run" in written
    done = user("logs", "no-such-run")
    assert done.stderr.startswith("error: ") and "╭" not in done.stderr


def test_tab_offers_the_names_of_runs_and_of_deployed_tasks(user: Cli) -> None:
    user.ok("run", "--name", "offered-run", "flow.py", "main")
    assert _tab(user, "flyte logs offered") == ["offered-run"]
    assert _tab(user, "flyte get run offered") == ["offered-run"]
    assert "terminal.main" in _tab(user, "flyte run deployed-task terminal.")


def test_json_is_json_wherever_it_is_asked_for(user: Cli) -> None:
    user.ok("run", "--name", "as-json", "flow.py", "main")
    assert json.loads(user.ok("get", "run", "as-json", "-o", "json"))["name"] == "as-json"
    assert isinstance(json.loads(user.ok("get", "run", "-o", "json")), list)
    assert isinstance(json.loads(user.ok("get", "task", "-o", "json")), list)
    assert [json.loads(line) for line in user.ok("events", "as-json", "-o", "json").splitlines()]
    lines = [json.loads(line) for line in user.ok("logs", "as-json", "-o", "json").splitlines()]
    assert {line["text"] for line in lines} == {f"step {number} speaks" for number in range(3)}
    assert json.loads(user.ok("get", "logs", "as-json", "-o", "json")) == []
    assert json.loads(user.ok("status", "-o", "json"))["services"]["executor"]["pid"]
    assert json.loads(user.ok("abort", "run", "as-json", "-o", "json")) == {
        "run": "as-json",
        "aborted": False,
    }


def test_a_run_is_one_json_document_however_it_ends(user: Cli) -> None:
    done = user("run", "-o", "json", "--name", "one-document", "flow.py", "main", "--count", "2")
    document = json.loads(done.stdout)
    assert (document["name"], document["phase"], document["outputs"]) == (
        "one-document",
        "succeeded",
        {"o0": 1},
    )
    assert "step 1 speaks" in done.stderr
    again = json.loads(user.ok("-of", "json", "rerun", "one-document", "--count", "1"))
    assert again["outputs"] == {"o0": 0}
    failed = user("run", "-o", "json", "flow.py", "fails")
    assert failed.returncode == 1
    assert json.loads(failed.stdout)["error"]["message"] == "the cause is this"
    detached = json.loads(user.ok("run", "--detach", "-o", "json", "deployed-task", "terminal.main"))
    assert detached["url"].endswith(f"/runs/{detached['name']}")


def test_what_the_log_does_not_have_is_told_with_where_to_look(user: Cli) -> None:
    user.ok("deploy", "flow.py", "env", "--version", "v1")
    for words in (
        ("get", "io", "nope"),
        ("rerun", "nope"),
        ("get", "action", "nope", "a0"),
        ("abort", "run", "nope"),
    ):
        done = user(*words)
        assert done.returncode == 1
        assert done.stderr.startswith("error: the log has no run 'nope'") and "`flyte get run`" in done.stderr
    done = user("run", "deployed-task", "terminal.main:v0")
    assert done.returncode == 1
    assert "no version 'v0' of task 'terminal.main' is deployed in default/development: there" in done.stderr
    assert "'v1'" in done.stderr


def test_an_unchanged_deployment_is_seen_without_a_client(user: Cli) -> None:
    user.ok("deploy", "-d", "seen", "flow.py", "env")
    words = "sys.argv = ['flyte', 'deploy', '-d', 'seen', 'flow.py', 'env']"
    ending = "print(sorted({'nats', 'flyte_bus.jetstream'} & set(sys.modules)))"
    program = f"import sys\nfrom flyte._cli.main import main\n{words}\ntry: main()\nfinally: {ending}"
    done = user.python("-c", program)
    assert "nothing changed: 3 task(s)" in done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def _tab(cli: Cli, typed: str) -> list[str]:
    """What bash is offered after these words."""
    asking = {
        "_FLYTE_COMPLETE": "bash_complete",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split()) - 1),
    }
    offered = Cli(Path(cli.folder), {**cli.variables, **asking})().stdout
    return [line.rpartition(",")[2] for line in offered.split()]
