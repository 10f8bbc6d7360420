"""The rehearsal: what the stack would miss is told here, with the name of the file that wants it."""

import sys
from pathlib import Path

import pytest

from flyte import errors
from flyte._loading import load_file
from flyte._plan import Plan, make_plan
from flyte._rehearsal import rehearse

FLOW = """
{imports}
import flyte
env = flyte.TaskEnvironment(name="env", env_vars={{"SET_BY": "the environment"}})

@env.task
def main() -> int:
    return 1
"""


@pytest.fixture(autouse=True)
def switched_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLYTE_REHEARSAL")


def plan_of(project: Path, imports: str, copy_style: str = "loaded_modules") -> Plan:
    (project / "main.py").write_text(FLOW.format(imports=imports))
    env = load_file(Path("main.py")).environment("env")
    return make_plan([env], project="p", domain="d", copy_style=copy_style)


def rehearsed(plan: Plan) -> tuple[str, ...]:
    assert plan.bundle is not None
    return rehearse(plan.bundle, plan.layout, plan.templates, "p", "d")


def test_a_bundle_that_is_whole_is_remembered(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "part.py").write_text("print('loud')\n")
    plan = plan_of(project, "import part\nimport flyte\nassert flyte.current_domain")
    assert rehearsed(plan) == ()
    monkeypatch.setattr("flyte._rehearsal._run", None)  # nothing is run the second time
    assert rehearsed(plan) == ()


@pytest.mark.parametrize(
    ("imports", "missing", "line"),
    [
        ("import part", r"module 'part' \(part\.py\)", 2),
        ("import sys\nfrom pkg import sub", r"module 'pkg\.sub' \(pkg/sub\.py\)", 3),
        ("import pkg.sub", r"module 'pkg\.sub' \(pkg/sub\.py\)", 2),
        ("open('part.py').close()", r"part\.py", 2),
        ("import space.sub", r"module 'space\.sub' \(space/sub\.py\)", 2),
        ("from space import sub", r"module 'space\.sub' \(space/sub\.py\)", 2),
    ],
)
def test_what_an_ignore_file_leaves_out_is_missed_by_name(
    project: Path, imports: str, missing: str, line: int
) -> None:
    (project / "pkg").mkdir()
    (project / "space").mkdir()
    for name in ("part.py", "pkg/sub.py", "pkg/__init__.py", "space/sub.py"):
        (project / name).touch()
    (project / ".flyteignore").write_text("part.py\nsub.py\n")
    with pytest.raises(
        errors.CodeBundleError, match=rf"the bundle lacks {missing}, which main\.py \(line {line}\)"
    ):
        rehearsed(plan_of(project, imports, "all"))


def test_a_task_that_only_a_main_program_declares_is_refused(project: Path) -> None:
    plan = plan_of(project, "import sys")
    changed = plan.templates[0].model_copy(update={"name": "env.gone"})
    assert plan.bundle is not None
    with pytest.raises(
        errors.CodeBundleError, match=r"main\.py does not work on its own: no task 'env\.gone'"
    ):
        rehearse(plan.bundle, plan.layout, (changed,), "p", "d")


def test_what_lies_elsewhere_is_noted_and_not_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "gone.py").touch()
    plan = plan_of(project, "import gone")
    (project / "gone.py").unlink()
    assert plan.bundle is not None
    whole = [file.path for file in plan.bundle.files]
    assert whole == ["gone.py", "main.py"]
    lacking = plan_of(project, "import gone", "all")
    (note,) = rehearsed(lacking)
    assert note.startswith("main.py imports 'gone', which is not below the source root")


@pytest.mark.parametrize(
    ("ending", "note"),
    [
        ("raise OSError('no disk')", "(main.py, line 3: OSError: no disk); the stack may do better"),
        ("os._exit(3)", "(the interpreter ended with code 3)"),
    ],
)
def test_what_else_goes_wrong_is_noted(
    project: Path, monkeypatch: pytest.MonkeyPatch, ending: str, note: str
) -> None:
    monkeypatch.setenv("HERE", "yes")
    guard = f"import os, flyte\nif flyte.ctx(): {ending}\n"
    (only,) = rehearsed(plan_of(project, guard))
    assert note in only


def test_a_module_that_asks_the_stack_while_it_is_imported_is_refused(project: Path) -> None:
    asks = "flyte.init(endpoint='nats://127.0.0.1:1'); list(flyte.remote.Run.listall())"
    plan = plan_of(project, f"import flyte\nif flyte.ctx(): {asks}\n")
    with pytest.raises(
        errors.CodeBundleError, match=r"main\.py \(line \d\) cannot be deployed: a module asks"
    ):
        rehearsed(plan)


def test_an_import_that_never_ends_is_given_up(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flyte._rehearsal.REHEARSAL_LIMIT_S", 0.2)
    (note,) = rehearsed(plan_of(project, "import time, flyte\nif flyte.ctx(): time.sleep(600)"))
    assert "it took more than 0.2 s" in note


def test_the_environment_of_a_task_is_set_and_its_context_known(project: Path) -> None:
    check = "import os, flyte\nif flyte.ctx(): assert (os.environ['SET_BY'], flyte.current_domain()) == "
    assert rehearsed(plan_of(project, f"{check}('the environment', 'd')")) == ()


def test_it_can_be_switched_off(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTE_REHEARSAL", "off")
    (project / "part.py").touch()
    (project / ".flyteignore").write_text("part.py")
    assert rehearsed(plan_of(project, "import part", "all")) == ()


def test_files_of_one_deployment_are_imported_each_on_its_own(project: Path) -> None:
    meddles = FLOW.format(imports="import sys; sys.meddled = True")
    suffers = FLOW.format(imports="import sys, flyte; assert not flyte.ctx() or not hasattr(sys, 'meddled')")
    (project / "one.py").write_text(meddles)
    (project / "two.py").write_text(suffers.replace('"env"', '"other"'))
    environments = [load_file(Path(name)).environment("env") for name in ("one.py", "two.py")]
    del sys.meddled  # type: ignore[attr-defined]
    assert rehearsed(make_plan(environments, project="p", domain="d")) == ()
