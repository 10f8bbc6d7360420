"""Files, folders and tables in the artifact store: verified, resumed, packed, published as they leave."""

import os
import random
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pandas as pd
import pyarrow as pa
import pytest

import flyte
from flyte._runtime.convert import inputs_from_wire, inputs_to_wire
from flyte._runtime.publishing import published, published_aio
from flyte.errors import RuntimeSystemError, RuntimeUserError
from flyte.io import DataFrame, Dir, File, HashFunction
from flyte.io import _artifacts as artifacts
from flyte_schemas.folders import Folder, Member, folder_json, folder_of
from testkit.artifact_store import RunningStore
from testkit.cases.places import contents, filled

RAW = "flyte://raw/r/a"


def stored(path: Path, name: str) -> str:
    """A file of this machine in the store; its URI."""
    return artifacts.STORE.put(path, f"{RAW}/{name}")


def random_file(path: Path, size_bytes: int, seed: int = 1) -> Path:
    path.write_bytes(random.Random(seed).randbytes(size_bytes))
    return path


def damaged(store: RunningStore, uri: str) -> None:
    """Change one byte of an object, behind everybody's back."""
    (path,) = (path for path in store.objects() if path.name == uri.rpartition("/")[2])
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("size_bytes", [1000, 3_000_000, 20_000_000])
def test_a_damaged_object_is_never_taken_for_good(
    artifact_store: RunningStore, tmp_path: Path, size_bytes: int
) -> None:
    uri = stored(random_file(tmp_path / "x.bin", size_bytes), "x.bin")
    damaged(artifact_store, uri)
    file: File[bytes] = File(path=uri)
    with pytest.raises(RuntimeSystemError, match="corrupted"):
        file.download_sync(tmp_path / "copy.bin")
    with pytest.raises(RuntimeSystemError, match="corrupted"), file.open_sync() as content:
        content.read()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.bin"]


def test_a_damaged_file_of_a_folder_is_named_and_not_written(
    artifact_store: RunningStore, tmp_path: Path
) -> None:
    for number in range(20):
        random_file(tmp_path / f"{number}.bin", 1000, number)
    folder: Dir[str] = Dir(path=artifacts.STORE.put_folder(tmp_path, f"{RAW}/f"))
    pack = next(iter(artifacts.folder_at(folder.path).objects))
    damaged(artifact_store, pack)
    with pytest.raises(RuntimeSystemError, match=r"ArtifactCorrupted|corrupted"):
        folder.download_sync(tmp_path / "copy")
    there = contents(tmp_path / "copy")
    assert len(there) < 20 and all(data == (tmp_path / name).read_bytes() for name, data in there.items())


def test_a_reader_goes_on_when_the_server_comes_back_elsewhere(
    artifact_store: RunningStore, tmp_path: Path
) -> None:
    source = random_file(tmp_path / "x.bin", 9_000_000)
    file: File[bytes] = File(path=stored(source, "x.bin"))
    with file.open_sync() as content:
        beginning = content.read(600_000)
        artifact_store.stop()
        back = threading.Timer(0.3, artifact_store.start)
        back.start()
        assert beginning + content.read() == source.read_bytes()
        back.join()


def test_thousands_of_small_files_are_a_few_objects(artifact_store: RunningStore, tmp_path: Path) -> None:
    source = tmp_path / "many"
    for number in range(2000):
        path = source / str(number % 20) / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"content of {number}")
    uri = artifacts.STORE.put_folder(source, f"{RAW}/many")
    assert len(artifact_store.objects()) == 2  # all of them together, and their list
    again = artifacts.STORE.put_folder(source, f"{RAW}/again")
    assert again == uri and len(artifact_store.objects()) == 2
    artifacts.STORE.get_folder(uri, tmp_path / "copy")
    assert contents(tmp_path / "copy") == contents(source)
    (tmp_path / "copy" / "3" / "3.txt").write_text("content of X")  # another file of the same size
    (tmp_path / "copy" / "4" / "4.txt").unlink()
    artifacts.STORE.get_folder(uri, tmp_path / "copy")
    assert contents(tmp_path / "copy") == contents(source)


def test_links_empty_folders_and_executables_make_the_way(
    artifact_store: RunningStore, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    (source / "empty" / "er").mkdir(parents=True)
    (source / "run.sh").write_text("#!/bin/sh\n")
    (source / "run.sh").chmod(0o755)
    (source / os.fsdecode(b"latin-\xe9")).write_text("a name that is not UTF-8")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "b.txt").write_text("b")
    (source / "link").symlink_to(tmp_path / "other")
    (source / "file-link").symlink_to(tmp_path / "other" / "b.txt")
    folder: Dir[str] = Dir(path=artifacts.STORE.put_folder(source, f"{RAW}/f"))
    target = Path(folder.download_sync(tmp_path / "target"))
    assert (target / "empty" / "er").is_dir()
    assert os.access(target / "run.sh", os.X_OK) and not os.access(target / "file-link", os.X_OK)
    assert (target / "link" / "b.txt").read_text() == (target / "file-link").read_text() == "b"
    assert not any(path.is_symlink() for path in target.rglob("*"))
    odd = next(file for file in folder.walk_sync() if "latin" in str(file.path))
    with odd.open_sync("r") as content:
        assert content.read() == "a name that is not UTF-8"
    assert [file.name for file in Dir(path=f"{folder.path}/link").walk_sync()] == ["b.txt"]
    (source / "up").symlink_to(source)
    with pytest.raises(RuntimeUserError, match="is a link to a folder that it is in"):
        artifacts.STORE.put_folder(source, f"{RAW}/g")
    (source / "up").unlink()
    (source / "dangling").symlink_to("nowhere")
    with pytest.raises(FileNotFoundError, match="dangling is a link to nothing"):
        artifacts.STORE.put_folder(source, f"{RAW}/g")
    (source / "dangling").unlink()
    os.mkfifo(source / "pipe")
    with pytest.raises(RuntimeUserError, match="pipe is neither a file nor a folder"):
        artifacts.STORE.put_folder(source, f"{RAW}/g")


@pytest.mark.parametrize("path", ["../out", "/etc/out", "a/../../out", "", "a//b", "a/./b"])
def test_a_folder_that_names_files_outside_of_itself_is_refused(
    artifact_store: RunningStore, tmp_path: Path, path: str
) -> None:
    source = random_file(tmp_path / "x.bin", 10)
    uri = stored(source, "x.bin")
    member = Member(uri=uri, offset=0, size_bytes=10, name=uri.rpartition("/")[2])
    listing = tmp_path / "listing.json"
    listing.write_bytes(folder_json(Folder(files={path: member})))
    folder: Dir[str] = Dir(path=stored(listing, "folder"))
    with pytest.raises(RuntimeUserError, match="names a file outside of itself"):
        folder.download_sync(tmp_path / "target" / "deep")
    assert not list(tmp_path.rglob("out"))


def test_a_link_in_the_target_does_not_lead_out(artifact_store: RunningStore, tmp_path: Path) -> None:
    (tmp_path / "source" / "a").mkdir(parents=True)
    (tmp_path / "source" / "a" / "x").write_text("x")
    folder: Dir[str] = Dir(path=artifacts.STORE.put_folder(tmp_path / "source", f"{RAW}/f"))
    (tmp_path / "target").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "target" / "a").symlink_to(tmp_path / "outside")
    with pytest.raises(RuntimeUserError, match="leads out of the folder"):
        folder.download_sync(tmp_path / "target")
    assert not list((tmp_path / "outside").iterdir())


def test_what_is_no_folder_is_not_taken_for_one(artifact_store: RunningStore, tmp_path: Path) -> None:
    text = tmp_path / "a.json"
    text.write_text('{"flyte-dir": 99, "files": {}}')
    folder: Dir[str] = Dir(path=stored(text, "a.json"))
    assert not folder.exists_sync() and File(path=folder.path).exists_sync()
    with pytest.raises(NotADirectoryError, match="is a file, not a folder"):
        folder.list_files_sync()
    for data in (b"", b'{"flyte-dir":2}', b'{"flyte-dir":2,"objects":[],"files":{"a":[7]},"empty":[]}'):
        assert folder_of(data) is None


def test_a_new_folder_is_filled_file_by_file(artifact_store: RunningStore, tmp_path: Path) -> None:
    folder: Dir[str] = Dir(path=f"{RAW}/new-folder")
    for name in ("a.txt", "sub/b.txt"):
        with File(path=f"{folder.path}/{name}").open_sync("w") as out:
            out.write(name)
    assert [file.name for file in folder.walk_sync()] == ["a.txt", "b.txt"]
    outside = published(lambda: folder.model_dump(mode="json"))["path"]
    assert outside.startswith("flyte://artifacts/robots/development/")
    assert contents(Path(Dir(path=outside).download_sync())) == {"a.txt": b"a.txt", "sub/b.txt": b"sub/b.txt"}


def test_what_was_never_written_says_so(artifact_store: RunningStore) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is nothing at flyte://raw/r/a/never"):
        published(lambda: File(path=f"{RAW}/never").model_dump(mode="json"))


@dataclass
class Job:
    files: list[File]
    folder: Dir | None
    table: DataFrame


async def test_values_that_leave_this_machine_take_their_files_along(
    artifact_store: RunningStore, tmp_path: Path
) -> None:
    env = flyte.TaskEnvironment("env")

    @env.task
    def work(job: Job, given: File, plain: pd.DataFrame, shared: File, anything: object) -> None: ...

    filled(tmp_path / "folder")
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    files = [
        File.from_local_sync(random_file(tmp_path / f"{number}.bin", 100, number)) for number in range(3)
    ]
    job = Job(files, Dir(path=str(tmp_path / "folder")), DataFrame(uri=str(tmp_path / "t.csv")))
    inputs = {
        "job": job,
        "given": files[0],
        "plain": pd.DataFrame({"x": range(20_000)}),
        "shared": File(path="file:///mnt/shared"),
        "anything": {"file": files[1]},
    }
    here = inputs_to_wire(work.native_interface, inputs)
    assert str(tmp_path) in str(here) and artifact_store.objects() == []
    wire = await published_aio(lambda: inputs_to_wire(work.native_interface, inputs))
    assert str(tmp_path) not in str(wire)
    there = inputs_from_wire(work.native_interface, wire)
    assert [Path(file.download_sync()).read_bytes() for file in there["job"].files] == [
        Path(file.path).read_bytes() for file in files
    ]
    assert contents(Path(there["job"].folder.download_sync())) == contents(tmp_path / "folder")
    assert there["job"].table.open(pa.Table).all_sync().to_pydict() == {"a": [1], "b": [2]}
    assert there["plain"].equals(inputs["plain"]) and "uri" in wire["plain"].value
    assert there["shared"].path == "file:///mnt/shared"
    assert there["anything"]["file"].path.startswith("flyte://artifacts/")
    assert job.files[0].path == str(tmp_path / "0.bin")  # the user's own object is as it was
    with pytest.raises(FileNotFoundError, match="there is no file /nothing"):
        await published_aio(lambda: File(path="/nothing").model_dump(mode="json"))


def test_a_table_counts_by_the_hash_of_its_annotation(artifact_store: RunningStore) -> None:
    env = flyte.TaskEnvironment("env")
    Hashed = Annotated[pd.DataFrame, HashFunction.from_fn(lambda table: f"{len(table)} rows")]

    @env.task
    def work(table: Hashed, number: Annotated[int, HashFunction.from_fn(lambda _: "n")]) -> None: ...  # type: ignore[valid-type]

    for table in (pd.DataFrame({"x": [1, 2]}), pd.DataFrame({"x": range(20_000)})):
        wire = published(
            lambda table=table: inputs_to_wire(work.native_interface, {"table": table, "number": 3})
        )  # type: ignore[misc]
        assert wire["table"].value["hash"] == f"{len(table)} rows"
        back = inputs_from_wire(work.native_interface, wire)
        assert back["table"].equals(table) and back["number"] == 3


def test_tables_are_stored_opened_and_read_in_parts(artifact_store: RunningStore, tmp_path: Path) -> None:
    table = pd.DataFrame({"x": range(200_000), "y": 1.5, "z": "text"})
    path = tmp_path / "t.parquet"
    table.to_parquet(path)
    frame = DataFrame.from_existing_remote(stored(path, "t.parquet"))
    assert frame.all_sync().equals(table)
    assert list(frame.open(pd.DataFrame, columns=["y", "x"]).all_sync().columns) == ["y", "x"]
    assert frame.open(pa.Table).all_sync().num_rows == 200_000
    read = pd.read_parquet(frame.uri)  # by fsspec, which knows the protocol
    assert read.equals(table)
    folder = artifacts.STORE.put_folder(tmp_path, f"{RAW}/parts")
    assert len(DataFrame(uri=folder).all_sync()) == 200_000


async def test_a_table_in_parts_has_one_part_in_memory(artifact_store: RunningStore, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pd.DataFrame({"x": range(200_000)}).to_parquet(path)
    frame = DataFrame(uri=stored(path, "t.parquet"))
    sizes = [len(part) async for part in frame.open(pd.DataFrame).iter()]
    assert sum(sizes) == 200_000 and max(sizes) <= 65_536
    assert [type(part) async for part in frame.open(pa.Table).iter()] == [pa.Table] * len(sizes)
