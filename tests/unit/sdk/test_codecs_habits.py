"""Types as people write them, though they are not quite what they say."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd
import pytest
from pydantic import BaseModel, ConfigDict, Field

from flyte._runtime.codecs import codec_of
from testkit.wire import over_the_wire


@dataclass
class Sloppy:
    count: int = None  # type: ignore[assignment]
    tags: list[str] = None  # type: ignore[assignment]
    cap: int | None = None


class SloppyPoint(NamedTuple):
    x: int = None  # type: ignore[assignment]


@pytest.mark.parametrize("value", [Sloppy(), Sloppy(1, ["a"], 2), SloppyPoint(), SloppyPoint(3)])
def test_a_field_whose_default_is_none_may_be_none(value: Any) -> None:
    assert over_the_wire(type(value), value) == value


@dataclass
class Moment:
    at: dt.datetime
    daily: dt.time | None = None


NEW_YEAR = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("annotation", "value", "pick"),
    [
        (dt.datetime, NEW_YEAR, lambda value: value),
        (list[dt.datetime], [NEW_YEAR], lambda value: value[0]),
        (Moment, Moment(NEW_YEAR, dt.time(1, tzinfo=dt.UTC)), lambda value: value.at),
    ],
)
def test_the_zone_of_a_time_is_one_that_pandas_takes_for_utc(
    annotation: Any, value: Any, pick: Callable[[Any], Any]
) -> None:
    back = pick(over_the_wire(annotation, value))
    assert type(back.tzinfo) is dt.timezone
    assert len(pd.date_range(back, dt.datetime(2024, 1, 3, tzinfo=dt.UTC))) == 3


def test_a_record_whose_field_has_another_type_is_told_with_the_field() -> None:
    with pytest.raises(ValueError, match=r"^at count: expected int, got 'many'$"):
        codec_of(Counted).encode(Counted("many"))  # type: ignore[arg-type]


@dataclass
class Counted:
    count: int


class Whole(BaseModel):
    parts: "list[Part]" = []


class Part(BaseModel):
    number: int


def test_a_model_may_name_a_class_that_stands_further_down() -> None:
    assert not Whole.__pydantic_complete__  # as in a process that has not made one yet
    assert codec_of(Whole).decode({"parts": [{"number": 1}]}) == Whole(parts=[Part(number=1)])


class Limited(BaseModel):
    model_config = ConfigDict(extra="allow")
    count: int = Field(gt=0)
    at: dt.date = dt.date(2024, 1, 1)


@pytest.mark.parametrize(
    ("annotation", "given", "wanted"),
    [
        (Moment, {"at": "2024-01-01T00:00:00Z"}, Moment(NEW_YEAR)),
        (Moment, {"at": NEW_YEAR, "daily": "01:00:00"}, Moment(NEW_YEAR, dt.time(1))),
        (Limited, {"count": 1, "at": "2024-02-03"}, Limited(count=1, at=dt.date(2024, 2, 3))),
    ],
)
def test_a_dict_that_stands_for_a_record_may_be_written_as_json(
    annotation: Any, given: Any, wanted: Any
) -> None:
    assert over_the_wire(annotation, given) == wanted


@pytest.mark.parametrize(
    ("annotation", "given", "reason"),
    [
        (Limited, {"count": 0}, "at count: Input should be greater than 0"),
        (Moment, {"at": 3}, "at at: Input should be a valid datetime"),
    ],
)
def test_what_a_record_refuses_is_told_where_the_dict_is_given(
    annotation: Any, given: Any, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        codec_of(annotation).encode(given)
