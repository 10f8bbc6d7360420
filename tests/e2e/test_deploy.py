"""Deploying a project of many files, as a user types it: what goes along, what is missed, what is there."""

import json

import pytest

from testkit.cli import Cli

MAIN = """
from pathlib import Path

import flyte
from steps.clean import clean

env = flyte.TaskEnvironment(name="project", include=("data/*.csv",))
other = flyte.TaskEnvironment(name="project-other", depends_on=[env])


@env.task
def size(name: str) -> int:
    from steps import späte_größe
    return späte_größe.of(clean(name)) + len((Path(__file__).parent / "data" / "a.csv").read_text())


@other.task
async def twice(name: str) -> int:
    return 2 * await size.aio(name)
"""


@pytest.fixture
def project(cli: Cli) -> Cli:
    """A project with a package, a module that is imported late, and data."""
    cli.write("main.py", MAIN)
    cli.write("steps/clean.py", "def clean(text): return text.strip()\n")
    cli.write("steps/späte_größe.py", "def of(text): return len(text)\n")
    cli.write("data/a.csv", "1,2")
    return cli


def test_a_project_runs_with_late_imports_and_data(project: Cli) -> None:
    deployed = json.loads(project.ok("deploy", "main.py", "other", "-o", "json"))
    assert [row["environment"] for row in deployed["environments"]] == ["project-other", "project"]
    assert [row["name"] for row in deployed["entities"]] == ["project-other.twice", "project.size"]
    version = deployed["version"]
    printed = project.ok("run", "deployed-task", f"project-other.twice:{version}", "--name", " abc ")
    assert "o0=12" in printed


@pytest.mark.parametrize("copy_style", ["loaded_modules", "all"])
def test_deploying_again_changes_nothing(project: Cli, copy_style: str) -> None:
    words = ("deploy", "--copy-style", copy_style, "main.py", "--all")
    first, second = project(*words), project(*words)
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert first.stdout == second.stdout
    assert (
        "nothing changed: 2 task(s) of 2 environment(s) were in default/development already" in second.stderr
    )


def test_a_module_that_an_ignore_file_leaves_out_is_missed_before_anything_is_sent(project: Cli) -> None:
    project.write(".gitignore", "clean.py\n")
    for words in (["deploy", "main.py", "env"], ["run", "main.py", "size", "--name", "x"]):
        refused = project(words[0], "--copy-style", "all", *words[1:])
        assert refused.returncode == 1
        assert "module 'steps.clean' (steps/clean.py), which main.py (line 5) imports" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_folder_is_deployed_file_by_file(project: Cli) -> None:
    project.write("flows/one.py", 'import flyte\none = flyte.TaskEnvironment(name="folder-one")\n')
    project.write("flows/two.py", "from one import one\n@one.task\ndef f() -> int: return 2\n")
    assert "folder-one.f" in project.ok("deploy", "--recursive", "flows", "--version", "v1")
    assert "o0=2" in project.ok("run", "deployed-task", "folder-one.f:v1")
