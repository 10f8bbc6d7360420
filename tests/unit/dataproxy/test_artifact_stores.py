"""The folder and the memory, held to the same cases; and what only a folder has: files."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from flyte_dataproxy.store.local import LocalStore
from flyte_dataproxy.store.memory import MemoryStore
from testkit.cases.artifact_store import CONTENT, ArtifactStoreCases, key_of, size_of, store_object


def files_below(root: Path) -> list[Path]:
    return [path.relative_to(root) for path in root.rglob("*") if path.is_file()]


class TestMemoryStore(ArtifactStoreCases):
    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()


class TestLocalStore(ArtifactStoreCases):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[LocalStore]:
        store = LocalStore(tmp_path / "artifacts")
        store.prepare(stale_before=0)
        yield store
        store.close()

    async def test_an_object_lies_where_its_key_says_and_nowhere_else(
        self, store: LocalStore, tmp_path: Path
    ) -> None:
        key = key_of(CONTENT)
        await store_object(store, key, CONTENT)
        assert files_below(tmp_path / "artifacts") == [Path(key.path)]

    async def test_an_upload_that_was_dropped_leaves_no_file(self, store: LocalStore, tmp_path: Path) -> None:
        async with store.writer(key_of(CONTENT)) as writer:
            await writer.write(CONTENT)
        assert files_below(tmp_path / "artifacts") == []

    async def test_another_process_on_the_same_folder_sees_the_object(
        self, store: LocalStore, tmp_path: Path
    ) -> None:
        await store_object(store, key_of(CONTENT), CONTENT)
        other = LocalStore(tmp_path / "artifacts")
        assert await size_of(other, key_of(CONTENT)) == len(CONTENT)
        other.close()

    async def test_files_of_writers_that_are_gone_are_removed_and_fresh_ones_kept(
        self, store: LocalStore, tmp_path: Path
    ) -> None:
        incoming = tmp_path / "artifacts" / ".incoming"
        (incoming / "old").write_bytes(b"half")
        (incoming / "new").write_bytes(b"half")
        os.utime(incoming / "old", (1000.0, 1000.0))
        assert store.prepare(stale_before=2000.0) == 1
        assert [path.name for path in incoming.iterdir()] == ["new"]
