"""Types within types, made at random: what goes over the wire is what comes out, to the last member."""

import dataclasses
import datetime as dt
import decimal
import uuid
from typing import Any, NamedTuple, Optional, Union

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import create_model
from typing_extensions import TypedDict  # on Python 3.11 pydantic takes no other

from testkit.wire import over_the_wire

Case = tuple[Any, st.SearchStrategy[Any]]
"""A type and how to make its values."""

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS: list[Case] = [
    (int, st.integers()),
    (float, st.floats(allow_nan=False)),
    (bool, st.booleans()),
    (str, TEXT),
    (bytes, st.binary()),
    (dt.datetime, st.datetimes(timezones=st.just(dt.UTC))),
    (dt.date, st.dates()),
    (dt.timedelta, st.timedeltas(dt.timedelta(days=-90_000), dt.timedelta(days=90_000))),
    (uuid.UUID, st.uuids()),
    (decimal.Decimal, st.decimals(allow_nan=False, allow_infinity=False)),
]
KEYS: list[Case] = [(str, TEXT), (int, st.integers()), (bool, st.booleans()), (dt.date, st.dates())]


def optional(inner: Case) -> Case:
    return Optional[inner[0]], st.none() | inner[1]  # noqa: UP045


def one_of(members: list[Case]) -> Case:
    return Union[tuple(kind for kind, _ in members)], st.one_of(*(values for _, values in members))  # noqa: UP007


def list_of(inner: Case) -> Case:
    return list[inner[0]], st.lists(inner[1], max_size=3)  # type: ignore[name-defined]


def dict_of(key: Case, inner: Case) -> Case:
    return dict[key[0], inner[0]], st.dictionaries(key[1], inner[1], max_size=3)  # type: ignore[name-defined]


def tuple_of(parts: list[Case]) -> Case:
    return tuple[tuple(kind for kind, _ in parts)], st.tuples(*(values for _, values in parts))  # type: ignore[misc]


def dataclass_of(parts: list[Case]) -> Case:
    fields = [(f"f{index}", kind) for index, (kind, _) in enumerate(parts)]
    made = dataclasses.make_dataclass("Made", fields)
    return made, st.builds(made, *(values for _, values in parts))


def model_of(parts: list[Case]) -> Case:
    fields: dict[str, Any] = {f"f{index}": (kind, ...) for index, (kind, _) in enumerate(parts)}
    made = create_model("MadeModel", **fields)
    return made, st.builds(made, **{f"f{index}": values for index, (_, values) in enumerate(parts)})


def named_tuple_of(parts: list[Case]) -> Case:
    made = NamedTuple("MadeTuple", [(f"f{index}", kind) for index, (kind, _) in enumerate(parts)])  # type: ignore[misc]
    return made, st.builds(made, *(values for _, values in parts))


def typed_dict_of(parts: list[Case]) -> Case:
    made = TypedDict("MadeDict", {f"f{index}": kind for index, (kind, _) in enumerate(parts)})  # type: ignore[misc]
    return made, st.fixed_dictionaries({f"f{index}": values for index, (_, values) in enumerate(parts)})


def within(inner: st.SearchStrategy[Case]) -> st.SearchStrategy[Case]:
    several = st.lists(inner, min_size=2, max_size=3)
    return st.one_of(
        inner.map(optional),
        inner.map(list_of),
        st.builds(dict_of, st.sampled_from(KEYS), inner),
        several.map(tuple_of),
        several.map(dataclass_of),
        several.map(model_of),
        several.map(named_tuple_of),
        several.map(typed_dict_of),
        st.lists(st.sampled_from(SCALARS), min_size=2, max_size=4, unique_by=lambda case: case[0]).map(
            one_of
        ),
    )


CASES = st.recursive(st.sampled_from(SCALARS), within, max_leaves=6)


def same(left: Any, right: Any) -> bool:
    """Equal, and of equal types all the way down: True is not 1 here."""
    if type(left) is not type(right):
        return False
    if dataclasses.is_dataclass(left) or hasattr(left, "model_fields_set"):
        return same(vars(left), vars(right))
    if isinstance(left, dict):
        return len(left) == len(right) and all(
            same(*pair)
            for pairs in zip(left.items(), right.items(), strict=True)
            for pair in zip(*pairs, strict=True)
        )
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_value_of_any_nested_type_survives_the_wire(data: st.DataObject) -> None:
    annotation, values = data.draw(CASES)
    value = data.draw(values)
    assert same(over_the_wire(annotation, value), value)
