"""The Dockerfile of each thing that an image can be told, as text: it changes on purpose or not at all."""

from collections.abc import Callable
from pathlib import Path

import pytest

import flyte
from flyte import errors
from flyte._images.dockerfile import dockerfile_of
from flyte_schemas.image import FileReference
from testkit.golden import is_golden

FOLDER = Path(__file__).parent / "dockerfiles"
HEADER = '# /// script\n# requires-python = ">=3.11"\n# dependencies = ["b>=2", "a"]\n# ///\n'


def debian(**options: str) -> flyte.Image:
    return flyte.Image.from_debian_base((3, 12), install_flyte=False, **options)  # type: ignore[arg-type]


def built_from(name: str) -> flyte.Image:
    return flyte.Image.from_base(name).clone(extendable=True, name="mine")


FEATURES: dict[str, Callable[[], flyte.Image]] = {
    "debian": debian,
    "debian-flyte-version": lambda: flyte.Image.from_debian_base((3, 12), flyte_version="0.1.0"),
    "clone-of-base": lambda: built_from("image:1"),
    "apt": lambda: debian().with_apt_packages("git", "curl", "git"),
    "pip": lambda: debian().with_pip_packages("b>=2", "a[x]"),
    "pip-options": lambda: debian().with_pip_packages(
        "a",
        index_url="https://one/simple",
        extra_index_urls=["https://two/simple"],
        pre=True,
        extra_args="--no-deps",
    ),
    "pip-secret": lambda: debian().with_pip_packages(
        "a", secret_mounts=[flyte.Secret("token", group="team")]
    ),
    "requirements": lambda: debian().with_requirements("requirements.txt"),
    "commands": lambda: debian().with_commands(["make all", "cat <<END\nlines\nEND"]),
    "env": lambda: debian().with_env_vars({"B": 'with "quotes" and $signs', "A": "1"}),
    "workdir": lambda: debian().with_workdir("/work").with_workdir("below"),
    "source-file": lambda: debian().with_source_file("tool.py").with_source_file("data.csv", "/data/new.csv"),
    "source-folder": lambda: (
        debian().with_source_folder("src").with_source_folder("src", "/opt/code", copy_contents_only=True)
    ),
    "code-bundle": lambda: debian().with_code_bundle(),
    "uv-script": lambda: flyte.Image.from_uv_script(
        "script.py", name="script", python_version=(3, 12), pre=True
    ).clone(python_version=(3, 12)),
    "uv-project": lambda: debian().with_uv_project("pyproject.toml", extra_args="--extra gpu"),
    "uv-project-without-lock": lambda: debian().with_uv_project("other/pyproject.toml", pre=True),
    "uv-project-installed": lambda: debian().with_uv_project(
        "pyproject.toml", project_install_mode="install_project"
    ),
    "poetry-project": lambda: debian().with_poetry_project("pyproject.toml"),
    "poetry-project-installed": lambda: debian().with_poetry_project(
        "other/pyproject.toml", project_install_mode="install_project"
    ),
}


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the images read."""
    for name in ("pyproject.toml", "uv.lock", "poetry.lock", "requirements.txt", "tool.py", "data.csv"):
        (tmp_path / name).write_text(f"{name}\n")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "mine.py").write_text("x = 1\n")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "script.py").write_text(f"{HEADER}import a\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("flyte._images.sdk_wheel.identity", lambda: "0.1.0")
    return tmp_path


@pytest.mark.parametrize("feature", FEATURES)
def test_a_feature_is_written_as_it_always_was(feature: str, source: Path) -> None:
    dockerfile = dockerfile_of(FEATURES[feature]().spec())
    assert is_golden(FOLDER / f"{feature}.Dockerfile", dockerfile.text)
    counted = [line for line in dockerfile.text.splitlines() if line.split(" ")[0] in ("FROM", "RUN", "COPY")]
    workdirs = dockerfile.text.count("\nWORKDIR ")
    assert len(dockerfile.labels) == len(counted) + workdirs
    assert str(source) not in dockerfile.text


def test_code_that_is_baked_in_is_copied() -> None:
    code = FileReference(path="code", sha256="0" * 64)
    text = dockerfile_of(debian().with_code_bundle(dst="/code").spec(code)).text
    assert 'COPY ["layers/0/code/", "/code/"]' in text
    assert "PYTHONPATH" in text.splitlines()[-2] and "/app:/code" in text.splitlines()[-2]


def test_what_is_not_built_is_refused_in_a_sentence(source: Path) -> None:
    with pytest.raises(errors.ImageBuildError, match="pixi's environments are not built"):
        dockerfile_of(debian().with_pixi_project("pixi.toml").spec())


def test_no_file_is_left_of_a_feature_that_is_gone() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(FEATURES)
