"""A task with secrets in a container: the engine is told none of them, by no word and by no variable.

A program stands in for `docker`, which writes down what it is told.
"""

import json
import sys
from pathlib import Path

import pytest

from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_executor.backends.docker import DockerBackend
from flyte_executor.backends.port import Launch
from flyte_schemas.policies import SecretReference
from flyte_schemas.subjects import AttemptKey, RunKey
from testkit.tasks import template

ATTEMPT = AttemptKey(RunKey("p", "d", "run1").action("a0"), 1)
VALUE = "hunter2/hunter2"
WANTED = (
    SecretReference(key="token", as_env_var="TOKEN"),
    SecretReference(key="pem", group="team", mount="/etc/flyte/secrets"),
)
DOCKER = """\
#!{python}
import json, os, pathlib, sys
given = [os.environ.get(sys.argv[at + 1]) for at, word in enumerate(sys.argv) if word == "--env"]
pathlib.Path({told!r}).write_text(json.dumps({{"words": sys.argv[1:], "given": given}}))
"""


async def test_an_engine_is_told_that_a_container_runs_and_none_of_its_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "told.json"
    docker = tmp_path / "docker"
    docker.write_text(DOCKER.format(python=sys.executable, told=str(told)))
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("FLYTE_NATS_URL", "nats://127.0.0.1:4222")
    for name in ("FLYTE_SECRET_TOKEN", "FLYTE_SECRET_TEAM_PEM", "TOKEN"):
        monkeypatch.setenv(name, VALUE)  # an executor whose secrets are its variables
    backend = DockerBackend(MemoryBus(MemoryServer()).log, site="s", image="i:1", grace_s=1.0)
    await backend.launch(Launch(attempt=ATTEMPT, fence=7, template=template(secrets=WANTED)))
    found = json.loads(told.read_text())
    assert found["words"][0] == "run"
    assert "nats://127.0.0.1:4222" in found["given"]
    assert VALUE not in "\n".join([*found["words"], *filter(None, found["given"])])
    assert not {"FLYTE_SECRET_TOKEN", "TOKEN"} & set(found["words"])
