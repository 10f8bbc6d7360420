"""`flyte deploy` as it is typed, as far as no stack is needed."""

import json
import sys
from pathlib import Path

import pytest

from flyte._cli.main import main

FLOW = """
import flyte
env = flyte.TaskEnvironment(name="{name}")
spare = [flyte.TaskEnvironment(name="{name}-spare")]

@env.task
def main(x: int = 1) -> int:
    return x

@spare[0].task
def more() -> None: ...
"""


@pytest.fixture
def tree(project: Path) -> Path:
    """Two files with environments, one that imports the other, one that does not load, and some that no
    one loads."""
    (project / "flows").mkdir()
    (project / "one.py").write_text(FLOW.format(name="one"))
    (project / "flows" / "two.py").write_text(f"import one\n{FLOW.format(name='two')}")
    (project / "flows" / "broken.py").write_text("import nothing_of_this_name\n")
    (project / "setup.py").write_text("raise SystemExit('not me')\n")
    (project / "ignored.py").write_text("raise SystemExit('nor me')\n")
    (project / ".flyteignore").write_text("ignored.py\n")
    return project


def typed(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """The exit code, standard output and standard error of `flyte deploy --dryrun WORDS`."""
    sys.argv = ["flyte", "deploy", "--dryrun", *words]
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main()
    shown = capsys.readouterr()
    return int(ended.value.code or 0), shown.out, shown.err


@pytest.fixture(autouse=True)
def same_argv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", list(sys.argv))


def tasks(printed: str) -> list[str]:
    return [task["name"] for task in json.loads(printed)["tasks"]]


def test_all_deploys_every_environment_of_the_file(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = typed(capsys, "one.py", "--all", "-o", "json")
    assert code == 0
    assert tasks(out) == ["one.main", "one-spare.more"]


def test_several_environments_are_named_by_their_variables(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tree / "three.py").write_text(f"from one import env as first\n{FLOW.format(name='three')}")
    code, out, _ = typed(capsys, "-o", "json", "three.py", "env", "first")
    assert code == 0
    assert tasks(out) == ["three.main", "one.main"]


def test_a_file_alone_says_what_can_be_named(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = typed(capsys, "one.py")
    assert code == 2
    assert "(env), or say --all" in err


def test_a_folder_shows_the_files_that_do_not_load(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = typed(capsys, "--recursive", ".")
    assert code == 1
    assert out == ""
    assert "Modules\nPATH" in err
    assert "flows/broken.py  ModuleNotFoundError: No module named 'nothing_of_this_name'" in err
    assert "1 file(s) of . did not load" in err


def test_a_folder_is_deployed_without_them_when_told_so(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = typed(capsys, "-r", ".", "-i", "-o", "json")
    assert code == 0
    assert sorted(tasks(out)) == ["one-spare.more", "one.main", "two-spare.more", "two.main"]
    assert "broken.py" in err
    assert [file["path"] for file in json.loads(out)["files"]] == ["flows/two.py", "one.py"]


def test_files_of_a_folder_share_siblings_and_each_folder_has_its_own(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FLYTE_REHEARSAL")
    for folder in ("east", "west"):
        (project / folder).mkdir()
        (project / folder / "shared.py").write_text(
            f"import flyte\nPLACE = '{folder}'\nenv = flyte.TaskEnvironment(name=f'{{PLACE}}')\n"
        )
        (project / folder / "flow.py").write_text(
            f"from shared import *\nassert PLACE == '{folder}'\n@env.task\ndef main() -> None: ...\n"
        )
    code, out, err = typed(capsys, "-r", ".", "-o", "json")
    assert (code, err) == (0, "")
    assert tasks(out) == ["east.main", "west.main"]
    paths = [task["source"]["import_paths"][0] for task in json.loads(out)["tasks"]]
    assert paths == ["east", "west"]
    assert "shared" not in sys.modules


def test_a_folder_without_environments_is_told(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tree / "empty").mkdir()
    assert "no file in empty declares an environment" in typed(capsys, "-r", "empty")[2]
    assert "say --recursive" in typed(capsys, "empty")[2]


@pytest.mark.parametrize(
    ("words", "image"),
    [(("--image", "ghcr.io/me/it:1"), "ghcr.io/me/it:1"), (("--image", "other=ghcr.io/me/it:1"), "auto")],
)
def test_an_image_is_recorded(
    tree: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], image: str
) -> None:
    _, out, _ = typed(capsys, *words, "-o", "json", "one.py", "env")
    assert json.loads(out)["tasks"][0]["image"] == image


def test_an_image_is_found_by_the_name_that_an_environment_uses(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = FLOW.format(name="named").replace('"named"', '"named", image=flyte.Image.from_ref_name("gpu")')
    (tree / "named.py").write_text(text)
    _, out, _ = typed(capsys, "named.py", "env", "--image", "gpu=ghcr.io/me/gpu:1", "--image", "other:2")
    assert "environment named  (image ghcr.io/me/gpu:1)" in out


def test_an_image_that_is_none_is_refused(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "neither NAME=URI nor URI" in typed(capsys, "--image", "name=", "one.py", "env")[2]


def test_what_a_dry_run_misses_is_told(
    tree: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FLYTE_REHEARSAL")
    (tree / ".flyteignore").write_text("one.py\n")
    code, _, err = typed(capsys, "--copy-style", "all", "--root-dir", ".", "flows/two.py", "env")
    assert code == 1
    assert "the bundle lacks module 'one' (one.py), which flows/two.py (line 1) imports" in err


def test_a_copy_style_of_none_needs_a_version(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "needs a version" in typed(capsys, "--copy-style", "none", "one.py", "env")[2]
    code, out, _ = typed(capsys, "--copy-style", "none", "--version", "v1", "one.py", "env")
    assert code == 0
    assert "the code is expected in the image" in out
