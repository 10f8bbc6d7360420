"""One embedded stack for the tests of a folder, and users of it: fixtures that a conftest imports by name."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.cli import Cli


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
    folder.mkdir(exist_ok=True)
    return Cli(folder, {"FLYTE_HOME": str(stack_home)})


@pytest.fixture
def lonely_cli(tmp_path: Path) -> Cli:
    """A user in an empty folder, with no stack running."""
    folder = tmp_path / "user"
    folder.mkdir(exist_ok=True)
    return Cli(folder, {"FLYTE_HOME": str(tmp_path / "nothing-here")})
