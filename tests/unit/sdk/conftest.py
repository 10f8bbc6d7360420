"""Each test of the SDK begins with no environments declared, no client, and leaves the process as it was."""

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from flyte import _environment, _reach, _session
from flyte._loading import load_file
from flyte._plan import Plan, make_plan
from testkit.plane import Plane

TASKS_FILE = """
import flyte
env = flyte.TaskEnvironment(name="env")

@env.task
def one(x: int) -> int:
    return x

@env.task
def two() -> tuple[int, str]:
    return 1, "a"
"""


_VARIABLES = ("FLYTE_ADMIN_ENDPOINT", "FLYTE_TASK_PROJECT", "FLYTE_TASK_DOMAIN", "FLYTE_NATS_USER")


@pytest.fixture(autouse=True)
def clean_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No configuration of the machine's user is seen; modules and paths that a test adds are dropped."""
    for variable in (*_VARIABLES, "UCTL_CONFIG", "FLYTECTL_CONFIG"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FLYTE_HOME", str(tmp_path / "home" / ".flyte"))
    monkeypatch.setenv("FLYTE_REHEARSAL", "off")
    declared, config = list(_environment._declared), _session._config
    storage = _reach.storage()
    modules, paths = set(sys.modules), list(sys.path)
    _environment._declared.clear()
    _session._config = None
    _reach.use_storage(None)
    yield
    _environment._declared[:] = declared
    _session._config = config
    _reach.use_storage(storage)
    sys.path[:] = paths
    for name in set(sys.modules) - modules:
        file = getattr(sys.modules[name], "__file__", None)
        if file and Path(file).is_relative_to(tmp_path):
            del sys.modules[name]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty source tree that is the current folder."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
async def plane() -> AsyncIterator[Plane]:
    plane = Plane()
    await plane.mine.provision()
    await plane.serve_uploads()
    yield plane
    await plane.mine.close()
    await plane.theirs.close()


@pytest.fixture
def plan(project: Path) -> Plan:
    (project / "flow.py").write_text(TASKS_FILE)
    return make_plan([load_file(Path("flow.py")).environment("env")], project="p", domain="d")
