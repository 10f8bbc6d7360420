"""The images of deploy/Dockerfile: built on a base of this machine, and run as nobody special."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from testkit.docker_engine import BASE, DockerEngine

ROOT = Path(__file__).parents[2]
SERVICES = ("registry", "dataproxy", "executor", "scheduler", "notifier", "guard", "console")

pytestmark = pytest.mark.timeout(600)


def pip_conf(folder: Path) -> Path:
    """Where this machine's pip finds packages, as a file for the build."""
    told = {
        name.removeprefix("PIP_").lower(): value for name, value in os.environ.items() if name[:4] == "PIP_"
    }
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        told.setdefault(name.rpartition(".")[2].replace("-", "_"), value.strip("'"))
    names = ("index_url", "extra_index_url", "trusted_host")
    there = {name: [word for word in told.get(name, "").split() if "file:" not in word] for name in names}
    wanted = {name: " ".join(words) for name, words in there.items() if words}
    lines = [f"{name.replace('_', '-')} = {value}" for name, value in wanted.items()]
    path = folder / "pip.conf"
    path.write_text("\n".join(["[global]", *lines, ""]))
    return path


def test_every_target_is_built_and_runs_as_no_root(docker_engine: DockerEngine, tmp_path: Path) -> None:
    secret = f"id=pip,src={pip_conf(tmp_path)}"
    words = ("build", "-q", "-f", str(ROOT / "deploy/Dockerfile"), "--network", "host", "--secret", secret)

    def build(target: str) -> None:
        tag = ("--build-arg", f"BASE={BASE}", "--target", target, "-t", f"built/{target}")
        docker_engine.docker(*words, *tag, str(ROOT), timeout_s=400.0)

    build("task")  # what all have in common
    with ThreadPoolExecutor() as pool:
        list(pool.map(build, SERVICES))
    for target in (*SERVICES, "task"):
        (image,) = json.loads(docker_engine.docker("inspect", f"built/{target}"))
        assert image["Config"]["User"] == "1000:1000"
        assert bool(image["Config"].get("Healthcheck")) == (target != "task")
        ids = docker_engine.docker(
            "run", "--rm", "--network", "none", "--entrypoint", "id", f"built/{target}"
        )
        assert ids.startswith("uid=1000")
    for service in SERVICES:
        assert _says_what_it_lacks(docker_engine, service)
    assert "run one attempt" in docker_engine.docker("run", "--rm", "--network", "none", "built/task")
    task = ("run", "--rm", "--network", "none", "built/task", "python", "-c")
    assert docker_engine.docker(*task, "import flyte; print(flyte.Image.__name__)") == "Image\n"


def _says_what_it_lacks(engine: DockerEngine, service: str) -> bool:
    """Whether it begins as far as it can without being told where its bus is."""
    script = f"flyte-{service} 2>&1 | grep FLYTE_NATS_URL; python -m flyte_bus.health || true"
    said = engine.docker(
        "run", "--rm", "--network", "none", "--entrypoint", "sh", f"built/{service}", "-c", script
    )
    return "FLYTE_NATS_URL" in said and "nobody answers at 127.0.0.1:8081" in said
