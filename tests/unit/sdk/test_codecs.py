"""Each type of §2i of the surface goes over the wire and comes back as it was, alone and within others."""

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import operator
import pathlib
import typing
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NamedTuple, NewType, NotRequired, Optional, TypedDict, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import typing_extensions
from pydantic import BaseModel, ConfigDict, Field, HttpUrl, RootModel, SecretStr

from flyte._runtime import convert
from flyte._runtime.codecs import codec_of
from flyte._runtime.interface import native_interface
from flyte.errors import InlineIOMaxBytesBreached
from flyte.io import DataFrame, Dir, File, HashFunction
from testkit.wire import over_the_wire

pytestmark = pytest.mark.filterwarnings("ignore:.*Data will be pickled")


class Odd(enum.Enum):
    PAIR = (1, 2)
    TEXT = "text"


class Text(enum.Enum):
    A = "a"
    B = "b"


class Number(enum.IntEnum):
    ONE = 1
    TWO = 2


class Bits(enum.Flag):
    X = 1
    Y = 2


@dataclass
class Tree:
    value: int
    children: "list[Tree]" = field(default_factory=list)
    data: bytes = b""
    later: "Later | None" = None


@dataclass
class Later:
    text: str


@dataclass(frozen=True, slots=True)
class Derived:
    value: int
    double: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "double", 2 * self.value)


@dataclass
class Taking:
    value: int
    factor: dataclasses.InitVar[int] = 2

    def __post_init__(self, factor: int) -> None:
        self.value *= factor


class Model(BaseModel):
    data: bytes
    when: str | dt.datetime = ""
    anything: Any = None
    secret: SecretStr | None = None
    inner: "Model | None" = None
    text: Text = Text.A


class Aliased(BaseModel):
    user_id: int = Field(alias="userId")
    data: bytes = b""


class PlainAliased(BaseModel):
    user_id: int = Field(alias="userId")


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    lives: int = 9


class Zoo(BaseModel):
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]
    others: list[Cat | Dog] = []


class First(BaseModel):
    number: int = 1


class Second(BaseModel):
    number: int = 1


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    number: int


class Roots(RootModel[list[bytes]]):
    pass


class Point(NamedTuple):
    x: int
    when: dt.datetime = dt.datetime(2020, 1, 1)
    data: bytes = b""


Untyped = collections.namedtuple("Untyped", ["left", "right"])


class Shape(TypedDict):
    width: int
    data: NotRequired[bytes]


class LooseShape(typing_extensions.TypedDict, total=False):
    width: typing_extensions.Required[int]
    name: str


class Opaque:
    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.__dict__ == self.__dict__

    __hash__ = None  # type: ignore[assignment]


UserId = NewType("UserId", int)
T = TypeVar("T")
NOW = dt.datetime(2024, 1, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
Mixed = int | float | str | dt.datetime

ROUND_TRIPS: list[tuple[Any, Any]] = [
    (bytes, b"\xff\x00"),
    (bytearray, bytearray(b"x")),
    (bytes | None, b"\xff"),
    (dict[str, bytes], {"a": b"\xff"}),
    (set[bytes], {b"\xff"}),
    (tuple[int, bytes], (1, b"\xff")),
    (tuple[bytes, ...], (b"\xff", b"")),
    (tuple[()], ()),
    (uuid.UUID, uuid.UUID(int=7)),
    (decimal.Decimal, decimal.Decimal("1.10")),
    (pathlib.Path, pathlib.Path("/a/b")),
    (pathlib.PurePosixPath, pathlib.PurePosixPath("a")),
    (dt.time, dt.time(1, 2, 3, 4)),
    (dt.timedelta, -dt.timedelta(days=3, microseconds=1)),
    (complex, 1 + 2j),
    (range, range(3)),
    (Odd, Odd.PAIR),
    (list[Odd], [Odd.PAIR, Odd.TEXT]),
    (Bits, Bits.X | Bits.Y),
    (Bits, Bits(0)),
    (Literal[Text.A], Text.A),
    (dict[int, str], {2: "b", 1: "a"}),
    (dict[int, bytes], {2: b"b", -1: b""}),
    (dict[int, bytes] | None, {0: b""}),
    (dict[tuple[int, str], int], {(1, "a"): 1}),
    (dict[bool, int], {True: 1}),
    (dict[float, int], {1.5: 1}),
    (dict[Text, int], {Text.A: 1}),
    (dict[Number, int], {Number.TWO: 1}),
    (dict[uuid.UUID, int], {uuid.UUID(int=1): 1}),
    (dict[dt.datetime, int], {NOW: 1}),
    (dict[str | None, int], {None: 1, "a": 2}),
    (dict[str, Any], {"z": [1, NOW], "a": {1: 2}}),
    (Tree, Tree(1, [Tree(2, data=b"\xff")], b"", Later("x"))),
    (dict[str, list[Tree]], {"a": [Tree(1)]}),
    (Derived, Derived(3)),
    (Taking, Taking(3)),
    (Model, Model(data=b"\xff", when="2024-01-01")),
    (Model, Model(data=b"", when=NOW, anything={1: 2}, secret=SecretStr("pw"), inner=Model(data=b"x"))),
    (Aliased, Aliased(userId=3, data=b"\xff")),
    (PlainAliased, PlainAliased(userId=3)),
    (Zoo, Zoo(pet=Dog(), others=[Dog(), Cat()])),
    (Open, Open(number=1, more={1})),
    (Roots, Roots([b"\xff"])),
    (HttpUrl, HttpUrl("http://a.example/b")),
    (First | Second, First()),
    (First | Second, Second()),
    (list[First | Second], [Second(), First()]),
    (str | dt.datetime, NOW),
    (str | dt.datetime, "2024-01-01"),
    (Mixed, NOW),
    (Mixed, 3),
    (Mixed, 3.0),
    (Mixed, "3"),
    (list[Mixed], ["x", NOW, 1.0, 1]),
    (str | bytes, "YQ=="),
    (str | bytes, b"a"),
    (str | uuid.UUID | pathlib.Path, pathlib.Path("a")),
    (str | list[int], [1]),
    (list[str] | list[dt.date], [dt.date(2024, 1, 1)]),
    (dict[str, int] | Shape, {"$case": 1, "value": 2}),
    (Optional[Odd], None),  # noqa: UP045
    (Point, Point(1, data=b"\xfe")),
    (list[Point], [Point(1)]),
    (Untyped, Untyped(1, NOW)),
    (Shape, {"width": 1}),
    (Shape, {"width": 1, "data": b"\xff"}),
    (LooseShape, {"width": 1, "name": "a"}),
    (Opaque, Opaque({1: 2})),
    (list[Opaque], [Opaque(1)]),
    (Opaque | None, None),
    (int | Opaque, Opaque(1)),
    (Any, Opaque(2)),
    (Any, {1: 2}),
    (Any | None, None),
    (Any, {"$pickle": "x"}),
    (Any, {"$json": {"$pickle": 1}}),
    (Any, [1, (2, 3)]),
    (object, {"a": 1}),
    (dict, {"$pickle": "x"}),
    (dict, {1: {2}}),
    (list, [1, (2,)]),
    (tuple, (1, "a")),
    (set, {1, "a"}),
    (frozenset, frozenset({1})),
    (typing.List, [1]),  # noqa: UP006
    (typing.Dict, {"a": 1}),  # noqa: UP006
    (typing.Dict[str, int], {"a": 1}),  # noqa: UP006
    (Sequence[int], [1]),
    (Mapping[str, bytes], {"a": b"\xff"}),
    (collections.OrderedDict, collections.OrderedDict(a=1)),
    (Callable[[int], int], operator.neg),
    (type, int),
    (UserId, UserId(3)),
    (list[UserId], [UserId(3)]),
    (T, 3),
    (Annotated[int, Field(gt=0)], 3),
    (Annotated[bytes, "a note"], b"\xff"),
    (np.float64, np.float64(3.5)),
    (File, File(path="/a/b.txt", format="txt", hash="h")),
    (File[str], File(path="/a")),
    (dict[str, list[File]], {"a": [File(path="/a")]}),
    (Dir, Dir(path="/a")),
    (DataFrame, DataFrame(uri="/a")),
]


@pytest.mark.parametrize(("annotation", "value"), ROUND_TRIPS)
def test_a_value_comes_back_as_it_went(annotation: Any, value: Any) -> None:
    back = over_the_wire(annotation, value)
    assert back == value
    assert type(back) is type(value)


def test_lambdas_and_closures_travel() -> None:
    three = 3
    assert over_the_wire(Callable[[int], int], lambda x: x + three)(1) == 4


def test_a_list_that_holds_itself_travels() -> None:
    loop: list[Any] = []
    loop.append(loop)
    back = over_the_wire(list, loop)
    assert back[0] is back


@pytest.mark.parametrize("given", [(1, 2), {1, 2}, range(1, 3)])
def test_what_is_iterable_arrives_as_a_list(given: Any) -> None:
    assert over_the_wire(Iterable[int], given) == [1, 2]


@pytest.mark.parametrize(
    ("annotation", "value", "wanted"),
    [
        (int, np.int64(3), 3),
        (float, np.float32(1.5), 1.5),
        (bool, np.bool_(True), True),
        (list[float], [np.float64(1), 2.0], [1.0, 2.0]),
        (dict[str, int], {"a": np.int64(1)}, {"a": 1}),
    ],
)
def test_numbers_of_numpy_stand_for_those_of_python(annotation: Any, value: Any, wanted: Any) -> None:
    back = over_the_wire(annotation, value)
    assert back == wanted
    assert type(back) is type(wanted)


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [1.5, float("nan")]}, index=["i", "j"]),
        pd.DataFrame({0: [1], 1: ["a"]}),
        pd.DataFrame({"mixed": [1, "x", {2}]}),
        pd.DataFrame(),
        pd.Series([1, 2]),
        pa.table({"a": [1, 2], "b": [["x"], []]}),
    ],
)
def test_tables_travel_alone_and_within_others(table: Any) -> None:
    kind = type(table)
    assert over_the_wire(kind, table).equals(table)
    assert over_the_wire(kind | None, table).equals(table)
    assert over_the_wire(dict[str, kind], {"k": table})["k"].equals(table)  # type: ignore[valid-type]
    assert over_the_wire(Annotated[kind, HashFunction.from_fn(str)], table).equals(table)


def test_an_array_of_numpy_travels() -> None:
    assert (over_the_wire(np.ndarray, np.arange(6).reshape(2, 3)) == np.arange(6).reshape(2, 3)).all()


@pytest.mark.parametrize(
    ("annotation", "value", "reason"),
    [
        (bytes, "a", "Input should be valid bytes"),
        (bytes | None, 3, "Input should be valid bytes"),
        (Odd, "PAIR", "Input should be a member of Odd"),
        (Opaque, 3, "Input should be an instance of Opaque"),
        (First | Second, 3, r"\(as First\); .* \(as Second\)"),
        (
            Tree,
            {"value": 1, "children": [{"value": "x"}]},
            r"at children\.0\.value: Input",
        ),
        (Tree, {"value": 1, "valu": 2}, "at valu: Tree has no such field"),
        (Shape, {}, "at width: Field required"),
        (dict[str, bytes], {"a": 1}, "at a: Input should be valid bytes"),
        (tuple[int, bytes], (1,), "Tuple should have 2 items, not 1"),
        (list[bytes], (b"",), "Input should be a valid list"),
        (list, (1,), "Input should be a valid list"),
        (dict, [1], "Input should be a valid dictionary"),
        (set, [1], "Input should be a valid set"),
        (Any, (item for item in ()), "generator cannot be pickled"),
        (Callable[[], int], 3, "Input should be an instance of Callable"),
        (pd.DataFrame, 3, r"Input should be a pandas\.DataFrame"),
        (str, "\ud800", "JSON cannot hold it"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(annotation: Any, value: Any, reason: str) -> None:
    with pytest.raises(TypeError, match=f"Reason: {reason}|Reason: .*{reason}"):
        over_the_wire(annotation, value)


def test_a_pickle_that_cannot_be_read_is_told() -> None:
    with pytest.raises(ValueError, match="the pickle cannot be read here"):
        codec_of(Any).decode({"$pickle": "bm9uc2Vuc2U="})


def test_a_member_of_a_union_goes_untagged_when_its_json_says_enough() -> None:
    codec = codec_of(str | dt.datetime)
    assert codec.encode("2024-01-01") == "2024-01-01"
    assert codec.encode(NOW) == {"$case": "datetime", "value": "2024-01-01T02:03:04.000005Z"}


def test_inputs_larger_than_the_task_allows_are_refused_and_tables_do_not_count() -> None:
    def task(text: str, table: Any = None) -> str: ...  # type: ignore[empty-body]

    interface = native_interface(task, "env.task", max_inline_io_bytes=1000)
    convert.inputs_to_wire(interface, {"text": "x" * 900, "table": "y" * 10_000})
    with pytest.raises(InlineIOMaxBytesBreached, match=r"the inputs of task env\.task are 1002 bytes"):
        convert.inputs_to_wire(interface, {"text": "x" * 1000})
    with pytest.raises(InlineIOMaxBytesBreached, match="the outputs of task"):
        convert.outputs_to_wire(interface, "x" * 1000)
