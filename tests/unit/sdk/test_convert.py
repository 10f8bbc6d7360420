"""Values pass between tasks unchanged, and what does not fit says so."""

import enum
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, NotRequired, Optional, Union

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from typing_extensions import TypedDict

from flyte._runtime import convert, wire_json
from flyte._runtime.interface import native_interface
from flyte.errors import RuntimeDataValidationError
from flyte_schemas.literals import InlineLiteral, ReferencedLiteral


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@dataclass
class Item:
    name: str
    price: float = 0.0
    tags: list[str] = field(default_factory=list)


@dataclass
class Cart:
    items: list[Item]
    owner: Item | None = None


class Model(BaseModel):
    when: datetime
    nested: dict[str, Item]


class Shape(TypedDict):
    width: int
    height: NotRequired[int]


def through_the_wire(annotation: Any, value: Any) -> Any:
    """The value after a trip through a literal and the wire's own JSON."""

    def task(x) -> None: ...

    task.__annotations__["x"] = annotation
    interface = native_interface(task, "env.task")
    literals = convert.inputs_to_wire(interface, {"x": value})
    sent = orjson.dumps({name: literal.model_dump() for name, literal in literals.items()})
    received = {name: InlineLiteral.model_validate(item) for name, item in orjson.loads(sent).items()}
    return convert.inputs_from_wire(interface, received)["x"]


ROUND_TRIPS = [
    (int, 3),
    (int, -(2**63)),
    (int, 2**200),
    (int, -(2**90)),
    (float, 1.5),
    (float, 1e300),
    (float, math.inf),
    (float, -math.inf),
    (bool, True),
    (str, ""),
    (str, "grüß dich 🚀 \u2028 \x00"),
    (None, None),
    (list[int], [1, 2, 3]),
    (list, [1, "a", None]),
    (list[list[str]], [["a"], []]),
    (dict, {"b": 1, "a": [2.5, {"c": None}]}),
    (dict[str, int], {"z": 1, "a": 2, "m": 3}),
    (dict[int, str], {3: "c", 1: "a"}),
    (tuple[int, str], (1, "a")),
    (tuple[int, ...], (1, 2, 3)),
    (set[int], {1, 2}),
    (Optional[int], None),  # noqa: UP045
    (int | None, 4),
    (int | float | str, 3),
    (int | float | str, 3.0),
    (int | float | str, "3"),
    (Union[str, list[int]], [1]),  # noqa: UP007
    (bool | int, True),
    (bool | int, 1),
    (Color, Color.BLUE),
    (Level, Level.HIGH),
    (list[Color], [Color.RED]),
    (Literal["a", 1], 1),
    (date, date(2024, 2, 29)),
    (datetime, datetime(2024, 2, 29, 12, 30, 1, 123456, tzinfo=UTC)),
    (datetime, datetime(2024, 2, 29, 12, 30)),
    (timedelta, timedelta(days=1, seconds=2, microseconds=3)),
    (Item, Item("a", 1.5, ["x"])),
    (Cart, Cart([Item("a")], Item("b"))),
    (Model, Model(when=datetime(2024, 1, 1, tzinfo=UTC), nested={"k": Item("a")})),
    (Shape, {"width": 1}),
    (dict[str, list[Item]], {"k": [Item("a")]}),
    (Any, {"a": [1, 2.5, "x", None, True]}),
    (dict, {"$float": "NaN"}),
    (dict, {"$int": "3", "other": 1}),
    (dict, {"$dict": {"$float": "NaN"}}),
    (dict, {"loss": math.inf, "big": 2**70}),
]


@pytest.mark.parametrize(("annotation", "value"), ROUND_TRIPS)
def test_a_value_comes_back_as_it_went(annotation: Any, value: Any) -> None:
    back = through_the_wire(annotation, value)
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize(
    ("annotation", "value", "pick"),
    [
        (float, math.nan, lambda back: back),
        (int | float | str, math.nan, lambda back: back),
        (dict, {"loss": math.nan}, lambda back: back["loss"]),
        (Any, [math.nan], lambda back: back[0]),
        (Item, Item("a", math.nan), lambda back: back.price),
    ],
)
def test_nan_stays_nan(annotation: Any, value: Any, pick: Callable[[Any], float]) -> None:
    assert math.isnan(pick(through_the_wire(annotation, value)))


def test_the_order_of_a_dict_is_kept() -> None:
    assert list(through_the_wire(dict[str, int], {"z": 1, "a": 2, "m": 3})) == ["z", "a", "m"]


def test_an_int_may_stand_for_a_float() -> None:
    back = through_the_wire(float, 3)
    assert back == 3.0
    assert type(back) is float


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (Item, {"name": "a"}, Item("a")),
        (list[Item], [{"name": "a", "price": 2}], [Item("a", 2.0)]),
        (Item | None, {"name": "a"}, Item("a")),
        (Model, {"when": datetime(2024, 1, 1, tzinfo=UTC), "nested": {}}, None),
    ],
)
def test_a_dict_may_stand_for_a_dataclass_or_model(annotation: Any, value: Any, expected: Any) -> None:
    back = through_the_wire(annotation, value)
    assert back == (expected or Model(**value))


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (int, "3"),
        (int, 3.0),
        (int, True),
        (str, 3),
        (bool, 1),
        (float, "1.5"),
        (list[int], (1, 2)),
        (list[int], ["1"]),
        (Color, "red"),
        (date, "2024-01-01"),
        (Literal["a"], "b"),
        (Item, {"nam": "a"}),
        (Item, {"name": 3}),
        (Cart, Cart(items=["not an item"])),  # type: ignore[list-item]
        (int | None, "x"),
        (dict[str, int], {"a": "1"}),
    ],
)
def test_a_value_of_another_type_is_refused(annotation: Any, value: Any) -> None:
    with pytest.raises(TypeError, match="Type conversion failed for variable 'x'"):
        through_the_wire(annotation, value)


def test_a_refusal_names_variable_type_value_and_reason() -> None:
    with pytest.raises(TypeError) as caught:
        through_the_wire(list[int], [1, "two"])
    assert str(caught.value).splitlines() == [
        "Type conversion failed for variable 'x'.",
        "  Expected type: list[int]",
        "  Actual type: list",
        "  Value received: [1, 'two']",
        "  Reason: at 1: Input should be a valid integer",
    ]


def test_a_missing_input_takes_its_default_and_an_unknown_one_is_refused() -> None:
    def task(x: int, y: str = "why") -> None: ...

    interface = native_interface(task, "env.task")
    assert convert.inputs_from_wire(interface, {"x": InlineLiteral(value=1)}) == {"x": 1, "y": "why"}
    with pytest.raises(TypeError, match="Missing required inputs: x"):
        convert.inputs_from_wire(interface, {})
    with pytest.raises(TypeError, match="no input 'z'"):
        convert.inputs_from_wire(interface, {"x": InlineLiteral(value=1), "z": InlineLiteral(value=1)})


def test_one_output_is_a_value_and_a_tuple_is_several() -> None:
    def one() -> list[int]: ...
    def two() -> tuple[int, str]: ...
    def none() -> None: ...

    for func, value, names in ((one, [1], ["o0"]), (two, (1, "a"), ["o0", "o1"]), (none, None, [])):
        interface = native_interface(func, "env.f")
        literals = convert.outputs_to_wire(interface, value)
        assert list(literals) == names
        assert convert.outputs_from_wire(interface, literals) == value


def test_a_wrong_return_value_is_told_in_the_known_words() -> None:
    def task() -> int: ...

    with pytest.raises(RuntimeDataValidationError) as caught:
        convert.outputs_to_wire(native_interface(task, "env.task"), "nope")
    assert caught.value.code == "DataValidationError"
    assert str(caught.value) == (
        "In task env.task variable o0, failed to serialize/deserialize because of "
        "Expected value of type <class 'int'> but got 'nope' of type <class 'str'>"
    )


@pytest.mark.parametrize("returned", [(1,), (1, "a", 2), [1, "a"], None])
def test_a_tuple_of_another_length_is_refused(returned: Any) -> None:
    def task() -> tuple[int, str]: ...

    with pytest.raises(RuntimeDataValidationError, match="Expected a tuple of 2 values"):
        convert.outputs_to_wire(native_interface(task, "env.task"), returned)


def test_a_value_of_a_task_that_declares_none_is_dropped_with_a_warning() -> None:
    def task() -> None: ...

    with pytest.warns(UserWarning, match="declares none"):
        assert convert.outputs_to_wire(native_interface(task, "env.task"), 3) == {}


def test_a_reference_must_be_fetched_before_it_is_read() -> None:
    literal = ReferencedLiteral(uri="flyte://artifacts/p/d/x", sha256="0" * 64, size_bytes=3)
    with pytest.raises(TypeError, match="was not fetched"):
        convert.inline_value(literal)


json_data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text() | st.sampled_from(["$float", "$int", "$dict"]), inner, max_size=3)
    ),
    max_leaves=20,
)


@given(json_data)
def test_any_json_data_survives_the_wire(value: Any) -> None:
    assert wire_json.unwrap(orjson.loads(orjson.dumps(wire_json.wrap(value)))) == value
