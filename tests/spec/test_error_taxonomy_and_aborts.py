"""What becomes of attempts that fail or last too long, and of what is given up: one table, in both modes.

A run of the whole table is made in each mode; what its parent saw, what the attempts left and, on the stack,
what the log says of each action are looked at row by row. Then a run on the stack is aborted by and by.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from testkit.attempts import Row, program
from testkit.attempts_rows import ROWS
from testkit.cli import Cli
from testkit.waiting import wait_for

LOCAL, STACK = "local", "remote"
NO_PLACE = "TaskTimeoutError|TaskTimeoutError|user|the attempt waited longer than 1 s for a place to run"


@dataclass(frozen=True, slots=True)
class Told:
    """What a run of the table told: its parent's words, where its files are, and its actions on the stack."""

    mode: str
    seen: Mapping[str, str]
    folder: Path
    crowded: str
    actions: tuple[dict[str, Any], ...]
    crowded_actions: tuple[dict[str, Any], ...]

    def words(self, name: str, word: str) -> int:
        """How many such words a file has."""
        path = self.folder / name
        return path.read_text().split().count(word) if path.exists() else 0

    def action(self, row: Row) -> dict[str, Any]:
        (found,) = (one for one in self.actions if one["metadata"]["task"] == f"rows.{row.name}")
        return found

    def below(self, action: str) -> list[dict[str, Any]]:
        """All that came of an action."""
        children = [one for one in self.actions if one["metadata"]["parent"] == action]
        return children + [one for child in children for one in self.below(child["name"])]


def run_table(cli: Cli, mode: str) -> Told:
    folder = cli.folder / "files"
    folder.mkdir()
    cli.write("rows.py", program(ROWS))
    done = cli.python("rows.py", mode, str(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    run, seen, few, crowded = json.loads(line.removeprefix("RESULT "))
    if mode == LOCAL:
        return Told(mode, seen, folder, crowded, (), ())
    return Told(mode, seen, folder, crowded, actions_of(cli, run), actions_of(cli, few))


def actions_of(cli: Cli, run: str) -> tuple[dict[str, Any], ...]:
    return tuple(json.loads(cli.ok("get", "action", run, "-o", "json")))


def user(request: pytest.FixtureRequest, folder: Path) -> Cli:
    """A user of the stack."""
    return Cli(folder, {"FLYTE_HOME": str(request.getfixturevalue("stack_home"))})


@pytest.fixture(scope="module", params=[LOCAL, STACK])
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder = tmp_path_factory.mktemp("rows")
    if request.param == LOCAL:
        return run_table(Cli(folder, {"FLYTE_HOME": str(folder / "nothing-here")}), LOCAL)
    return run_table(user(request, folder), STACK)


def phase_of(seen: str) -> str:
    """The phase of an action whose parent has seen this."""
    if "|" not in seen:
        return "succeeded"
    return "timed_out" if seen.startswith("TaskTimeoutError|") else "failed"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_an_attempts_end_means(told: Told, row: Row) -> None:
    assert told.seen[row.name] == row.sees
    expected = row.attempts
    if told.mode == LOCAL and row.attempts_locally is not None:
        expected = row.attempts_locally
    began = told.words(row.name, "began")
    assert began <= expected if row.at_most else began == expected
    assert {name: told.words(name, "try") for name in row.tries} == row.tries
    for name in row.stops:
        assert (told.words(name, "began"), told.words(name, "stopped")) == (1, 1)
    if told.mode == STACK:
        action = told.action(row)
        assert action["phase"] == phase_of(row.sees)
        if row.script:
            assert action["attempts"] >= began if row.at_most else action["attempts"] == began
        aborted = [one for one in told.below(action["name"]) if one["phase"] == "aborted"]
        assert len(aborted) == len(row.stops)


def test_nothing_that_was_given_up_ran_on(told: Told) -> None:
    assert told.seen["still running"] == ""


def test_an_attempt_that_finds_no_place_in_time_is_tried_again_and_then_timed_out(told: Told) -> None:
    assert told.crowded == NO_PLACE
    assert told.words("impatient", "began") == 0
    if told.mode == STACK:
        (late,) = (one for one in told.crowded_actions if one["metadata"]["task"] == "rows.impatient")
        assert (late["phase"], late["attempts"]) == ("timed_out", 2)


@dataclass(frozen=True, slots=True)
class Tree:
    """A run whose branch was aborted first, then all of it, twice."""

    told: str
    after_branch: dict[str, str]
    answers: tuple[str, ...]
    refusals: tuple[str, ...]
    actions: tuple[dict[str, Any], ...]
    aborts: tuple[str, ...]
    stopped: tuple[str, ...]


def phases(actions: tuple[dict[str, Any], ...]) -> dict[str, str]:
    """The phase of each action, by its task and its parent's."""
    tasks = {one["name"]: one["metadata"]["task"].removeprefix("rows.") for one in actions}
    parents = {one["name"]: tasks.get(one["metadata"]["parent"], "") for one in actions}
    return {f"{parents[one['name']]} > {tasks[one['name']]}": one["phase"] for one in actions}


def has_word(path: Path, word: str = "") -> bool:
    return path.exists() and word in path.read_text()


@pytest.fixture(scope="module")
def tree(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tree:
    cli = user(request, tmp_path_factory.mktemp("tree"))
    folder = cli.folder / "files"
    folder.mkdir()
    cli.write("rows.py", program(()))
    name = cli.ok("run", "--detach", "rows.py", "tree", "--folder", str(folder)).split()[0]
    wait_for("the tree", lambda: has_word(folder / "branch_below") and has_word(folder / "bough"))
    (branch,) = (one["name"] for one in actions_of(cli, name) if one["metadata"]["task"] == "rows.branch")
    refused = [cli("abort", "action", name, "nobody"), cli("abort", "run", "nobody")]
    answers = [cli.ok("abort", "action", name, branch, "--reason", "no fruit")]
    wait_for(
        "the branch's end",
        lambda: has_word(folder / "told", "fruit") and has_word(folder / "branch_below", "stopped"),
    )
    after_branch = phases(actions_of(cli, name))
    answers += [cli.ok("abort", "run", name, "--reason", why) for why in ("felled", "felled again")]
    answers += [cli.ok("abort", "action", name, branch)]
    wait_for("the end", lambda: has_word(folder / "bough", "stopped"))
    events = [json.loads(line) for line in cli.ok("events", name, "-o", "json").splitlines()]
    return Tree(
        told=(folder / "told").read_text(),
        after_branch=after_branch,
        answers=tuple(answers),
        refusals=tuple(f"{one.returncode} {one.stderr}" for one in refused),
        actions=actions_of(cli, name),
        aborts=tuple(one["subject"] for one in events if one["type"] == "flyte.action.aborted.v1"),
        stopped=tuple(path.name for path in folder.iterdir() if has_word(path, "stopped")),
    )


def test_the_parent_of_an_aborted_action_sees_it_and_goes_on(tree: Tree) -> None:
    assert tree.told == "ActionAbortedError|ActionAbortedError|user|no fruit"
    assert tree.after_branch == {
        " > tree": "running",
        "tree > branch": "aborted",
        "branch > hang_below": "aborted",
        "hang_below > hang": "aborted",
        "tree > bough": "running",
        "bough > hang": "running",
    }


def test_an_aborted_run_is_aborted_to_its_last_descendant(tree: Tree) -> None:
    assert phases(tree.actions) == dict.fromkeys(tree.after_branch, "aborted")
    assert sorted(tree.stopped) == ["bough", "branch", "branch_below"]


def test_an_abort_keeps_who_asked_and_why(tree: Tree) -> None:
    by_task = {one["metadata"]["task"]: one["abort"] for one in tree.actions}
    assert by_task["rows.branch"]["reason"] == "no fruit"
    assert by_task["rows.tree"]["reason"] == "felled"
    assert by_task["rows.bough"]["reason"] == "its parent ended first"
    assert by_task["rows.tree"]["by"] == by_task["rows.branch"]["by"] != ""


def test_aborting_again_changes_nothing(tree: Tree) -> None:
    assert len(tree.aborts) == len(set(tree.aborts)) == len(tree.actions)
    first, run, again, branch = tree.answers
    assert "aborted" in first and "aborted" in run
    assert "over already" in again and "over already" in branch


def test_what_is_not_there_cannot_be_aborted_and_the_answer_says_where_to_look(tree: Tree) -> None:
    action, run = tree.refusals
    assert action.startswith("1 ") and "no action 'nobody'" in action and "flyte get action" in action
    assert run.startswith("1 ") and "no run 'nobody'" in run and "flyte get run" in run


def test_an_abort_of_what_has_succeeded_changes_nothing(cli: Cli) -> None:
    cli.write("done.py", DONE)
    cli.ok("run", "--name", "done-before", "done.py", "fine")
    assert "over already" in cli.ok("abort", "run", "done-before")
    assert cli.python("done.py").stdout.split() == ["SUCCEEDED", "SUCCEEDED", "SUCCEEDED", "1"]
    assert actions_of(cli, "done-before")[0]["phase"] == "succeeded"


DONE = """\
import flyte
import flyte.remote

env = flyte.TaskEnvironment(name="done")

@env.task
def fine() -> int:
    return 1

if __name__ == "__main__":
    run = flyte.with_runcontext(mode="local").run(fine)
    run.abort("too late")
    print(run.status)
    flyte.init_from_config()
    run = flyte.remote.Run.get("done-before")
    run.abort("too late")
    run.abort("even later")
    print(run.sync().status)
    later = flyte.run(fine)  # whose request comes after those, so the executor has seen them
    later.wait()
    print(later.status, flyte.remote.Run.get("done-before").outputs()[0])
"""
