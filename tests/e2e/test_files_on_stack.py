"""Files, folders and tables on an embedded stack: made by one task, opened by another elsewhere."""

import json

from testkit.cli import Cli, outputs_of

SOURCE = """\
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pandas as pd

import flyte
from flyte.io import DataFrame, Dir, File, HashFunction

env = flyte.TaskEnvironment(name="files")


@dataclass
class Made:
    file: File
    plain: File
    folder: Dir
    filled: Dir
    table: DataFrame


@env.task
async def make() -> Made:
    file = File.new_remote("out.txt")
    async with file.open("w") as out:
        await out.write("one\\ntwo\\n")
    Path("plain.txt").write_text("plain")
    Path("folder/deep").mkdir(parents=True)
    Path("folder/a.txt").write_text("a")
    Path("folder/deep/b.bin").write_bytes(b"b" * 2_000_000)
    folder = await Dir.from_local("folder")
    shutil.rmtree("folder")  # what is in the store needs it no more
    filled = Dir.new_remote("filled")
    async with File(path=f"{filled.path}/c.txt").open("w") as out:
        await out.write("c")
    table = await DataFrame.from_local(pd.DataFrame({"x": range(10), "y": 1.5}))
    return Made(file, File(path="plain.txt"), folder, filled, table)


@env.task
async def use(made: Made, frame: pd.DataFrame) -> str:
    async with made.file.open("r") as content:
        lines = [line.strip() async for line in content]
    names = [file.name async for file in made.folder.walk()]
    deep = await made.folder.get_file("deep/b.bin")
    size = Path(await deep.download()).stat().st_size
    filled = sorted(path.name for path in Path(await made.filled.download()).iterdir())
    table = await made.table.open(pd.DataFrame, columns=["x"]).all()
    plain = Path(await made.plain.download()).read_text()
    return f"{lines} {names} {size} {filled} {list(table.columns)} {len(table)} {plain} {len(frame)}"


@env.task
async def main() -> str:
    return await use(await make(), pd.DataFrame({"z": range(100_000)}))


@env.task
def given(file: File, folder: Dir, table: DataFrame, plain: pd.DataFrame) -> File:
    with file.open_sync("r") as content:
        text = content.read()
    names = [one.name for one in folder.walk_sync()]
    Path("result.txt").write_text(f"{text} {names} {table.all_sync()['a'].sum()} {len(plain)}")
    return File(path="result.txt")


Rows = Annotated[pd.DataFrame, HashFunction.from_fn(lambda table: str(len(table)))]


@env.task(cache="auto")
def first(table: Rows, file: File) -> str:
    with file.open_sync("r") as content:
        return f"{table['x'][0]} {content.read()}"


@env.task
async def cached(salt: str) -> list[str]:
    found = []
    for value in (1, 2):
        Path("same.txt").write_text(f"content {salt}")
        file = await File.from_local("same.txt")
        found.append(await first(pd.DataFrame({"x": [value] * 50_000}), file))
    return found


if __name__ == "__main__":
    flyte.init_from_config()
    run = flyte.run(given, File.from_local_sync("in.txt"), Dir.from_local_sync("folder"),
                    DataFrame(uri="t.csv"), pd.DataFrame({"a": range(20_000)}))
    run.wait(quiet=True)
    (made,) = run.outputs()
    print(Path(made.download_sync()).read_text())
    print(made.path)
"""


FEW = """\
from pathlib import Path

import flyte
from flyte.io import File

env = flyte.TaskEnvironment(name="few_files")


@flyte.trace
async def step(given: File) -> File:
    print("the step runs")
    async with given.open("r") as content:
        Path("step.txt").write_text(f"step of {await content.read()}")
    return File(path="step.txt")


@env.task(retries=1)
async def with_step() -> str:
    Path("given.txt").write_text("given")
    file = await step(File(path="given.txt"))
    if flyte.ctx().attempt_number == 0:
        raise ValueError("once more")
    return Path(await file.download()).read_text()


@env.task
async def where() -> tuple[str, str]:
    file = File.new_remote("out.txt")
    async with file.open("w") as out:
        await out.write("x")
    return flyte.ctx().raw_data_path.path, file.path


@env.task
async def parent_of_where() -> tuple[str, str]:
    return await where()
"""
"""Without tables: to load what they need takes longer than all else."""


def files_of_a_user(cli: Cli) -> None:
    cli.write("files.py", SOURCE)
    cli.write("in.txt", "hello")
    cli.write("folder/sub/b.txt", "b")
    cli.write("folder/a.txt", "a")
    cli.write("t.csv", "a,b\n1,2\n3,4\n")


def test_what_one_task_makes_another_opens_elsewhere(cli: Cli) -> None:
    files_of_a_user(cli)
    printed = outputs_of(cli.ok("run", "--follow", "files.py", "main"))
    assert "['one', 'two'] ['a.txt', 'b.bin'] 2000000 ['c.txt'] ['x'] 10 plain 100000" in printed


def test_what_a_user_names_on_the_command_line_is_uploaded(cli: Cli) -> None:
    files_of_a_user(cli)
    inputs = ["--file", "in.txt", "--folder", "folder", "--table", "t.csv", "--plain", "t.csv"]
    cli.ok("run", "--name", "files1", "--follow", "files.py", "given", *inputs)
    shown = json.loads(cli.ok("get", "io", "files1", "-o", "json"))
    assert str(cli.folder) not in json.dumps(shown)
    cli.ok("run", "--name", "files2", "--follow", "deployed-task", "files.given", *inputs)
    again = json.loads(cli.ok("get", "io", "files2", "-o", "json"))
    assert again["outputs"] == shown["outputs"]  # the same content has the same name
    cli.ok("rerun", "files1", "--name", "files3", "--follow", "--file", "folder/a.txt")
    other = json.loads(cli.ok("get", "io", "files3", "-o", "json"))
    assert str(cli.folder) not in json.dumps(other) and other["outputs"] != shown["outputs"]
    missing = cli("run", "files.py", "given", "--file", "no.txt", *inputs[2:])
    assert missing.returncode == 1 and "there is no file no.txt" in missing.stderr


def test_what_a_program_gives_to_a_run_is_uploaded_and_what_it_gets_is_opened(cli: Cli) -> None:
    files_of_a_user(cli)
    done = cli.python("files.py")
    assert done.returncode == 0, done.stderr
    text, place = done.stdout.splitlines()
    assert text == "hello ['a.txt', 'b.txt'] 4 20000"
    assert place.startswith("flyte://artifacts/")


def test_cached_tasks_know_files_by_content_and_tables_by_their_hash(cli: Cli) -> None:
    files_of_a_user(cli)
    printed = outputs_of(cli.ok("run", "--follow", "files.py", "cached", "--salt", cli.folder.parent.name))
    assert printed.count("1 content") == 2 and "2 content" not in printed


def test_a_run_says_where_the_data_of_its_tasks_goes(cli: Cli) -> None:
    cli.write("few_files.py", FEW)
    wanted = cli.folder / "raw"
    cli.ok(
        "run", "--name", "raw1", "--raw-data-path", str(wanted), "--follow", "few_files.py", "parent_of_where"
    )
    base, path = json.loads(cli.ok("get", "io", "raw1", "-o", "json"))["outputs"].values()
    assert base.startswith(f"{wanted}/raw1/a") and path.startswith(f"{base}/")
    assert [found.read_text() for found in wanted.rglob("out.txt")] == ["x"]


def test_a_recorded_step_keeps_its_file_for_the_next_attempt(cli: Cli) -> None:
    cli.write("few_files.py", FEW)
    printed = cli.ok("run", "--name", "step1", "--follow", "few_files.py", "with_step")
    assert "step of given" in outputs_of(printed)
    assert cli.ok("logs", "step1").count("the step runs") == 1
