"""One embedded stack for the tests that share it, and a cluster of processes for those that kill."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.cli import Cli
from testkit.cluster import Cluster
from testkit.stacks import cli, lonely_cli, stack_home

__all__ = ["cli", "cluster", "cluster_cli", "lonely_cli", "stack_home"]


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
