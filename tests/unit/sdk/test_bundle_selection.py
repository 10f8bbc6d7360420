"""Which files go into a bundle: what is imported late, ignored, included, linked, or oddly named."""

from pathlib import Path

import pytest

import flyte
from flyte import errors
from flyte._bundle import make_bundle
from flyte._layout import layout_of
from flyte._loading import load_file
from flyte._plan import make_plan

FLOW = """
import flyte
env = flyte.TaskEnvironment(name="env", include={include!r})

@env.task
def main() -> int:
{body}
    return 1
"""


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


def packed(
    root: Path, body: str = "", include: tuple[str, ...] = (), copy_style: str = "loaded_modules"
) -> list[str]:
    """What a plan of `main.py` packs beside it, when its one task has this body."""
    write(root, {"main.py": FLOW.format(body=body and f"    {body}", include=include)})
    plan = make_plan(
        [load_file(root / "main.py").environment("env")], project="p", domain="d", copy_style=copy_style
    )
    assert plan.bundle is not None
    return [file.path for file in plan.bundle.files if file.path != "main.py"]


def all_of(root: Path) -> list[str]:
    """What the style `all` packs."""
    return [file.path for file in make_bundle(layout_of([root / "main.py"]), [], "all").files]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("import late", ["late.py", "later.py"]),
        ("from pkg import part", ["pkg/__init__.py", "pkg/other.py", "pkg/part.py"]),
        ("import pkg.part as p", ["pkg/__init__.py", "pkg/other.py", "pkg/part.py"]),
        ("import space.deep.thing", ["space/deep/thing.py"]),
        ("from space.deep import thing", ["space/deep/thing.py"]),
        ("import importlib; importlib.import_module('late')", ["late.py", "later.py"]),
        ("import json, typing, no_such_module", []),
    ],
)
def test_what_a_task_imports_when_it_runs_is_packed(project: Path, body: str, expected: list[str]) -> None:
    write(
        project,
        {
            "late.py": "import later\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import never",
            "later.py": "",
            "never.py": "",
            "json.py": "",
            "pkg/__init__.py": "",
            "pkg/part.py": "from . import other",
            "pkg/other.py": "from ..pkg import part",
            "space/deep/thing.py": "",
        },
    )
    assert packed(project, body) == expected


def test_the_sdk_is_in_no_bundle_even_when_it_lies_below_the_root(project: Path) -> None:
    write(project, {"sdk/flyte/__init__.py": "", "sdk/flyte/remote.py": ""})
    layout = layout_of([project / "main.py"])
    write(project, {"main.py": "import flyte\nimport flyte.remote"})
    assert [file.path for file in make_bundle(layout, [project / "main.py"]).files] == ["main.py"]


def test_included_files_and_folders_travel_without_caches(project: Path) -> None:
    write(
        project,
        {
            "data/a.csv": "",
            "data/deep/b.csv": "",
            "data/__pycache__/b.pyc": "",
            "data/.gitignore": "*",
            "query.sql": "",
            "[odd].txt": "",
        },
    )
    assert packed(project, include=("data", "*.sql", "[odd].txt")) == [
        "[odd].txt",
        "data/.gitignore",
        "data/a.csv",
        "data/deep/b.csv",
        "query.sql",
    ]


def test_globs_reach_into_folders(project: Path) -> None:
    write(project, dict.fromkeys(("data/a.csv", "data/deep/b.csv", "data/deep/c.txt"), ""))
    assert packed(project, include=("data/**/*.csv",)) == ["data/a.csv", "data/deep/b.csv"]


def test_an_include_is_relative_to_the_file_that_declares_the_environment(project: Path) -> None:
    flow = FLOW.format(body="", include=("../shared/a.txt",))
    write(project, {"shared/a.txt": "", "flows/main.py": flow})
    plan = make_plan([load_file(Path("flows/main.py")).environment("env")], project="p", domain="d")
    assert plan.bundle is not None
    assert [file.path for file in plan.bundle.files] == ["flows/main.py", "shared/a.txt"]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [("gone.csv", "includes 'gone.csv', and nothing is there"), ("../../*", "is not below the source root")],
)
def test_an_include_that_cannot_be_is_refused(project: Path, pattern: str, message: str) -> None:
    (project.parent.parent / "somewhere.txt").touch()
    with pytest.raises(errors.CodeBundleError, match=message):
        packed(project, include=(pattern,))


def test_ignore_files_are_read_as_git_reads_them(project: Path) -> None:
    write(
        project,
        {
            ".gitignore": "*.tmp\n/top/\ndata/*\n!data/keep.csv\n",
            ".flyteignore": "secret.py\n!wanted.tmp\n",
            "sub/.gitignore": "!rescued.tmp\nlocal.py\n",
            **dict.fromkeys(
                ("a.py", "b.tmp", "wanted.tmp", "secret.py", "top/x.py", "sub/top/y.py", "sub/secret.py"), ""
            ),
            **dict.fromkeys(("sub/rescued.tmp", "sub/local.py", "local.py", "data/keep.csv", "data/big"), ""),
        },
    )
    expected = [".flyteignore", ".gitignore", "a.py", "data/keep.csv", "local.py"]
    assert all_of(project) == [*expected, "sub/.gitignore", "sub/rescued.tmp", "sub/top/y.py", "wanted.tmp"]


def test_ignore_files_of_the_repository_above_hold_and_those_beyond_it_do_not(project: Path) -> None:
    write(project.parent, {".gitignore": "*\n"})
    (project / ".git").mkdir()
    write(project, {".gitignore": "flows/generated.py\n", "flows/generated.py": "", "flows/main.py": ""})
    assert [file.path for file in make_bundle(layout_of([], project / "flows"), [], "all").files] == [
        "main.py"
    ]


def test_the_standard_list_leaves_out_what_tools_make_but_no_package(project: Path) -> None:
    tools = ("venv/x.py", "dist/x.py", "x.egg-info/PKG", ".env", "run.log", ".idea/x", ".mypy_cache/x")
    write(project, dict.fromkeys((*tools, "build/__init__.py", "build/x.py", "main.py"), ""))
    assert all_of(project) == ["build/__init__.py", "build/x.py", "main.py"]


def test_links_below_the_root_are_followed_and_circles_end(project: Path) -> None:
    write(project, {"real/a.py": "", "main.py": ""})
    (project / "alias").symlink_to("real")
    (project / "copy.py").symlink_to("real/a.py")
    (project / "real" / "circle").symlink_to(project)
    (project / "nowhere").symlink_to("gone")
    assert all_of(project) == ["alias/a.py", "copy.py", "main.py", "real/a.py"]


@pytest.mark.parametrize("target", ["outside", "outside/x.py"])
def test_a_link_out_of_the_root_is_refused_by_name(project: Path, target: str) -> None:
    write(project.parent, {"outside/x.py": ""})
    write(project, {"main.py": ""})
    (project / "link.py").symlink_to(project.parent / target)
    with pytest.raises(errors.CodeBundleError, match=r"link\.py is a link to .*outside"):
        all_of(project)
    write(project, {".flyteignore": "link.py"})
    assert all_of(project) == [".flyteignore", "main.py"]


def test_names_of_all_languages_travel_and_bytes_that_are_no_name_are_refused(project: Path) -> None:
    write(project, {"größe.py": "", "数据/表.csv": "", "a b.txt": ""})
    assert all_of(project) == ["a b.txt", "größe.py", "数据/表.csv"]
    (project / "bad\udcff.txt").touch()
    with pytest.raises(errors.CodeBundleError, match="is not UTF-8"):
        all_of(project)


def test_without_a_copy_there_is_no_bundle_and_a_version_is_needed(project: Path) -> None:
    write(project, {"main.py": FLOW.format(body="", include=())})
    env = load_file(Path("main.py")).environment("env")
    with pytest.raises(errors.DeploymentError, match="copy_style='none' needs a version"):
        flyte.deploy(env, copy_style="none", dryrun=True)
    plan = make_plan([env], project="p", domain="d", copy_style="none", version="v1")
    assert plan.bundle is None
    assert [template.bundle for template in plan.templates] == [None]
    assert "the code is expected in the image" in plan.describe()


def test_a_custom_copy_is_what_the_environments_include(project: Path) -> None:
    write(project, {"part.py": ""})
    assert packed(project, "import part", include=("part.py",), copy_style="custom") == ["part.py"]


def test_a_custom_copy_needs_a_list(project: Path) -> None:
    with pytest.raises(ValueError, match="copy_style='custom' requires a list"):
        packed(project, copy_style="custom")


def test_only_the_root_is_imported_from_when_paths_are_not_synced(project: Path) -> None:
    write(project, {"flows/main.py": FLOW.format(body="", include=())})
    env = load_file(Path("flows/main.py")).environment("env")
    synced = make_plan([env], project="p", domain="d")
    alone = make_plan([env], project="p", domain="d", sync_sys_paths=False)
    assert synced.templates[0].source.import_paths == ("flows", "")
    assert alone.templates[0].source.import_paths == ("",)
