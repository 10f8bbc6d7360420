"""A docker engine, and a user of it."""

from pathlib import Path

import pytest

from testkit.cli import Cli
from testkit.docker_engine import DockerEngine, docker_engine

__all__ = ["docker_engine"]


@pytest.fixture
def builder(tmp_path: Path, docker_engine: DockerEngine) -> Cli:
    """A user in an empty folder, who has the engine and the registry configured."""
    variables = {
        "HOME": str(tmp_path / "home"),
        "FLYTE_HOME": str(tmp_path / "home" / ".flyte"),
        "FLYTE_IMAGE_REGISTRY": docker_engine.registry,
        **docker_engine.variables,
    }
    (tmp_path / "user").mkdir()
    return Cli(tmp_path / "user", variables, limit_s=400.0)
