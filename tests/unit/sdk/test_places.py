"""Places without a server: this machine, and an fsspec storage in memory."""

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flyte.io import Dir, File
from flyte.io._progress import progress
from testkit.cases.places import GivingUpCases, PlaceCases


class TestHere(PlaceCases):
    @pytest.fixture
    def root(self, tmp_path_factory: pytest.TempPathFactory) -> str:
        return str(tmp_path_factory.mktemp("here"))


class TestMemory(GivingUpCases):
    @pytest.fixture
    def root(self, tmp_path: Path) -> str:
        return f"memory://{tmp_path.name}-{id(self)}"


class Terminal(io.StringIO):
    """A place that takes itself for a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_how_far_a_large_transfer_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        (tmp_path / "many").mkdir(exist_ok=True)
        (tmp_path / "many" / f"{number}.txt").write_text("x")
    shown, file = Terminal(), Terminal()
    monkeypatch.setattr("sys.stderr", shown)
    Dir.from_local_sync(tmp_path / "many", f"memory://{tmp_path.name}/many")
    assert "upload many" in shown.getvalue() and "30/30 files" in shown.getvalue()
    monkeypatch.setattr("sys.stderr", file)
    with progress("one small file", 10, 1) as tell:
        tell(10, 1)
    assert file.getvalue() == ""


async def test_files_of_a_user_are_read_by_a_thread_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(lambda _: File(path=str(tmp_path / "a.txt")).download_sync(), range(4)))
    assert found == [str(tmp_path / "a.txt")] * 4


@pytest.mark.parametrize("mode", ["rwb", "q", "", "b"])
def test_a_bad_mode_is_named(tmp_path: Path, mode: str) -> None:
    with (
        pytest.raises(ValueError, match="is not one of r, w, x, a"),
        File(path=str(tmp_path / "a")).open_sync(mode),
    ):
        pass
