"""The table of what each type takes on a command line: for a task of a file, and for one that is deployed."""

import datetime
import enum
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, Optional, TypedDict, Union

import pandas as pd
import pytest
from pydantic import BaseModel, Field

import flyte
from flyte._cli.inputs import BadInputs, parse_inputs, specs_of, specs_of_wire
from flyte._cli.times import BadText, parse_duration, parse_moment
from flyte._runtime import convert
from flyte._runtime.interface import NativeInterface, native_interface, wire_interface
from flyte.io import DataFrame, Dir, File


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Odd(enum.Enum):
    PAIR = (1, 2)


@dataclass
class Item:
    name: str
    price: float = 0.0
    when: datetime.datetime | None = None
    tags: list[str] = field(default_factory=list)


@dataclass
class Blob:
    data: bytes
    size: int = 3


class Model(BaseModel):
    item: Item
    color: Color = Color.RED


class Point(NamedTuple):
    x: int
    y: float = 0.5


class Shape(TypedDict):
    width: int
    height: NotRequired[int]


class Opaque:
    """A class that is only known here."""


OPAQUE = Opaque()


def double(x: int) -> int:
    return 2 * x


Way = Callable[[NativeInterface, tuple[str, ...]], Any]


def of_a_file(interface: NativeInterface, tokens: tuple[str, ...]) -> Any:
    """What a task gets when it is run from its file."""
    given = parse_inputs(specs_of(interface), tokens)
    literals = convert.inputs_to_wire(interface, given)
    return convert.inputs_from_wire(interface, literals)["x"]


def deployed(interface: NativeInterface, tokens: tuple[str, ...]) -> Any:
    """What a deployed task gets, whose types are known by its template only."""
    given = parse_inputs(specs_of_wire(wire_interface(interface)), tokens)
    parameter = interface.inputs["x"]
    if "x" not in given:
        return parameter.default
    return convert.from_json(parameter, json.loads(json.dumps(given["x"])))


both_ways = pytest.mark.parametrize("way", [of_a_file, deployed])


def task_with(annotation: Any, **default: Any) -> NativeInterface:
    def task(x) -> None: ...

    task.__annotations__["x"] = annotation
    task.__defaults__ = tuple(default.values())
    return native_interface(task, "env.task")


def moment(*parts: int) -> datetime.datetime:
    return datetime.datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


ACCEPTED: list[tuple[Any, str, Any]] = [
    (int, "-3", -3),
    (int, "3", 3),
    (int, str(2**70), 2**70),
    (float, "3", 3.0),
    (float, "1e-3", 0.001),
    (float, "inf", float("inf")),
    (str, "a b", "a b"),
    (str, "", ""),
    (str, "3", "3"),
    (list[int], "[1,2]", [1, 2]),
    (list[str], '["a"]', ["a"]),
    (list[Item], '[{"name": "a"}]', [Item("a")]),
    (list[File], '["/data/a.txt"]', [File(path="/data/a.txt")]),
    (dict[str, int], '{"b": 1, "a": 2}', {"b": 1, "a": 2}),
    (dict[int, str], '{"1": "a"}', {1: "a"}),
    (dict[Level, str], '{"1": "a"}', {Level.LOW: "a"}),
    (dict, '{"a": [1]}', {"a": [1]}),
    (list, '[1, "a"]', [1, "a"]),
    (tuple, "[1, 2]", (1, 2)),
    (set, "[1]", {1}),
    (set[int], "[1, 1]", {1}),
    (Item, '{"name": "a", "price": 2}', Item("a", 2.0)),
    (
        Item,
        '{"name": "a", "when": "2024-01-02T03:04:05Z"}',
        Item("a", 0.0, moment(2024, 1, 2, 3, 4, 5)),
    ),
    (Blob, '{"data": "/w=="}', Blob(b"\xff")),
    (Model, '{"item": {"name": "a"}}', Model(item=Item("a"))),
    (Point, '{"x": 1}', Point(1)),
    (Point, "[1, 2]", Point(1, 2.0)),
    (Shape, '{"width": 1}', {"width": 1}),
    (tuple[int, str], '[1, "a"]', (1, "a")),
    (tuple[int, ...], "[1, 2, 3]", (1, 2, 3)),
    (datetime.datetime, "2024-01-02", moment(2024, 1, 2)),
    (datetime.datetime, "2024-01-02T03:04:05", moment(2024, 1, 2, 3, 4, 5)),
    (datetime.datetime, "2024-01-02 03:04:05", moment(2024, 1, 2, 3, 4, 5)),
    (datetime.datetime, "2024-01-02T03:04:05Z", moment(2024, 1, 2, 3, 4, 5)),
    (datetime.datetime, "2024-01-02T03:04:05+02:00", moment(2024, 1, 2, 1, 4, 5)),
    (date, "2024-01-02", date(2024, 1, 2)),
    (datetime.time, "03:04:05", datetime.time(3, 4, 5)),
    (timedelta, "PT1H30M", timedelta(minutes=90)),
    (timedelta, "10 days", timedelta(days=10)),
    (timedelta, "1:24", timedelta(seconds=84)),
    (timedelta, "60", timedelta(seconds=60)),
    (Color, "RED", Color.RED),
    (Color, "red", Color.RED),
    (Level, "HIGH", Level.HIGH),
    (Level, "2", Level.HIGH),
    (Odd, "PAIR", Odd.PAIR),
    (Literal["a", "b"], "a", "a"),
    (Literal["a", "b"], "A", "a"),
    (Literal[1, 2], "2", 2),
    (Optional[int], "3", 3),  # noqa: UP045
    (int | None, "3", 3),
    (bool | None, "true", True),
    (bool | None, "false", False),
    (Color | None, "RED", Color.RED),
    (Item | None, '{"name": "a"}', Item("a")),
    (int | float | str, "3", 3),
    (int | float | str, "3.5", 3.5),
    (int | float | str, "abc", "abc"),
    (str | int, "3", 3),
    (str | datetime.datetime, "2024-01-02", moment(2024, 1, 2)),
    (str | datetime.datetime, "soon", "soon"),
    (Union[str, int, Item], '{"name": "a"}', '{"name": "a"}'),  # noqa: UP007
    (Item | int | None, '{"name": "a"}', Item("a")),
    (Item | int | None, "3", 3),
    (Annotated[int, Field(gt=0)], "3", 3),
    (bytes, "grün", "grün".encode()),
    (Path, "/a/b", Path("/a/b")),
    (uuid.UUID, "12345678-1234-5678-1234-567812345678", uuid.UUID("12345678123456781234567812345678")),
    (Decimal, "1.10", Decimal("1.10")),
    (Any, '{"a": 1}', {"a": 1}),
    (Any, "plain", "plain"),
    (Any, "json:loads", json.loads),
    (Callable[[str], Any], "json:loads", json.loads),
    (type, "json:JSONDecoder", json.JSONDecoder),
]

REFUSED: list[tuple[Any, str]] = [
    (int, "3.5"),
    (int, "three"),
    (int, ""),
    (int, "true"),
    (float, "x"),
    (list[int], "1"),
    (list[int], "a"),
    (list[int], '["a"]'),
    (dict[str, int], "[]"),
    (dict[str, int], '{"a": "b"}'),
    (Item, "{}"),
    (Item, '{"name": 3}'),
    (Item, "missing.json"),
    (Blob, '{"data": "%"}'),
    (Point, "{}"),
    (Shape, '{"width": 1, "depth": 2}'),
    (tuple[int, str], "[1]"),
    (datetime.datetime, "soon"),
    (datetime.datetime, "now - a while"),
    (date, "2024-13-01"),
    (timedelta, "a while"),
    (Color, "GREEN"),
    (Color, "Red"),
    (Literal["a"], "b"),
    (int | None, "none"),
    (bool | None, "maybe"),
    (Annotated[int, Field(gt=0)], "0"),
    (uuid.UUID, "x"),
    (Callable[[str], Any], "loads"),
    (Callable[[str], Any], "json:nothing"),
    (Opaque, "{}"),
]


@both_ways
@pytest.mark.parametrize(("annotation", "text", "value"), ACCEPTED)
@pytest.mark.filterwarnings("ignore:.*Data will be pickled")
def test_text_becomes_exactly_this_value(way: Way, annotation: Any, text: str, value: Any) -> None:
    interface = task_with(annotation)
    for tokens in (("--x", text), (f"--x={text}",)):
        found = way(interface, tokens)
        assert found == value
        assert type(found) is type(value)


@pytest.mark.parametrize(("annotation", "text"), REFUSED)
@pytest.mark.filterwarnings("ignore:.*Data will be pickled")
def test_text_that_does_not_fit_is_refused_before_anything_runs(annotation: Any, text: str) -> None:
    with pytest.raises(BadInputs, match="input --x: expected "):
        of_a_file(task_with(annotation), ("--x", text))


@pytest.mark.parametrize(
    ("default", "tokens", "value"),
    [
        ({}, (), False),
        ({}, ("--x",), True),
        ({}, ("--no-x",), False),
        ({"default": True}, (), True),
        ({"default": True}, ("--no-x",), False),
        ({"default": True}, ("--x",), True),
        ({"default": False}, ("--x",), True),
        ({}, ("--x", "true"), True),
        ({}, ("--x=false",), False),
    ],
)
@both_ways
def test_a_bool_is_a_flag(way: Way, default: dict[str, Any], tokens: tuple[str, ...], value: bool) -> None:
    assert way(task_with(bool, **default), tokens) is value
    with pytest.raises(BadInputs, match="expected true or false"):
        way(task_with(bool, **default), ("--x=maybe",))


@both_ways
@pytest.mark.parametrize("annotation", [int | None, bool | None, Item | int | None, pd.DataFrame | None])
def test_an_optional_input_that_is_left_out_is_none(way: Way, annotation: Any) -> None:
    assert way(task_with(annotation), ()) is None


@both_ways
@pytest.mark.parametrize("annotation", [Item, Model, dict, dict[str, Any], Item | None])
def test_parts_may_come_from_a_file(way: Way, annotation: Any, tmp_path: Path) -> None:
    content = {"item": {"name": "a"}} if annotation is Model else {"name": "a"}
    (tmp_path / "x.json").write_text(json.dumps(content))
    (tmp_path / "x.yaml").write_text(json.dumps(content))
    wanted = of_a_file(task_with(annotation), ("--x", json.dumps(content)))
    for name in ("x.json", "x.yaml"):
        assert way(task_with(annotation), ("--x", str(tmp_path / name))) == wanted


@both_ways
def test_a_list_may_come_from_a_file(way: Way, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("[1, 2]")
    assert way(task_with(list[int]), ("--x", str(tmp_path / "x.json"))) == [1, 2]


@both_ways
def test_a_file_and_a_folder_are_given_by_paths_that_exist(
    way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("hello")
    file = way(task_with(File), ("--x", "a.txt"))
    assert (file.path, file.name) == (str(tmp_path / "a.txt"), "a.txt")
    assert way(task_with(Dir), ("--x", ".")).path == str(tmp_path)
    assert way(task_with(File | None), ("--x", "a.txt")).path == file.path
    assert way(task_with(File), ("--x", "s3://bucket/key")).path == "s3://bucket/key"
    for annotation, text, message in (
        (File, "b.txt", "there is no file b.txt"),
        (File, ".", "is a folder"),
        (Dir, "a.txt", "is a file"),
    ):
        with pytest.raises(BadInputs, match=message):
            way(task_with(annotation), ("--x", text))


@both_ways
def test_a_table_is_given_by_the_path_of_parquet_or_csv(way: Way, tmp_path: Path) -> None:
    table = pd.DataFrame({"a": [1, 2]})
    table.to_parquet(tmp_path / "x.parquet")
    table.to_csv(tmp_path / "x.csv", index=False)
    (tmp_path / "x.txt").write_text("a")
    for name in ("x.parquet", "x.csv"):
        assert way(task_with(pd.DataFrame), ("--x", str(tmp_path / name))).equals(table)
        opened = way(task_with(DataFrame), ("--x", str(tmp_path / name))).open(pd.DataFrame)
        assert opened.all_sync().equals(table)
    with pytest.raises(BadInputs, match="is not a Parquet or CSV file"):
        way(task_with(pd.DataFrame), ("--x", str(tmp_path / "x.txt")))


@pytest.mark.filterwarnings("ignore:.*Data will be pickled")
def test_an_object_of_a_class_is_named_by_its_place() -> None:
    place = f"{__name__}:OPAQUE"
    assert isinstance(of_a_file(task_with(Opaque), ("--x", place)), Opaque)
    env = flyte.TaskEnvironment(name="env")

    @env.task
    def untyped(x):  # type: ignore[no-untyped-def]
        return x

    assert of_a_file(untyped.native_interface, ("--x", "json:loads")) is json.loads


def test_dashes_are_an_alias_of_underscores_and_a_list_is_given_once() -> None:
    def task(my_flag: bool, my_numbers: list[int]) -> None: ...

    specs = specs_of(native_interface(task, "env.task"))
    given = parse_inputs(specs, ["--my-flag", "--my-numbers", "[1]"])
    assert given == {"my_flag": True, "my_numbers": [1]}
    assert parse_inputs(specs, ["--no-my-flag", "--my_numbers", "[1]"])["my_flag"] is False
    with pytest.raises(BadInputs, match="given twice"):
        parse_inputs(specs, ["--my-numbers", "[1]", "--my_numbers", "[2]"])


NOW = moment(2024, 5, 6, 7, 8, 9)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("now", NOW),
        ("today", moment(2024, 5, 6)),
        ("now - PT1H", NOW - timedelta(hours=1)),
        ("now + 1 days", NOW + timedelta(days=1)),
        ("now - 1 day", NOW - timedelta(days=1)),
        ("now-90", NOW - timedelta(seconds=90)),
        ("today + 1:30:00", moment(2024, 5, 6, 1, 30)),
        ("NOW", NOW),
    ],
)
def test_points_in_time_may_be_relative(text: str, value: datetime.datetime) -> None:
    assert parse_moment(text, NOW) == value


@pytest.mark.parametrize(("text", "seconds"), [("1:02:03", 3723), ("0.5", 0.5), ("2 weeks", 1209600)])
def test_durations_have_several_forms(text: str, seconds: float) -> None:
    assert parse_duration(text).total_seconds() == seconds


def test_a_duration_that_is_none_is_refused() -> None:
    with pytest.raises(BadText, match="expected a duration"):
        parse_duration("PT")
