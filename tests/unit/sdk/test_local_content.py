"""The local cache and files: calls count by what the files hold, and results by whether they are there."""

from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import pytest

import flyte
from flyte.io import DataFrame, Dir, File, HashFunction


@pytest.fixture
def env() -> flyte.TaskEnvironment:
    return flyte.TaskEnvironment(name="content")


def run(task: Any, *args: Any) -> Any:
    return flyte.with_runcontext(mode="local").run(task, *args).outputs()[0]


def test_a_file_counts_by_its_content(env: flyte.TaskEnvironment, tmp_path: Path) -> None:
    calls: list[str] = []

    @env.task(cache="auto")
    def read(file: File, others: list[Dir]) -> str:
        with file.open_sync("r") as content:
            calls.append(content.read())
        return calls[-1]

    (tmp_path / "x").mkdir()
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "b.txt").write_text("b")
    (tmp_path / "a.txt").write_text("one")
    (tmp_path / "x" / "a.txt").write_text("one")
    folder = [Dir(path=str(tmp_path / "d"))]
    assert run(read, File(path=str(tmp_path / "a.txt")), folder) == "one"
    assert run(read, File(path=str(tmp_path / "x" / "a.txt")), folder) == "one"  # elsewhere, the same
    assert calls == ["one"]
    (tmp_path / "a.txt").write_text("two")
    assert run(read, File(path=str(tmp_path / "a.txt")), folder) == "two"
    (tmp_path / "d" / "c.txt").write_text("")
    run(read, File(path=str(tmp_path / "a.txt")), folder)
    assert calls == ["one", "two", "two"]
    hashed = File(path=str(tmp_path / "a.txt"), hash="h")
    run(read, hashed, folder)
    (tmp_path / "a.txt").write_text("three")
    assert run(read, hashed, folder) == "two"  # a hash of its own stands for the content


def test_a_table_counts_by_its_content_or_by_its_hash(env: flyte.TaskEnvironment) -> None:
    calls: list[int] = []
    Rows = Annotated[pd.DataFrame, HashFunction.from_fn(lambda table: str(len(table)))]

    @env.task(cache="auto")
    def total(frame: DataFrame) -> int:
        calls.append(0)
        return int(frame.all_sync()["x"].sum())

    @env.task(cache="auto")
    def count(table: Rows) -> int:  # type: ignore[valid-type]
        calls.append(1)
        return len(table)

    for table in (pd.DataFrame({"x": [1, 2]}), pd.DataFrame({"x": [1, 2]}), pd.DataFrame({"x": [3, 4]})):
        run(total, DataFrame.from_df(table))
        run(count, table)
    assert calls == [0, 1, 0]


def test_a_result_whose_file_is_gone_is_computed_again(env: flyte.TaskEnvironment) -> None:
    calls: list[int] = []

    @env.task(cache="auto")
    def make() -> list[File]:
        calls.append(1)
        file: File[str] = File.new_remote("a.txt")
        with file.open_sync("w") as out:
            out.write("a")
        return [file]

    first = run(make)
    assert run(make)[0].path == first[0].path
    Path(first[0].path).unlink()
    again = run(make)
    assert again[0].path != first[0].path and again[0].exists_sync()
    assert calls == [1, 1]
