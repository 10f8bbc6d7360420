"""One embedded stack for the tests that share it, and a cluster of processes for those that kill."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.cli import Cli
from testkit.cluster import Cluster


@pytest.fixture(scope="session")
def stack_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of an embedded stack that runs, started and stopped by the CLI."""
    folder = tmp_path_factory.mktemp("stack")
    home = folder / "home"
    cli = Cli(folder, {"FLYTE_HOME": str(home)})
    cli.ok("start", "--detach")
    try:
        yield home
    finally:
        cli.ok("stop")
        assert not (home / "stack.json").exists()
        assert not list((home / "agents").glob("*.json"))


@pytest.fixture
def cli(tmp_path: Path, stack_home: Path) -> Cli:
    """A user in an empty folder, with a stack running on the machine."""
    folder = tmp_path / "user"
    folder.mkdir()
    return Cli(folder, {"FLYTE_HOME": str(stack_home)})


@pytest.fixture
def lonely_cli(tmp_path: Path) -> Cli:
    """A user in an empty folder, with no stack running."""
    folder = tmp_path / "user"
    folder.mkdir()
    return Cli(folder, {"FLYTE_HOME": str(tmp_path / "nothing-here")})


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """The services as processes."""
    with Cluster(tmp_path / "cluster") as running:
        yield running


@pytest.fixture
def cluster_cli(tmp_path: Path, cluster: Cluster) -> Cli:
    """A user of the cluster, in an empty folder."""
    folder = tmp_path / "user"
    folder.mkdir()
    return Cli(folder, cluster.variables)
