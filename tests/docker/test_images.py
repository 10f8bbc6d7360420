"""Images built by a real engine and pushed to a real registry, as a user types it."""

import json
from pathlib import Path

import pytest

from testkit.cli import Cli
from testkit.docker_engine import BASE, DockerEngine

pytestmark = pytest.mark.timeout(600)

FLOW = f"""\
import flyte

env = flyte.TaskEnvironment(
    name="custom",
    image=flyte.Image.from_registry("{BASE}").with_apt_packages("tree").with_pip_packages("humanize")
    .with_env_vars({{"OF": "this test"}}),  # so that no other test has built it
)

@env.task
def main(n: int = 12345) -> str:
    import humanize
    return humanize.intcomma(n)
"""

FAILING = f"""\
import flyte

image = flyte.Image.from_registry("{BASE}")
env = flyte.TaskEnvironment(
    name="failing", image=image.with_commands(["echo fine", "echo the very reason; exit 7", "echo never"])
)

@env.task
def main() -> None: ...
"""

PROJECT = """\
[project]
name = "mine"
version = "1.0"
requires-python = ">=3.11"
dependencies = ["iniconfig"]
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[tool.setuptools]
py-modules = ["mine"]
"""

MANY = f"""\
import flyte

image = (
    flyte.Image.from_debian_base((3, 11), name="many")
    .with_env_vars({{"WORD": "a 'word' of $5"}})
    .with_workdir("/srv/task")
    .with_requirements("requirements.txt", secret_mounts=[flyte.Secret("token")])
    .with_commands(["printf '%s' \\"$TOKEN\\" | wc -c > /length"], secret_mounts=[flyte.Secret("token")])
    .with_dockerignore(".dockerignore")
    .with_source_folder("source", copy_contents_only=True)
    .with_source_file("data.txt", "/data/here.txt")
    .with_uv_project("project/pyproject.toml", project_install_mode="install_project")
)
env = flyte.TaskEnvironment(name="many", image=image)
script = flyte.TaskEnvironment(
    name="script", image=flyte.Image.from_uv_script("script.py", name="script", python_version=(3, 11))
)
poetry = flyte.TaskEnvironment(
    name="poetry",
    image=flyte.Image.from_registry("{BASE}").with_poetry_project(
        "poetry/pyproject.toml", project_install_mode="install_project"
    ),
)
own = flyte.TaskEnvironment(name="own", image=flyte.Image.from_dockerfile("Dockerfile", "REGISTRY", "own"))
baked = flyte.TaskEnvironment(
    name="baked", image=flyte.Image.from_registry("{BASE}").clone(name="baked").with_code_bundle()
)

@env.task
def one() -> None: ...

@script.task
def two() -> None: ...

@poetry.task
def three() -> None: ...

@own.task
def four() -> None: ...

@baked.task
def five() -> None: ...
"""

CHECK = """\
import iniconfig, mine, os, pluggy, flyte_agent
from pathlib import Path
assert (os.environ["WORD"], os.getcwd()) == ("a 'word' of $5", "/srv/task"), (os.environ["WORD"], os.getcwd())
import tool
assert tool.__file__ == "/srv/task/tool.py" and not Path("/srv/task/secret.txt").exists()
assert Path("/data/here.txt").read_text() == "data" and Path("/length").read_text().strip() == "6"
print("all there")
"""


def images(printed: str) -> dict[str, str]:
    """The addresses by environment, as `flyte build -o json` says them."""
    return {one["environment"]: one["image"] for one in json.loads(printed)}


def test_an_image_is_built_and_pushed_once_whatever_the_code(
    builder: Cli, docker_engine: DockerEngine
) -> None:
    builder.write("flow.py", FLOW)
    first = builder("build", "flow.py", "env", "-o", "json")
    assert first.returncode == 0, first.stderr
    uri = images(first.stdout)["custom"]
    assert uri.startswith(f"{docker_engine.registry}/flyte:")
    assert (
        "building image" in first.stderr and "apt tree" in first.stderr and "built and pushed" in first.stderr
    )
    docker_engine.docker("image", "rm", uri)  # so that it comes from the registry
    said = docker_engine.run(uri, "python3", "-c", "import humanize, flyte; print(humanize.intcomma(12345))")
    assert said == "12,345\n"
    assert "attempt" in docker_engine.run(uri, "flyte-agent", "--help")
    manifest = json.loads(docker_engine.run(uri, "cat", "/etc/flytejet/image.json"))
    assert manifest["packages"] == ["apt tree", "pip humanize"]
    assert manifest["python"].startswith("3.11.")

    builder.write("flow.py", FLOW.replace("12345", "54321"))
    again = builder("build", "flow.py", "env", "-o", "json")
    assert images(again.stdout)["custom"] == uri
    assert again.stderr.strip() == f"image {uri} is there already"


def test_a_failing_step_shows_its_own_last_lines_first(builder: Cli) -> None:
    builder.write("flow.py", FAILING)
    done = builder("build", "flow.py", "env")
    assert done.returncode == 1
    told = done.stderr.partition("error: ")[2].splitlines()
    assert told[0].strip() == "| the very reason"
    assert "was not built: step [5/7] run echo the very reason; exit 7 ended with exit code 7" in told[1]


def test_a_base_that_nobody_has_is_told(builder: Cli, docker_engine: DockerEngine) -> None:
    builder.write("flow.py", FLOW.replace(BASE, f"{docker_engine.registry}/nobody/has:1"))
    done = builder("build", "flow.py", "env")
    assert done.returncode == 1
    assert "nobody/has:1" in done.stderr.splitlines()[-1]


def test_a_registry_that_is_away_is_told_before_anything_is_built(builder: Cli) -> None:
    builder.write("flow.py", FLOW.replace('with_pip_packages("humanize")', 'clone(registry="127.0.0.1:1")'))
    done = builder("build", "flow.py", "env")
    assert done.returncode == 1 and "building" not in done.stderr
    assert "does not say whether it has the image" in done.stderr


def test_every_step_does_what_it_says(builder: Cli, docker_engine: DockerEngine) -> None:
    write_many(builder, docker_engine.registry)
    user = Cli(builder.folder, {**builder.variables, "TOKEN": "abcdef"}, limit_s=builder.limit_s)
    done = user("build", "flow.py", "--all", "--copy-style", "none", "-o", "json")
    assert done.returncode == 0, done.stderr
    uris = images(done.stdout)
    assert docker_engine.run(uris["many"], "python3", "-c", CHECK) == "all there\n"
    assert docker_engine.run(uris["script"], "python3", "-c", "import pluggy; print('yes')") == "yes\n"
    assert docker_engine.run(uris["poetry"], "python3", "-c", "import mine; print('yes')") == "yes\n"
    assert docker_engine.run(uris["own"], "cat", "/data.txt") == "data"
    assert (
        docker_engine.run(uris["baked"], "python3", "-c", "import flow; print(flow.five.name)")
        == "baked.five\n"
    )
    history = docker_engine.docker("history", "--no-trunc", uris["many"])
    assert "abcdef" not in history


def test_without_an_engine_it_says_so_in_a_sentence(builder: Cli, tmp_path: Path) -> None:
    builder.write("flow.py", FLOW)
    away = Cli(builder.folder, {**builder.variables, "DOCKER_HOST": f"unix://{tmp_path}/none.sock"})
    done = away("build", "flow.py", "env")
    assert done.returncode == 1
    assert "docker's engine does not answer" in done.stderr and len(done.stderr.splitlines()) == 1


def write_many(builder: Cli, registry: str) -> None:
    builder.write("flow.py", MANY.replace("REGISTRY", registry))
    builder.write("requirements.txt", "pluggy\n")
    builder.write(".dockerignore", "secret.txt\n")
    builder.write("source/tool.py", "x = 1\n")
    builder.write("source/secret.txt", "no\n")
    builder.write("data.txt", "data")
    builder.write("project/pyproject.toml", PROJECT)
    builder.write("project/mine.py", "x = 1\n")
    builder.write("poetry/pyproject.toml", PROJECT.replace('"iniconfig"', ""))
    builder.write("poetry/mine.py", "x = 1\n")
    builder.write("script.py", '# /// script\n# dependencies = ["pluggy"]\n# ///\n')
    builder.write("Dockerfile", f"FROM {BASE}\nCOPY data.txt /\n")
