"""One embedded stack for the tests that share it, and a cluster of processes for those that kill."""

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from testkit.cli import Cli
from testkit.cluster import SERVICES, Cluster
from testkit.stacks import cli, lonely_cli, stack_home

__all__ = ["cli", "cluster", "cluster_cli", "lonely_cli", "stack_home"]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """The services as processes."""
    with Cluster(tmp_path / "cluster") as running:
        yield running


@pytest.fixture
def cluster_cli(tmp_path: Path, cluster: Cluster) -> Iterator[Cli]:
    """A user of the cluster, in an empty folder."""
    folder = tmp_path / "user"
    folder.mkdir()
    cli = Cli(folder, cluster.variables)
    try:
        yield cli
    finally:
        print(cli.end())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the services of a cluster said with the test that failed on it."""
    report = yield
    cluster = getattr(item, "funcargs", {}).get("cluster")
    if report.failed and cluster is not None:
        report.sections += [(f"log of {name}", cluster.log(name)) for name in SERVICES]
    return report
