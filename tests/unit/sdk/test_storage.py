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


async def test_a_storage_that_nothing_here_reaches_is_refused_in_one_sentence() -> None:
    for call, word in (
        (lambda: storage.get("nothing://b/k"), "nothing here reads nothing://"),
        (lambda: storage.put(__file__, "gs://b/k"), r"gs:// needs a package: install flytejet\[gcs\]"),
        (lambda: storage.exists("abfs://c/k"), r"abfs:// needs a package: install flytejet\[abfs\]"),
        (lambda: storage.put_stream(b"", to_path="gs://b/k"), "needs a package"),
    ):
        with pytest.raises(flyte.errors.RuntimeUserError, match=word):
            await call()


async def test_a_storage_that_fsspec_knows_is_read_and_written(tree: Path, tmp_path: Path) -> None:
    root = f"memory://{tmp_path.name}"
    assert await storage.put(tree, f"{root}/tree", recursive=True) == f"{root}/tree"
    assert await storage.exists(f"{root}/tree") and not await storage.exists(f"{root}/no")
    back = Path(await storage.get(f"{root}/tree", tmp_path / "back", recursive=True))
    assert {path.name for path in back.rglob("*")} == {"a.txt", "sub", "empty"}
    assert await storage.put_stream([b"a", b"b"], to_path=f"{root}/x.bin") == f"{root}/x.bin"
    assert [chunk async for chunk in storage.get_stream(f"{root}/x.bin", chunk_size=1)] == [b"a", b"b"]
    found = storage.get_underlying_filesystem(path=root).cat_file(f"{root}/x.bin")
    assert found == b"ab"


async def test_what_was_not_written_to_its_end_is_not_there(tmp_path: Path) -> None:
    place = f"memory://{tmp_path.name}/half"
    with pytest.raises(ZeroDivisionError):
        async with await storage.open(place, "wb") as out:
            await out.write(b"x")
            raise ZeroDivisionError
    assert not await storage.exists(place)


def test_a_configured_storage_is_what_its_driver_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTE_AWS_ENDPOINT", "http://there:1")
    monkeypatch.setenv("FLYTE_AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("FLYTE_AWS_SECRET_ACCESS_KEY", "hush")
    found = storage.get_configured_fsspec_kwargs("s3")
    assert (found["key"], found["secret"]) == ("id", "hush")
    assert found["client_kwargs"]["endpoint_url"] == "http://there:1"
    anonymous = storage.get_configured_fsspec_kwargs("s3", anonymous=True)
    assert anonymous["anon"] and "key" not in anonymous
    flyte.init(storage=S3(endpoint="http://here:2", addressing_style="path", retries=7))
    said = storage.get_configured_fsspec_kwargs("s3")
    assert said["client_kwargs"] == {"endpoint_url": "http://here:2"}
    assert said["config_kwargs"]["s3"] == {"addressing_style": "path"}
    assert said["config_kwargs"]["retries"]["max_attempts"] == 7
    assert storage.get_configured_fsspec_kwargs("memory") == {}
    assert ABFS(account_name="a").get_fsspec_kwargs(container="c") == {"account_name": "a", "container": "c"}


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
