"""Places without a server: this machine, and an fsspec storage in memory."""

from pathlib import Path

import pytest

from testkit.cases.places import GivingUpCases, PlaceCases


class TestHere(PlaceCases):
    @pytest.fixture
    def root(self, tmp_path_factory: pytest.TempPathFactory) -> str:
        return str(tmp_path_factory.mktemp("here"))


class TestMemory(GivingUpCases):
    @pytest.fixture
    def root(self, tmp_path: Path) -> str:
        return f"memory://{tmp_path.name}-{id(self)}"
