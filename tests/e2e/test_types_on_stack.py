"""Values of many types on the stack: from the command line, between tasks, and back to the client."""

import json
from pathlib import Path

import pandas as pd

from testkit.cli import Cli

CLASSES = """\
import asyncio
import datetime as dt
import decimal
import enum
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, NamedTuple, NotRequired, TypedDict

from pydantic import BaseModel

import flyte

env = flyte.TaskEnvironment(name="types")


class Color(enum.Enum):
    RED = "red"
    PAIR = (1, 2)


@dataclass
class Tree:
    value: int
    children: "list[Tree]" = field(default_factory=list)
    data: bytes = b""


class Model(BaseModel):
    when: str | dt.datetime
    tree: Tree


class Stats(NamedTuple):
    mean: float
    count: int


class Shape(TypedDict):
    width: int
    data: NotRequired[bytes]


class Opaque:
    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return type(other) is type(self) and other.value == self.value


@env.task
async def stats(values: list[float]) -> Stats:
    return Stats(sum(values) / len(values), len(values))
"""
TYPES = (
    CLASSES
    + """

import pandas as pd
from flyte.io import DataFrame, Dir, File


@env.task
async def back(
    data: bytes,
    color: Color,
    tree: Tree,
    model: Model,
    mixed: list[int | float | str | dt.datetime],
    keys: dict[tuple[int, str], uuid.UUID],
    shape: Shape,
    opaque: Opaque,
    anything: Any,
    path: Path,
    price: decimal.Decimal,
    names: set[str],
    frame: pd.DataFrame,
    call: Callable[[int], int],
    untyped,
) -> tuple[bytes, Color, Tree, Model, list[int | float | str | dt.datetime], dict[tuple[int, str], uuid.UUID],
           Shape, Opaque, Any, Path, decimal.Decimal, set[str], pd.DataFrame, Callable[[int], int], Any]:
    return (data, color, tree, model, mixed, keys, shape, opaque, anything, path, price, names, frame, call,
            untyped)


@env.task
async def everything(big: int = 200_000) -> str:
    now = dt.datetime(2024, 1, 2, tzinfo=dt.timezone.utc)
    tree = Tree(1, [Tree(2, data=b"\\xff")])
    given = (bytes(range(256)) * (big // 256), Color.PAIR, tree, Model(when=now, tree=tree),
             [1, 2.0, "2024-01-02", now], {(1, "a"): uuid.UUID(int=3)}, {"width": 1, "data": b"\\xfe"},
             Opaque(3), {1: {2}}, Path("/a"), decimal.Decimal("1.10"), {"a"},
             pd.DataFrame({"a": range(big // 8)}), lambda x: x + big, Opaque([1]))
    returned = await back(*given)
    for index, (one, other) in enumerate(zip(given, returned)):
        if index == 12:
            assert one.equals(other)
        elif index == 13:
            assert other(1) == big + 1
        else:
            assert one == other and type(one) is type(other), (one, other)
    assert type(returned[4][2]) is str and type(returned[4][3]) is dt.datetime
    found = await stats([1.0, 2.0])
    assert found.count == 2 and type(found) is Stats
    return "all is well"


@env.task
async def shout(file: File) -> tuple[File, Dir]:
    made = File.new_remote("shouted.txt")
    async with file.open("r") as source, made.open("w") as out:
        await out.write((await source.read()).upper())
    Path("folder").mkdir()
    Path("folder/inner.txt").write_text("inner")
    return made, await Dir.from_local("folder")


@env.task
async def files(file: File, table: pd.DataFrame, frame: DataFrame) -> dict[str, str]:
    made, folder = await shout(file)
    inner = [item async for item in folder.walk()]
    with made.open_sync("r") as content, inner[0].open_sync("r") as inside:
        return {"text": content.read(), "inner": inside.read(), "table": str(table["a"].sum()),
                "frame": str((await frame.open(pd.DataFrame).all())["a"].sum())}


"""
)
GIVEN = (
    CLASSES
    + """

@env.task
def describe(when: str | dt.datetime, data: bytes, color: Color, call: Callable, shape: Shape) -> str:
    return f"{type(when).__name__} {data!r} {color.name} {call.__name__} {shape}"


@env.task
def same(opaque: Opaque) -> Opaque:
    assert isinstance(opaque, Opaque)
    return opaque


if __name__ == "__main__":
    flyte.init_from_config()
    run = flyte.run(stats, [1.0, 2.0])
    run.wait(quiet=True)
    print(run.outputs())
    given = flyte.run(same, Opaque(4))
    given.wait(quiet=True)
    print(given.outputs()[0] == Opaque(4))
"""
)


def test_values_of_every_type_pass_between_tasks_locally_and_on_the_stack(cli: Cli) -> None:
    cli.write("types_flow.py", TYPES)
    for where in (["--local"], []):
        assert "all is well" in cli.ok("run", *where, "types_flow.py", "everything")


def test_files_and_tables_are_given_by_path_and_made_for_other_tasks(cli: Cli) -> None:
    cli.write("types_flow.py", TYPES)
    cli.write("in.txt", "hello")
    pd.DataFrame({"a": [1, 2]}).to_parquet(cli.folder / "t.parquet")
    (cli.folder / "t.csv").write_text("a\n3\n4\n")
    words = ["--file", "in.txt", "--table", "t.parquet", "--frame", "t.csv"]
    wanted = {"text": "HELLO", "inner": "inner", "table": "3", "frame": "7"}
    for where in (["--local"], []):
        assert json.dumps(wanted) in cli.ok("run", *where, "types_flow.py", "files", *words)
    assert json.dumps(wanted) in cli.ok("run", "deployed-task", "types.files", *words)


def test_a_deployed_task_takes_what_a_task_of_a_file_takes(cli: Cli) -> None:
    cli.write("given.py", GIVEN)
    words = ["--when", "2024-01-02", "--data", "ab", "--color", "PAIR", "--call", "json:loads"]
    words += ["--shape", '{"width": 1}']
    wanted = "datetime b'ab' PAIR loads {'width': 1}"
    assert wanted in cli.ok("run", "--local", "given.py", "describe", *words)
    assert wanted in cli.ok("run", "given.py", "describe", *words)
    assert wanted in cli.ok("run", "deployed-task", "types.describe", *words)


def test_a_script_gets_its_own_classes_back(cli: Cli) -> None:
    script = cli.write("given.py", GIVEN)
    done = cli.python("-W", "ignore", str(Path(script).name))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["ActionOutputs(mean=1.5, count=2)", "True"]
