"""`flyte.storage`: paths of this machine work, remote storage says that it is not there yet."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

import flyte
from flyte import storage
from flyte.storage import ABFS, GCS, S3, Storage


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "tree" / "sub").mkdir(parents=True)
    (tmp_path / "tree" / "a.txt").write_text("abc")
    (tmp_path / "tree" / "sub" / "empty").write_text("")
    return tmp_path / "tree"


async def test_files_and_folders_are_copied_both_ways(tree: Path, tmp_path: Path) -> None:
    file = str(tree / "a.txt")
    assert Path(await storage.get(f"file://{file}", tmp_path / "new" / "b.txt")).read_text() == "abc"
    assert await storage.get(file) == file
    assert Path(await storage.put(file)).name == "a.txt"
    assert await storage.put(file, str(tmp_path)) == str(tmp_path / "a.txt")
    copied = Path(await storage.put(tree, str(tmp_path / "copy"), recursive=True))
    assert (copied / "sub" / "empty").exists()
    assert await storage.get(str(tree), tmp_path / "back", recursive=True) == str(tmp_path / "back")
    with pytest.raises(IsADirectoryError, match="recursive=True"):
        await storage.get(str(tree))
    with pytest.raises(FileNotFoundError, match="there is no file"):
        await storage.put(tree / "nothing")


async def test_files_are_opened_and_streamed(tree: Path, tmp_path: Path) -> None:
    made = str(tmp_path / "deep" / "x.bin")
    async with await storage.open(made, "wb") as out:
        await out.write(b"12345")
    file = await storage.open(made)
    assert await file.read() == b"12345"
    await file.close()
    assert [chunk async for chunk in storage.get_stream(made, chunk_size=2)] == [b"12", b"34", b"5"]

    async def chunks() -> AsyncIterator[bytes]:
        yield b"a"
        yield b"b"

    assert Path(await storage.put_stream(chunks(), to_path=made)).read_bytes() == b"ab"
    assert Path(await storage.put_stream([b"c", b"d"], name="n.bin")).read_bytes() == b"cd"
    assert Path(await storage.put_stream(b"e")).read_bytes() == b"e"
    assert await storage.exists(made)
    assert not storage.exists_sync(str(tmp_path / "nothing"))


def test_paths_are_told_apart_and_put_together() -> None:
    assert storage.is_remote("s3://b/k") and storage.is_remote("flyte://artifacts/p/d/0")
    assert (
        not storage.is_remote("/a")
        and not storage.is_remote("file:///a")
        and not storage.is_remote(Path("a"))
    )
    assert storage.join("s3://b/", "/k/", "x") == "s3://b/k/x"
    assert storage.join("/a") == "/a"
    assert storage.get_random_local_path("deep/x.txt").name == "x.txt"
    assert storage.get_random_local_directory().is_dir()


async def test_remote_storage_is_refused_in_one_sentence(tmp_path: Path) -> None:
    for call in (
        lambda: storage.get("s3://b/k"),
        lambda: storage.put(__file__, "gs://b/k"),
        lambda: storage.exists("abfs://c/k"),
        lambda: storage.open("s3://b/k"),
        lambda: storage.put_stream(b"", to_path="s3://b/k"),
    ):
        with pytest.raises(flyte.errors.RuntimeUserError, match="is not supported yet") as caught:
            await call()
        assert caught.value.code == "RemoteStorageNotSupported"
    with pytest.raises(NotImplementedError, match="storage"):
        flyte.init(storage=S3.for_sandbox())


def test_ways_to_remote_storage_are_values(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FLYTE_AWS_ENDPOINT", "AWS_ENDPOINT_URL", "FLYTE_AWS_ACCESS_KEY_ID", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    monkeypatch.setenv("AZURE_TENANT_ID", "t")
    found = S3.auto(region="eu")
    assert (found.access_key_id, found.region, found.endpoint) == ("id", "eu", None)
    assert "hush" not in repr(found)
    assert (ABFS.auto().tenant_id, GCS.auto().retries) == ("t", 3)
    assert Storage(retries=1).backoff == timedelta(seconds=5)
    assert S3.for_sandbox().endpoint == "http://localhost:4566"
