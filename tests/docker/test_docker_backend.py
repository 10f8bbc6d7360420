"""Attempts as containers of real images: built, pushed, run, lost, found again, and gone afterwards."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.cli import Cli
from testkit.docker_engine import BASE, DockerEngine
from testkit.stacks import docker_stack

pytestmark = pytest.mark.timeout(900)
LIMIT_S = 60.0

FLOW = f"""\
import asyncio
import os
import time
from pathlib import Path

import flyte

image = flyte.Image.from_registry("{BASE}").with_apt_packages("tree").with_pip_packages("humanize")
env = flyte.TaskEnvironment(
    name="custom",
    image=image,
    resources=flyte.Resources(cpu="500m", memory="200Mi"),
    env_vars={{"WORD": "said"}},
)
plain = flyte.TaskEnvironment(name="plain")

@env.task
async def child(n: int) -> str:
    import humanize
    return f"{{humanize.intcomma(n)}} {{os.environ['WORD']}} {{Path('/usr/bin/tree').exists()}}"

@env.task
async def main(n: int = 1000) -> list[str]:
    return await asyncio.gather(*(child(n + i) for i in range(2)))

@env.task
def hungry() -> int:
    return len(bytearray(10**9))

@env.task
def sleeping(s: float = 600.0) -> str:
    print("asleep", flush=True)
    time.sleep(s)
    return "woke"

@plain.task
def without_image() -> int:
    return 1
"""


@pytest.fixture
def user(builder: Cli, tmp_path: Path) -> Iterator[Cli]:
    """A user of a stack of the docker backend."""
    builder.write("flow.py", FLOW)
    with docker_stack(builder):
        yield builder


def containers(engine: DockerEngine, run: str) -> list[str]:
    return engine.docker("ps", "--all", "--quiet", "--filter", f"name=flyte-{run}-").split()


def started(user: Cli, engine: DockerEngine) -> tuple[str, str]:
    """A run that sleeps, and its container."""
    done = user("run", "--detach", "flow.py", "sleeping")
    (run,) = re.findall(r"^run (\w+)", done.stderr + done.stdout, re.M)
    deadline = time.monotonic() + LIMIT_S
    while "asleep" not in user.ok("logs", run):
        assert time.monotonic() < deadline, user("explain", run).stdout
        time.sleep(0.2)
    (container,) = containers(engine, run)
    return run, container


def until_gone(engine: DockerEngine, run: str) -> None:
    deadline = time.monotonic() + LIMIT_S
    while containers(engine, run):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_task_runs_in_its_image_and_changed_code_builds_nothing(
    user: Cli, docker_engine: DockerEngine
) -> None:
    first = user("run", "flow.py", "main")
    assert first.returncode == 0, first.stderr
    assert '["1,000 said True", "1,001 said True"]' in first.stdout
    assert "built and pushed" in first.stderr
    user.write("flow.py", FLOW.replace("n: int = 1000", "n: int = 2000"))
    again = user("run", "flow.py", "main")
    assert '["2,000 said True", "2,001 said True"]' in again.stdout
    assert "is there already" in again.stderr and "building" not in again.stderr

    done = user("run", "flow.py", "hungry")
    assert done.returncode == 1 and "OOMKilled" in done.stderr + done.stdout
    done = user("run", "flow.py", "without_image")
    assert "task plain.without_image names no image: say image=" in done.stderr + done.stdout


def test_what_is_aborted_or_killed_or_outlives_its_executor(user: Cli, docker_engine: DockerEngine) -> None:
    run, _ = started(user, docker_engine)
    user.ok("abort", "run", run)
    until_gone(docker_engine, run)

    run, container = started(user, docker_engine)
    docker_engine.docker("kill", container)
    deadline = time.monotonic() + LIMIT_S
    while containers(docker_engine, run) in ([], [container]):
        assert time.monotonic() < deadline, user("explain", run).stdout
        time.sleep(0.2)
    user.ok("abort", "run", run)
    until_gone(docker_engine, run)

    run, _ = started(user, docker_engine)
    user.ok("stop")  # an embedded stack takes its attempts with it
    assert containers(docker_engine, run) == []
    user.ok("start", "--backend", "docker", "--detach")
    user.ok("abort", "run", run)


def test_an_image_that_is_not_the_declared_one_is_told(user: Cli, docker_engine: DockerEngine) -> None:
    user.ok("deploy", "flow.py", "env")
    uri = user.ok("build", "flow.py", "env").split()[-1]
    other = FLOW.replace('"humanize"', '"pluggy"')
    user.write("other.py", other)
    wrong = user.ok("build", "other.py", "env").split()[-1]
    docker_engine.docker("tag", wrong, uri)
    docker_engine.docker("push", uri)
    done = user("run", "flow.py", "child", "--n", "1")
    assert done.returncode == 1
    told = done.stderr + done.stdout
    assert "ImageMismatch" in told
    assert "it was built without pip humanize; it was built with undeclared pip pluggy" in told
