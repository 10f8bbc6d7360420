"""One embedded stack for the tests of a folder, and users of it: fixtures that a conftest imports by name."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from testkit.cli import Cli
from testkit.seaweed import BUCKET, SeaweedServer

ON_S3 = os.environ.get("FLYTE_TEST_ARTIFACTS") == "s3"
"""Whether the stacks of this session keep their objects in S3: `FLYTE_TEST_ARTIFACTS=s3`."""


@contextmanager
def running_stack(folder: Path, s3: SeaweedServer | None = None) -> Iterator[Path]:
    """The home of an embedded stack that runs within the block, started and stopped by the CLI."""
    home = folder / "home"
    cli = Cli(folder, {"FLYTE_HOME": str(home), **(s3.variables if s3 else {})})
    place = ["--artifacts", f"s3://{BUCKET}/{folder.name}", "--endpoint-url", s3.url] if s3 else []
    cli.ok("start", "--detach", *place)
    try:
        yield home
    finally:
        cli.ok("stop")
        assert not (home / "stack.json").exists()
        assert not list((home / "agents").glob("*.json"))


@contextmanager
def docker_stack(user: Cli) -> Iterator[None]:
    """A stack of this user's on the docker backend runs within the block."""
    user.ok("start", "--backend", "docker", "--detach")
    try:
        yield
    finally:
        user.end()
        user.ok("stop")


@pytest.fixture(scope="session")
def stack_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of an embedded stack that all tests of this process share."""
    with ExitStack() as held:
        s3 = held.enter_context(SeaweedServer(tmp_path_factory.mktemp("seaweed"))) if ON_S3 else None
        if s3 is not None:
            s3.make_bucket()
        yield held.enter_context(running_stack(tmp_path_factory.mktemp("stack"), s3))


@pytest.fixture
def cli(tmp_path: Path, stack_home: Path) -> Cli:
    """A user in an empty folder, with a stack running on the machine."""
    folder = tmp_path / "user"
    folder.mkdir(exist_ok=True)
    return Cli(folder, {"FLYTE_HOME": str(stack_home)})


@pytest.fixture
def lonely_cli(tmp_path: Path) -> Cli:
    """A user in an empty folder, with no stack running."""
    folder = tmp_path / "user"
    folder.mkdir(exist_ok=True)
    return Cli(folder, {"FLYTE_HOME": str(tmp_path / "nothing-here")})
