"""Any project tree: what the rehearsal accepts runs where the bundle is unpacked, what it refuses does not.

The judge is a clean interpreter that does what an agent does: it unpacks the bundle with the agent's own
code, loads the task by `flyte._runtime.loading`, and calls it.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flyte import _environment, errors
from flyte._loading import load_file
from flyte._plan import Plan, make_plan
from flyte._rehearsal import rehearse
from flyte_agent.bundle import unpack
from flyte_agent.settings import AgentSettings

FOLDERS = ("", "package", "package/nested", "namespace", "größe", "namespace/数据")
IGNORED = (".gitignore", ".flyteignore")
COPY_STYLES = ("loaded_modules", "all", "custom")

MAIN = """
import flyte
{imports}
env = flyte.TaskEnvironment(name="env", include={include!r})

@env.task
def main() -> int:
    {late}
    return {value}
"""
JUDGE = """
import json, sys
from pathlib import Path
order = json.load(sys.stdin)
sys.path[:] = order["path"]
from flyte._runtime.loading import load_task
from flyte_schemas.task import Source
task = load_task(Source.model_validate(order["source"]), "env.main", Path(order["root"]))
print("LOADED")
print("GAVE", task.func())
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One module of a project: where it is, what it imports (by number) and how, whether it reads a file."""

    folder: str
    imports: tuple[int, ...]
    is_late: bool
    is_relative: bool
    reads: bool
    is_link: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Modules `part0` … `partN`, of which main imports some; packages; ignored and included files."""

    modules: tuple[Module, ...]
    packages: frozenset[str]
    wanted: tuple[int, ...]
    late: tuple[int, ...]
    ignored: tuple[int, ...]
    ignore_file: str
    included: tuple[int, ...]
    copy_style: str


@st.composite
def projects(draw: st.DrawFn) -> Project:
    count = draw(st.integers(1, 4))
    numbers = st.integers(0, count - 1)

    def some(limit: int, below: int | None = None) -> tuple[int, ...]:
        known = numbers if below is None else st.integers(0, below - 1)
        return tuple(draw(st.lists(known, max_size=limit, unique=True)) if below != 0 else ())

    modules = tuple(
        Module(
            folder=draw(st.sampled_from(FOLDERS)),
            imports=some(2, number),
            is_late=draw(st.booleans()),
            is_relative=draw(st.booleans()),
            reads=draw(st.booleans()),
            is_link=draw(st.integers(0, 4)) == 0,
        )
        for number in range(count)
    )
    return Project(
        modules=modules,
        packages=frozenset(draw(st.lists(st.sampled_from(FOLDERS[1:]), unique=True))),
        wanted=some(3),
        late=some(2),
        ignored=some(1),
        ignore_file=draw(st.sampled_from(IGNORED)),
        included=some(4),
        copy_style=draw(st.sampled_from(COPY_STYLES)),
    )


def name_of(project: Project, number: int) -> str:
    folder = project.modules[number].folder.replace("/", ".")
    return f"{folder}.part{number}" if folder else f"part{number}"


def imports(project: Project, numbers: tuple[int, ...], home: Module | None = None) -> str:
    """Import statements for modules, relative ones where they can be."""
    lines = []
    for number in numbers:
        folder = project.modules[number].folder
        if home is not None and home.is_relative and folder and folder == home.folder:
            lines.append(f"from . import part{number} as m{number}")
        else:
            lines.append(f"import {name_of(project, number)} as m{number}")
    return "; ".join(lines) or "pass"


def module_text(project: Project, number: int) -> str:
    module = project.modules[number]
    total = " + ".join(["1", *(f"m{other}.value()" for other in module.imports)])
    statement = imports(project, module.imports, module)
    top, late = ("pass", statement) if module.is_late else (statement, "pass")
    read = f"import pathlib; (pathlib.Path(__file__).parent / 'data{number}.txt').read_text()"
    return f"{top}\n{read if module.reads else ''}\ndef value():\n    {late}\n    return {total}\n"


def build(project: Project, root: Path) -> None:
    """Write the tree: modules, packages, data, links, ignore file, main."""
    for number, module in enumerate(project.modules):
        file = root / module.folder / f"part{number}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        if module.is_link:  # the source lies beside it under another name
            (file.parent / f"source{number}.txt").write_text(module_text(project, number), encoding="utf-8")
            file.symlink_to(f"source{number}.txt")
        else:
            file.write_text(module_text(project, number), encoding="utf-8")
        if module.reads:
            (file.parent / f"data{number}.txt").touch()
    for package in project.packages:
        if (root / package).is_dir():
            (root / package / "__init__.py").touch()
    (root / project.ignore_file).write_text("\n".join(f"part{number}.py" for number in project.ignored))
    include = [f"**/*{number}.*" for number in project.included if (root / project.modules[number].folder)]
    (root / "main.py").write_text(
        MAIN.format(
            imports=imports(project, project.wanted),
            include=tuple(include) or ("main.py",),
            late=imports(project, project.late),
            value=" + ".join(["0", *(f"m{one}.value()" for one in (*project.wanted, *project.late))]),
        ),
        encoding="utf-8",
    )


@contextmanager
def fresh_process(root: Path) -> Iterator[None]:
    """Nothing of a tree is left in this process after it was loaded; `root` is the current folder."""
    before, paths, folder = dict(sys.modules), list(sys.path), Path.cwd()
    declared = list(_environment._declared)
    os.chdir(root)
    try:
        yield
    finally:
        os.chdir(folder)
        sys.path[:] = paths
        _environment._declared[:] = declared
        for name in set(sys.modules) - set(before):
            file = getattr(sys.modules[name], "__file__", None) or str(root)
            if Path(file).is_relative_to(root):
                del sys.modules[name]


def judged(plan: Plan, folder: Path) -> tuple[bool, str]:
    """Whether the task loads where the bundle is unpacked, and what the interpreter printed."""
    assert plan.bundle is not None
    archive, root = folder / "bundle.tar.gz", folder / "unpacked"
    archive.write_bytes(plan.bundle.data)
    unpack(archive, root, AgentSettings(home=folder))
    source = plan.templates[0].source.model_dump(mode="json")
    paths = [path for path in sys.path if path and not Path(path).is_relative_to(plan.layout.root)]
    done = subprocess.run(
        [sys.executable, "-I", "-B", "-c", JUDGE],
        input=json.dumps({"root": str(root), "source": source, "path": paths}),
        capture_output=True,
        text=True,
        cwd=root,
        check=False,
    )
    return "LOADED" in done.stdout, done.stdout + done.stderr


@given(project=projects())
@settings(
    max_examples=6,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_the_rehearsal_knows_what_runs_elsewhere(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTE_REHEARSAL", "on")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        root = folder / "project"
        root.mkdir()
        build(project, root)
        with fresh_process(root):
            env = load_file(Path("main.py")).environment("env")
            plan = make_plan([env], project="p", domain="d", copy_style=project.copy_style)
            again = make_plan([env], project="p", domain="d", copy_style=project.copy_style)
            assert plan.bundle is not None and again.bundle is not None
            assert plan.bundle.data == again.bundle.data
            assert plan.version == again.version
            here = env.tasks["env.main"].func()
            loads, printed = judged(plan, folder)
            try:
                notes = rehearse(plan.bundle, plan.layout, plan.templates, "p", "d")
            except errors.CodeBundleError:
                assert not loads, f"refused, and it loads:\n{printed}"
                return
        assert notes == ()
        assert loads, f"accepted, and it does not load:\n{printed}"
        if project.copy_style == "loaded_modules" and not any(module.reads for module in project.modules):
            assert f"GAVE {here}" in printed
