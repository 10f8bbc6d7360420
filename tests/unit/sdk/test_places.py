"""Places without a server: this machine, and an fsspec storage in memory."""

import errno
import io
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from fsspec import register_implementation
from fsspec.implementations.memory import MemoryFileSystem

import flyte
from flyte.errors import RuntimeSystemError, RuntimeUserError
from flyte.io import Dir, File
from flyte.io._progress import progress
from flyte.storage import Storage
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


class Shaky(MemoryFileSystem):  # type: ignore[misc]
    """Storage in memory that cannot be reached some times."""

    protocol = "shaky"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    failures: ClassVar[list[Exception]] = []

    def put_file(self, lpath: str, rpath: str, **kwargs: Any) -> None:
        if self.failures:
            raise self.failures.pop()
        super().put_file(lpath, rpath, **kwargs)


def test_a_storage_that_is_away_for_a_moment_is_asked_again(tmp_path: Path) -> None:
    register_implementation("shaky", Shaky, clobber=True)
    flyte.init(storage=Storage(retries=2, backoff=timedelta(milliseconds=1)))
    for number in range(3):
        (tmp_path / f"{number}.txt").write_text("x")
    Shaky.failures[:] = [ConnectionResetError("gone"), TimeoutError("slow")]
    folder = Dir.from_local_sync(tmp_path, f"shaky://{tmp_path.name}/folder")
    assert len(folder.list_files_sync()) == 3
    Shaky.failures[:] = [ConnectionResetError("gone")] * 3
    with pytest.raises(RuntimeSystemError, match="gone"):
        File.from_local_sync(tmp_path / "0.txt", f"shaky://{tmp_path.name}/0.txt")
    Shaky.failures[:] = [PermissionError("no")]
    with pytest.raises(RuntimeUserError, match="check its keys and rights"):
        File.from_local_sync(tmp_path / "0.txt", f"shaky://{tmp_path.name}/0.txt")
    Shaky.failures[:] = [OSError(errno.ENOSPC, "the disk is full")]
    with pytest.raises(OSError, match="the disk is full"):
        File.from_local_sync(tmp_path / "0.txt", f"shaky://{tmp_path.name}/0.txt")
