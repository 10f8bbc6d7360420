"""Source in an archive: the right files, and the same bytes for the same source."""

import gzip
import io
import os
import sys
import tarfile
import time
from pathlib import Path

import pytest

import flyte
from flyte import errors
from flyte._bundle import make_bundle
from flyte._layout import layout_of, module_name
from flyte._loading import load_file
from flyte._plan import closure, make_plan

TASKS = """
import flyte
from lib import steps

env = flyte.TaskEnvironment(name="env")

@env.task
def main(x: int = 1) -> int:
    '''Adds.'''
    return steps.add(x)
"""


@pytest.fixture
def tree(project: Path) -> Path:
    """A project with a package, a module nobody imports, and folders that are not source."""
    (project / "lib").mkdir()
    (project / "lib" / "__init__.py").write_text("")
    (project / "lib" / "steps.py").write_text("def add(x): return x + 1\n")
    (project / "lib" / "unused.py").write_text("raise RuntimeError('nobody imports me')\n")
    (project / "notes.txt").write_text("data")
    (project / ".venv").mkdir()
    (project / ".venv" / "pyvenv.cfg").write_text("")
    (project / ".venv" / "installed.py").write_text("")
    (project / "__pycache__").mkdir()
    (project / "__pycache__" / "x.pyc").write_bytes(b"")
    (project / "main.py").write_text(TASKS)
    return project


def names(data: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return tar.getnames()


def test_loaded_modules_are_packed_and_nothing_else(tree: Path) -> None:
    load_file(Path("main.py"))
    bundle = make_bundle(layout_of([tree / "main.py"]), [tree / "main.py"])
    assert names(bundle.data) == ["lib/__init__.py", "lib/steps.py", "main.py"]
    assert [file.path for file in bundle.files] == names(bundle.data)
    assert bundle.unpacked_bytes == sum((tree / name).stat().st_size for name in names(bundle.data))


def test_all_packs_the_tree_without_environments_and_caches(tree: Path) -> None:
    bundle = make_bundle(layout_of([tree / "main.py"]), [tree / "main.py"], "all")
    assert names(bundle.data) == ["lib/__init__.py", "lib/steps.py", "lib/unused.py", "main.py", "notes.txt"]


def test_the_same_source_gives_the_same_bytes(tree: Path) -> None:
    layout = layout_of([tree / "main.py"])
    first = make_bundle(layout, [tree / "main.py"])
    for path in (tree / "main.py", tree / "lib"):
        os.utime(path, (time.time() + 1000, time.time() + 1000))
    (tree / "main.py").chmod(0o600)
    assert make_bundle(layout, [tree / "main.py"]).data == first.data
    (tree / "main.py").write_text(f"{TASKS}\n# changed")
    assert make_bundle(layout, [tree / "main.py"]).sha256 != first.sha256


def test_the_archive_says_nothing_of_the_machine(tree: Path) -> None:
    data = make_bundle(layout_of([tree / "main.py"]), [tree / "main.py"]).data
    assert data[4:8] == b"\0\0\0\0"  # the time in the gzip header
    assert str(tree).encode() not in gzip.decompress(data)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for member in tar:
            assert (member.mtime, member.uid, member.gid, member.mode, member.uname) == (0, 0, 0, 0o644, "")


def test_a_copy_style_that_does_not_exist_is_refused(tree: Path) -> None:
    with pytest.raises(ValueError, match="unknown copy_style 'some'"):
        make_bundle(layout_of([tree / "main.py"]), [], "some")


def test_a_file_outside_the_root_is_refused(tree: Path) -> None:
    with pytest.raises(errors.CodeBundleError, match="is not below the source root"):
        layout_of([tree / "main.py"], tree / "lib")


@pytest.mark.parametrize(
    ("relative", "name"),
    [
        ("main.py", "main"),
        ("flows/clean.py", "flows.clean"),
        ("01_hello.py", "01_hello"),
        ("pkg/__init__.py", "pkg"),
        ("my-flows/clean.py", "clean"),
        ("v1.2/clean.py", "clean"),
        ("a.b.py", "a_b"),
    ],
)
def test_a_module_is_named_by_its_path(relative: str, name: str) -> None:
    assert module_name(Path(relative)) == name


def test_a_plan_has_the_templates_and_a_version_that_is_their_content(tree: Path) -> None:
    env = load_file(Path("main.py")).environment("env")
    plan = make_plan([env], project="p", domain="d")
    (template,) = plan.templates
    assert (template.name, template.short_name, template.description) == ("env.main", "main", "Adds.")
    assert (template.source.module, template.source.file) == ("main", "main.py")
    assert template.source.import_paths == ("",)
    assert template.bundle is not None
    assert plan.bundle is not None
    assert template.bundle.uri == f"flyte://artifacts/p/d/{plan.bundle.md5}"
    assert make_plan([env], project="p", domain="d").version == plan.version
    assert str(tree) not in template.model_dump_json()
    (tree / "lib" / "steps.py").write_text("def add(x): return x + 2\n")
    assert make_plan([env], project="p", domain="d").version != plan.version


def test_a_given_version_stays(tree: Path) -> None:
    env = load_file(Path("main.py")).environment("env")
    plan = make_plan([env], project="p", domain="d", version="v1.0.0")
    assert plan.stored_at("flyte://elsewhere").version == "v1.0.0"
    assert plan.reference("env.main").version == "v1.0.0"
    with pytest.raises(ValueError, match="version 'v 1' is not allowed"):
        make_plan([env], project="p", domain="d", version="v 1")


def test_a_plan_describes_itself(tree: Path) -> None:
    env = load_file(Path("main.py")).environment("env")
    text = make_plan([env], project="p", domain="d", version="v1").describe()
    assert "env.main(x: int = 1) -> int" in text
    assert "lib/steps.py" in text
    assert "v1" in text


def test_dependencies_are_deployed_too_and_cycles_are_fine() -> None:
    one, two, three = (flyte.TaskEnvironment(name=name) for name in ("one", "two", "three"))
    one.add_dependency(two)
    two.add_dependency(three)
    three.add_dependency(one)
    assert [environment.name for environment in closure([one])] == ["one", "two", "three"]


def test_two_environments_of_one_name_are_refused() -> None:
    one, same = flyte.TaskEnvironment(name="one"), flyte.TaskEnvironment(name="one")
    other = flyte.TaskEnvironment(name="other", depends_on=[same])
    with pytest.raises(ValueError, match="two environments are named 'one'"):
        closure([one, other])


def test_an_environment_without_tasks_cannot_be_deployed() -> None:
    with pytest.raises(errors.DeploymentError, match="'empty' has no tasks"):
        make_plan([flyte.TaskEnvironment(name="empty")], project="p", domain="d")


def test_a_task_of_an_interactive_session_cannot_be_deployed() -> None:
    env = flyte.TaskEnvironment(name="typed")
    scope = {"env": env}
    exec(compile("@env.task\ndef f() -> None: ...", "<stdin>", "exec"), scope)
    with pytest.raises(errors.CodeBundleError, match="is not declared in a Python file"):
        make_plan([env], project="p", domain="d")


def test_a_dry_run_of_deploy_needs_no_server_and_summarises(tree: Path) -> None:
    env = load_file(Path("main.py")).environment("env")
    (deployment,) = flyte.deploy(env, dryrun=True, version="v1")
    assert deployment.summary_repr() == (
        "Deployment(envs=[Deployment(env=[env], entities=[DeployedTask(name=env.main, version=v1)])])"
    )


def test_a_deployment_has_rows_for_tables(tree: Path) -> None:
    env = load_file(Path("main.py")).environment("env")
    (deployment,) = flyte.deploy(env, dryrun=True, version="v1")
    assert deployment.table_repr() == [
        [("type", "task"), ("name", "env.main"), ("version", "v1"), ("triggers", "")]
    ]
    assert deployment.env_repr() == [[("environment", "env"), ("image", "auto")]]
    assert not deployment.unchanged


def test_each_environment_that_no_earlier_one_covers_is_a_deployment(tree: Path) -> None:
    env = load_file(Path("main.py")).environment("env")
    top = flyte.TaskEnvironment(name="top", depends_on=[env])
    assert [list(item.envs) for item in flyte.deploy(top, env, dryrun=True)] == [["top", "env"]]
    assert [list(item.envs) for item in flyte.deploy(env, top, dryrun=True)] == [["env"], ["top", "env"]]


def test_import_paths_below_the_root_travel(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tree / "lib"))
    assert layout_of([tree / "main.py"]).import_paths[0] == "lib"
    assert "" in layout_of([tree / "main.py"]).import_paths
    assert sys.path[0] == str(tree / "lib")
