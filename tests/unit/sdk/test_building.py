"""Building images, as far as no docker is needed: what is said, what is passed on, what is in the context."""

import asyncio
import json
import os
import stat
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

import flyte
from flyte import _session, errors
from flyte._config import ClientConfig
from flyte._image_dockerfile import copied_patterns
from flyte._images import engine
from flyte._images.building import build_all, wanted_of
from flyte._images.context import write_context
from flyte._images.engine import failed, find_docker
from flyte._images.environment import variables_for_build, write_secrets
from flyte._images.places import SDK_FOLDER
from flyte._images.progress import Progress
from flyte._images.sdk_wheel import sdk_wheel
from flyte._images.wanted import Wanted
from flyte._plan import make_plan

BASE = "image:1"


def wanted(image: flyte.Image) -> Wanted:
    found = wanted_of(image)
    assert found is not None
    return found


def progress_of(*lines: str, labels: tuple[str, ...] = ()) -> tuple[Progress, list[str]]:
    said: list[str] = []
    progress = Progress(labels, said.append)
    for line in lines:
        progress.feed(line)
    return progress, said


def test_each_step_is_called_what_it_was_declared_as_and_a_long_one_tells_its_time() -> None:
    _, said = progress_of(
        "#1 [internal] load build definition",
        "#4 [1/2] FROM docker.io/library/x",
        "#4 CACHED",
        "#5 [2/2] RUN --mount=type=cache something long",
        "#5 0.5 text",
        "#5 DONE 12.3s",
        labels=("base x", "pip a"),
    )
    assert said == ["  [1/2] base x", "  [2/2] pip a", "  [2/2] took 12.3 s"]


@pytest.mark.parametrize(
    "error",
    [
        '#5 ERROR: process "/bin/sh -c x" did not complete successfully: exit code: 7',
        "#5 ERROR: executor failed running [/bin/sh -c x]: exit code: 7",
    ],
)
def test_a_failing_step_has_its_own_lines_and_no_others(error: str) -> None:
    progress, _ = progress_of(
        "#4 [1/2] FROM x",
        "#4 0.1 not mine",
        "#5 [2/2] RUN x",
        *(f"#5 0.{number} line {number}" for number in range(30)),
        error,
        "#6 0.1 later",
        labels=("base x", "run x"),
    )
    sentence, lines = progress.failure()
    assert sentence == "step [2/2] run x ended with exit code 7"
    assert lines == [f"line {number}" for number in range(10, 30)]
    assert str(failed("it was not built", ["a", "b"])) == "  | a\n  | b\nit was not built"


def test_what_fails_before_any_step_is_told_as_docker_says_it() -> None:
    progress, _ = progress_of("#3 [internal] load metadata for x:1", "#3 ERROR: pull access denied")
    assert progress.failure() == ("[internal] load metadata for x:1: pull access denied", [])
    progress, _ = progress_of("unknown flag: --secret")
    assert progress.failure() == ("docker said", ["unknown flag: --secret"])


def fake_docker(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A docker of these words, alone on the PATH."""
    program = folder / "docker"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_what_is_missing_is_said_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(errors.ImageBuildError, match="there is no docker on this machine: install"):
        find_docker("x has to be built")
    fake_docker(tmp_path, monkeypatch, "echo 'no daemon here.' >&2; exit 1")
    with pytest.raises(errors.ImageBuildError, match=r"does not answer \(no daemon here\): start it"):
        find_docker("x has to be built")
    new = '[ "$1" = version ] && echo \'{"Client": {"Version": "28.1"}}\''
    fake_docker(tmp_path, monkeypatch, new)
    with pytest.raises(errors.ImageBuildError, match="has no buildx"):
        find_docker("x has to be built")
    fake_docker(tmp_path, monkeypatch, new.replace("28.1", "20.10.24"))
    assert not find_docker("x has to be built").has_buildx


def test_a_registry_that_says_nothing_is_no_reason_to_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_docker(tmp_path, monkeypatch, "echo 'no such manifest: x' >&2; exit 1")
    docker = engine.Docker(str(tmp_path / "docker"), False)
    assert not docker.has("x", is_pushed=True)
    fake_docker(tmp_path, monkeypatch, "echo 'connection refused' >&2; exit 1")
    with pytest.raises(errors.ImageBuildError, match="connection refused"):
        docker.has("x", is_pushed=True)
    with pytest.raises(errors.ImageBuildError, match="several platforms need"):
        docker.build(
            tmp_path,
            tmp_path,
            "x",
            platforms=("linux/amd64", "linux/arm64"),
            secrets={},
            progress=Progress((), print),
            is_pushed=True,
        )


def test_the_configured_registry_is_for_images_that_name_none() -> None:
    image = flyte.Image.from_registry(BASE).with_apt_packages("git")
    assert wanted(image).uri == image.uri and not wanted(image).is_pushed
    _session.configure(ClientConfig(image_registry="ghcr.io/us"))
    assert wanted(image).uri == f"ghcr.io/us/{image.uri}" and wanted(image).is_pushed
    assert wanted(image.clone(registry="other")).uri == f"other/{image.uri}"


def test_an_image_that_exists_is_not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert flyte.build(flyte.Image.from_registry(BASE)) == flyte.ImageBuild(BASE)
    image = flyte.Image.from_registry(BASE).with_apt_packages("git")
    assert flyte.build(image, dry_run=True).uri == image.uri
    assert asyncio.run(flyte.build.aio(image, dry_run=True)).uri == image.uri
    with pytest.raises(errors.ImageBuildError, match="no docker on this machine"):
        flyte.build(image)
    with pytest.raises(errors.ImageBuildError, match="a name without an address"):
        flyte.build(flyte.Image.from_ref_name("gpu"))
    with pytest.raises(TypeError, match="begin one with"):
        flyte.build("image:1")  # type: ignore[arg-type]
    _session.configure(ClientConfig(images={"gpu": "gpu:1"}, image_builder="remote"))
    assert flyte.build(flyte.Image.from_ref_name("gpu")).uri == "gpu:1"
    with pytest.raises(errors.ImageBuildError, match="'remote'"):
        build_all([wanted(image)], print)


def test_uv_is_told_pips_index_and_nothing_else_passes() -> None:
    told = variables_for_build({"PIP_INDEX_URL": "https://one", "HOME": "/root", "NO_PROXY": ""})
    assert told == {"PIP_INDEX_URL": "https://one", "UV_DEFAULT_INDEX": "https://one"}
    own = variables_for_build({"PIP_INDEX_URL": "https://one", "UV_INDEX_URL": "https://two"})
    assert own["UV_INDEX_URL"] == "https://two" and "UV_DEFAULT_INDEX" not in own
    more = variables_for_build(
        {"PIP_EXTRA_INDEX_URL": "https://a\n https://b", "PIP_TRUSTED_HOST": "a", "PIP_DEFAULT_TIMEOUT": "9"}
    )
    assert more["UV_INDEX"] == "https://a https://b"
    assert (more["UV_INSECURE_HOST"], more["UV_HTTP_TIMEOUT"]) == ("a", "9")


def test_a_secret_is_read_where_the_image_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = flyte.Secret("token", group="team")
    spec = flyte.Image.from_registry(BASE).with_pip_packages("a", secret_mounts=secret).spec()
    with pytest.raises(errors.ImageBuildError, match="set the variable TEAM_TOKEN"):
        write_secrets(tmp_path / "none", spec)
    monkeypatch.setenv("TEAM_TOKEN", "value")
    files = write_secrets(tmp_path / "secrets", spec)
    (path,) = (path for id, path in files.items() if id.startswith("flyte-secret"))
    assert path.read_text() == "value"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_context_has_what_is_read_and_what_is_ignored_counts_for_nothing(project: Path) -> None:
    (project / "source" / "deep").mkdir(parents=True)
    for name in ("a.py", "secret.txt", "deep/secret.txt"):
        (project / "source" / name).write_text(name)
    (project / ".dockerignore").write_text("# not these\nsecret.txt\n")
    image = flyte.Image.from_debian_base().with_source_folder("source").with_dockerignore(".dockerignore")
    folder = project / "context"
    folder.mkdir()
    write_context(folder, wanted(image))
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    copied = {name for name in found if name.startswith("layers/1/")}
    assert copied == {"layers/1/source/a.py", "layers/1/source/deep/secret.txt"}
    assert {"Dockerfile", "flyte/manifest/manifest.json", "flyte/manifest/manifest.py"} < found
    before = image.spec().layers[1]
    (project / "source" / "secret.txt").write_text("changed")
    assert image.spec().layers[1] == before
    (project / "source" / "a.py").write_text("changed")
    assert image.spec().layers[1] != before


def test_the_step_that_installs_the_sdk_is_the_same_for_all_images_on_a_base(project: Path) -> None:
    """Its text, and what it mounts: so docker does it once."""
    found = []
    for name in ("one", "two"):
        folder = project / name
        folder.mkdir()
        image = flyte.Image.from_debian_base().with_pip_packages(name).with_env_vars({"NAME": name})
        lines = write_context(folder, wanted(image)).text.splitlines()
        (step,) = (line for line in lines if ".whl" in line)
        assert f"--mount=type=bind,source={SDK_FOLDER}," in step
        files = {path.name: path.read_bytes() for path in (folder / SDK_FOLDER).iterdir()}
        found.append((lines[: lines.index(step) + 1][1:], files))
    assert found[0] == found[1] and len(found[0][1]) == 1


def test_the_sdk_is_a_wheel_that_is_the_same_each_time() -> None:
    name, data = sdk_wheel()
    assert (name, data) == sdk_wheel()
    with zipfile.ZipFile(BytesIO(data)) as wheel:
        names = set(wheel.namelist())
        (record,) = (each for each in names if each.endswith("RECORD"))
        assert len(wheel.read(record).splitlines()) == len(names)
    assert {"flyte/__init__.py", "flyte/py.typed", "flyte_agent/__main__.py"} < names
    assert not [each for each in names if "__pycache__" in each]


def test_the_manifest_has_the_python_that_is_there(project: Path) -> None:
    image = flyte.Image.from_registry(BASE).with_pip_packages("b", "a")
    write_context(project, wanted(image))
    program = project / "flyte" / "manifest" / "manifest.py"
    program.write_text(program.read_text().replace("'/etc/", f"'{project}/etc/"))
    subprocess.run([sys.executable, program], check=True)
    manifest = json.loads((project / "etc" / "flytejet" / "image.json").read_text())
    assert manifest["packages"] == ["pip a", "pip b"] and manifest["image"] == image.spec().tag
    assert manifest["python"].split(".")[:2] == [str(part) for part in sys.version_info[:2]]
    program.with_name("manifest.json").write_text(json.dumps({**manifest, "python": "2.7"}))
    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=False)
    assert "Python 2.7 was declared" in done.stderr and done.returncode == 1


def test_of_a_dockerfile_what_it_copies_counts(project: Path) -> None:
    text = 'FROM x AS y\nCOPY --chown=1 a.txt \\\n  b /to/\nADD ["c d", "/"]\nCOPY --from=y /e /e\nADD $F /\n'
    assert copied_patterns(text) == ("a.txt", "b", "c d", ".")
    (project / "Dockerfile").write_text("FROM x\nCOPY a.txt /\n")
    (project / "a.txt").write_text("one")
    image = flyte.Image.from_dockerfile(project / "Dockerfile", "r", "n")
    first = image.uri
    (project / "other.txt").write_text("x")
    assert image.uri == first
    (project / "a.txt").write_text("two")
    assert image.uri != first


def test_of_a_script_what_it_needs_counts(project: Path) -> None:
    script = project / "script.py"
    script.write_text('# /// script\n# dependencies = ["b", "a"]\n# ///\nprint(1)\n')
    image = flyte.Image.from_uv_script("script.py", name="script")
    first = image.uri
    assert image.spec().layers[-1].arguments == ("a", "b")
    script.write_text(script.read_text().replace("print(1)", "print(2)"))
    assert image.uri == first
    script.write_text("# /// script\n# dependencies = [\n# ///\n")
    with pytest.raises(ValueError, match="is no TOML"):
        image.spec()


def test_code_is_in_the_image_only_where_it_does_not_travel(project: Path) -> None:
    source = "import flyte\nenv = flyte.TaskEnvironment(name='env', image=IMAGE)\n@env.task\ndef one(): ...\n"
    made = "flyte.Image.from_registry('image:1').clone(name='n').with_code_bundle()"
    (project / "flow.py").write_text(source.replace("IMAGE", made))
    from flyte._loading import load_file

    env = load_file(Path("flow.py")).environment("env")

    def image_of(style: str) -> Wanted:
        (found,) = make_plan(
            [env], project="p", domain="d", version="1", copy_style=style, registry="r"
        ).images
        return found

    travelling, baked = image_of("loaded_modules"), image_of("none")
    assert travelling.uri != baked.uri and baked.uri.startswith("r/n:")
    (project / "flow.py").write_text((project / "flow.py").read_text() + "# changed\n")
    assert image_of("loaded_modules").uri == travelling.uri
    assert image_of("none").uri != baked.uri
    (project / "context").mkdir()
    write_context(project / "context", image_of("none"))
    assert (project / "context" / "layers" / "0" / "code" / "flow.py").is_file()
    cache = flyte.build_images(env, seed_cache=flyte._build.ImageCache({"env": "there:1"}))  # type: ignore[attr-defined]
    assert cache["env"] == "there:1" and list(cache) == ["env"] and len(cache) == 1
    assert os.environ  # nothing was built, so no docker was asked for
