"""Files, folders and tables as values: made, passed on, opened; remote storage is refused clearly."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

import flyte
from flyte.errors import RuntimeUserError
from flyte.io import DataFrame, Dir, EmptyDir, File, HashFunction


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with `a.txt`, `b.csv` and `sub/c.txt`."""
    (tmp_path / "data" / "sub").mkdir(parents=True)
    for name in ("a.txt", "b.csv", "sub/c.txt"):
        (tmp_path / "data" / name).write_text(f"content of {name}\n")
    return tmp_path / "data"


async def test_a_file_is_read_and_written_by_coroutines() -> None:
    file: File[str] = File.new_remote("out.txt")
    assert not await file.exists()
    async with file.open("wb") as out:
        assert await out.write(b"one\ntwo\n") == 8
    async with file.open() as content:
        assert await content.read(3) == b"one"
        await content.seek(0)
        assert [line async for line in content] == [b"one\n", b"two\n"]
    async with file.open("r") as content:
        assert (await content.readline()).strip() == "one"
        assert content.read() == "two\n"  # not awaited: the same
    assert await file.exists()
    assert file.name == "out.txt"


def test_a_file_is_read_and_written_by_blocking_code(folder: Path) -> None:
    file = File.from_local_sync(folder / "a.txt")
    with file.open_sync("r") as content:
        assert content.read() == "content of a.txt\n"
    made: File[str] = File.new_remote()
    with made.open_sync("wb") as out:
        out.write(b"x")
    assert Path(made.path).read_bytes() == b"x"
    assert file.path == str(folder / "a.txt")  # where it was: nothing is copied in a local run


async def test_a_file_is_downloaded_where_it_is_wanted(folder: Path, tmp_path: Path) -> None:
    file = await File.from_local(
        folder / "a.txt", hash_method=HashFunction.from_fn(lambda data: f"h{len(data)}")
    )
    assert file.hash == "h17"
    assert await file.download() == file.path
    assert Path(await file.download(tmp_path / "new" / "copy.txt")).read_text() == "content of a.txt\n"
    assert Path(file.download_sync(local_path=tmp_path)).name == "a.txt"
    copy = await File.from_local(folder / "a.txt", remote_destination=str(tmp_path / "there" / "x.txt"))
    assert (copy.path, copy.exists_sync()) == (str(tmp_path / "there" / "x.txt"), True)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        File.from_local_sync(tmp_path / "nothing")


async def test_a_folder_is_walked_listed_and_downloaded(folder: Path, tmp_path: Path) -> None:
    data: Dir[str] = await Dir.from_local(folder)
    assert [file.name async for file in data.walk()] == ["a.txt", "b.csv", "c.txt"]
    assert [file.name async for file in data.walk(recursive=False)] == ["a.txt", "b.csv"]
    assert [file.name for file in data.walk_sync(file_pattern="*.txt")] == ["a.txt", "c.txt"]
    assert [file.name for file in data.walk_sync(max_depth=1)] == ["a.txt", "b.csv"]
    assert [file.name for file in await data.list_files()] == ["a.txt", "b.csv"]
    found = await data.get_file("sub/c.txt")
    assert found is not None and found.path == str(folder / "sub" / "c.txt")
    assert data.get_file_sync("nothing") is None
    assert (Path(await data.download(tmp_path / "copy")) / "sub" / "c.txt").exists()
    assert data.exists_sync() and not Dir(path=str(tmp_path / "no")).exists_sync()


async def test_an_empty_folder_stands_for_none() -> None:
    empty = Dir.empty()
    assert isinstance(empty, EmptyDir) and empty.is_empty
    assert not await empty.exists()
    assert [file async for file in empty.walk()] == []


async def test_a_table_is_opened_as_what_is_wanted() -> None:
    frame = pd.DataFrame({"a": [1, 2]})
    table = DataFrame.from_df(frame)
    assert (await table.open(pd.DataFrame).all()).equals(frame)
    assert table.open(pa.Table).all_sync().to_pydict() == {"a": [1, 2]}
    assert [len(part) async for part in table.open(pd.DataFrame).iter()] == [2]
    again = DataFrame.from_existing_remote(table.uri or "")
    assert again.all_sync().equals(frame)
    assert DataFrame.wrap_df(pa.table({"a": [1]})).open(pd.DataFrame).all_sync().to_dict() == {"a": {0: 1}}
    with pytest.raises(TypeError, match="cannot be opened as dict"):
        table.open(dict).all_sync()
    with pytest.raises(TypeError, match="expected a pandas DataFrame"):
        DataFrame.from_df([1])


async def test_what_is_nowhere_says_so_wherever_it_is_looked_for() -> None:
    file: File[str] = File.from_existing_remote("nothing://bucket/key")
    with pytest.raises(RuntimeUserError, match=r"nothing here reads nothing://") as caught:
        await file.download()
    assert caught.value.code == "UnknownProtocol"
    assert File(path="file:///etc/hosts").download_sync() == "/etc/hosts"
    assert not await File(path="memory://nowhere/a").exists()
    with pytest.raises(FileNotFoundError, match="there is nothing at memory://nowhere/a"):
        File(path="memory://nowhere/a").download_sync()
    with pytest.raises(NotADirectoryError, match="there is no folder memory://nowhere"):
        Dir(path="memory://nowhere").list_files_sync()


def test_they_pass_between_tasks_alone_and_within_others(folder: Path) -> None:
    env = flyte.TaskEnvironment(name="env")

    @env.task
    async def upper(file: File, folder: Dir | None = None) -> tuple[File, Dir]:
        made = File.new_remote("upper.txt")
        async with file.open("r") as source, made.open("w") as out:
            await out.write((await source.read()).upper())
        return made, folder or Dir.empty()

    @env.task
    async def total(table: DataFrame) -> int:
        return int((await table.open(pd.DataFrame).all())["a"].sum())

    @env.task
    async def main(files: list[File]) -> dict[str, str]:
        made, empty = await upper(files[0])
        with made.open_sync("r") as content:
            return {
                "text": content.read(),
                "empty": empty.path,
                "sum": str(await total(pd.DataFrame({"a": [1, 2]}))),
            }

    run = flyte.with_runcontext(mode="local").run(main, files=[File(path=str(folder / "a.txt"))])
    assert run.outputs()[0] == {"text": "CONTENT OF A.TXT\n", "empty": "", "sum": "3"}


SCRIPT = """\
import flyte
from dataclasses import dataclass

env = flyte.TaskEnvironment(name="env")

class Opaque:
    def __init__(self, value):
        self.value = value

@env.task
async def child(given: Opaque) -> Opaque:
    return Opaque(given.value + 1)

@env.task
async def main(given: Opaque) -> list[Opaque]:
    result = await child(given)
    assert isinstance(result, Opaque)
    return [result, await child(result)]

if __name__ == "__main__":
    first, second = flyte.run(main, Opaque(1)).outputs()[0]
    assert isinstance(first, Opaque)
    print(first.value, second.value)
"""


def test_a_class_of_a_script_is_the_same_class_after_the_trip(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "script.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("2 3\n", "")


def test_import_flyte_loads_no_table_library() -> None:
    code = (
        "import flyte, flyte.io, sys; print([m for m in ('pandas', 'pyarrow', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_local_run_makes_its_data_where_it_is_wanted(tmp_path: Path) -> None:
    env = flyte.TaskEnvironment(name="env")

    @env.task
    def make() -> File:
        file: File[str] = File.new_remote("out.txt")
        with file.open_sync("w") as out:
            out.write("x")
        return file

    runner = flyte.with_runcontext(mode="local", name="r1", raw_data_path=str(tmp_path / "raw"))
    (made,) = runner.run(make).outputs()
    assert Path(made.path).read_text() == "x"
    assert Path(made.path).relative_to(tmp_path / "raw" / "r1").name == "out.txt"
    (other,) = flyte.with_runcontext(mode="local", name="r2").run(make).outputs()
    assert Path(other.path).parents[1].name.startswith("flyte-r2-")


async def test_a_frame_stands_for_its_table_and_a_table_for_a_frame() -> None:
    env = flyte.TaskEnvironment(name="env")

    @env.task
    async def rows(table: pd.DataFrame, arrow: pa.Table) -> int:
        return len(table) + arrow.num_rows

    @env.task
    async def main() -> int:
        frame = DataFrame.from_df(pd.DataFrame({"a": [1, 2]}))
        return await rows(frame, frame)  # type: ignore[arg-type]

    assert (await flyte.run.aio(main)).outputs()[0] == 4
    with pytest.raises(TypeError, match="there is no table"):
        flyte.run(rows, DataFrame.from_existing_remote("/nothing"), pa.table({}))  # type: ignore[arg-type]


def test_a_relative_path_is_the_same_file_for_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env = flyte.TaskEnvironment(name="env")

    @dataclass
    class Job:
        file: File
        folders: list[Dir]
        table: DataFrame

    @env.task
    def paths(job: Job) -> list[str | None]:
        return [job.file.path, job.folders[0].path, job.table.uri]

    monkeypatch.chdir(tmp_path)
    job = Job(File(path="a.txt"), [Dir(path="s3://b/k")], DataFrame(uri="t.parquet"))
    assert job.file.path == "a.txt"
    found = flyte.run(paths, job).outputs()[0]
    assert found == [str(tmp_path / "a.txt"), "s3://b/k", str(tmp_path / "t.parquet")]


async def test_a_frame_is_made_of_any_table_that_parquet_can_hold() -> None:
    table = pd.DataFrame({"kind": pd.Categorical(["a"]), "many": [[1, 2]], "none": [None]})
    made = DataFrame.from_df(table)
    read = await DataFrame.from_existing_remote(made.uri or "").open(pd.DataFrame).all()
    assert (list(read["many"][0]), read["kind"][0], read["none"][0]) == ([1, 2], "a", None)
    with pytest.raises(TypeError, match="Parquet cannot hold this table"):
        DataFrame.from_df(pd.DataFrame({"mixed": [1, "a"]}))
