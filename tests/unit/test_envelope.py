"""Events become bytes and bytes become events, or a clear sentence why not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_schemas.envelope import DEEPEST, AnyEvent, Event, Malformed, decode, encode
from flyte_schemas.events import AttemptSucceeded, LogSegment, LogWritten
from flyte_schemas.literals import InlineLiteral
from flyte_schemas.moments import EARLIEST, LATEST
from flyte_schemas.vocabulary import DATA_TYPES, UnknownData
from testkit.events import MORNING, action, event, numbered
from testkit.examples import EXAMPLES

GOOD = numbered(action())


def document(**changes: Any) -> bytes:
    """A good document with other attributes; those that are `...` are left out."""
    changed = orjson.loads(encode(GOOD)) | changes
    return orjson.dumps({name: value for name, value in changed.items() if value is not ...})


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.type)
def test_what_is_written_is_read(example: AnyEvent) -> None:
    assert decode(encode(example)) == example


@given(
    id=st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1),
    source=st.text(),
    cause=st.none() | st.text(),
    time=st.datetimes(EARLIEST.replace(tzinfo=None), LATEST.replace(tzinfo=None), timezones=st.just(UTC)),
    text=st.text(),
    size_bytes=st.integers(0, 2**53),
)
def test_whatever_is_written_is_read(
    id: str, source: str, cause: str | None, time: datetime, text: str, size_bytes: int
) -> None:
    data = LogWritten(
        attempt=1, offset=0, size_bytes=size_bytes, segments=(LogSegment(stream="stderr", text=text),)
    )
    written: AnyEvent = Event(id=id, source=source, subject=action(), time=time, data=data, cause=cause)
    assert decode(encode(written)) == written


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(json_values)
def test_values_of_users_travel_unchanged(value: object) -> None:
    data = AttemptSucceeded(attempt=1, outputs={"o0": InlineLiteral(value=value)})
    assert decode(encode(event(action(), data))).data == data


def test_the_same_event_gives_the_same_bytes() -> None:
    assert encode(GOOD) == encode(decode(encode(GOOD)))


def test_times_are_written_in_utc() -> None:
    elsewhere = replace(GOOD, time=MORNING.astimezone(timezone(timedelta(hours=5, minutes=30))))
    assert encode(elsewhere) == encode(GOOD)
    assert orjson.loads(encode(GOOD))["time"] == "2026-01-02T03:04:05.678901Z"


def test_what_is_not_there_is_not_written() -> None:
    assert {"cause", "traceparent"}.isdisjoint(orjson.loads(encode(GOOD)))


def test_a_type_that_nobody_knows_is_kept_as_it_came() -> None:
    raw = document(type="flyte.action.dreamt.v9", data={"of": ["sheep", 1]})
    kept = decode(raw)
    assert kept.type == "flyte.action.dreamt.v9"
    assert kept.data == UnknownData(type="flyte.action.dreamt.v9", document={"of": ["sheep", 1]})
    assert orjson.loads(encode(kept)) == orjson.loads(raw)


def test_a_type_that_nobody_knows_may_have_no_data() -> None:
    kept = decode(document(type="flyte.action.dreamt.v9", data=...))
    assert kept.data == UnknownData(type="flyte.action.dreamt.v9", document=None)


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        (b"", "not JSON"),
        (b"\xff\x00", "not JSON"),
        (b'{"id": "x"', "not JSON"),
        (b"[]", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"{}", "specversion"),
        (document(specversion="0.3"), "specversion"),
        (document(id=...), "id: "),
        (document(id=7), "id: "),
        (document(source=...), "source: "),
        (document(subject=...), "subject: "),
        (document(time="yesterday"), "time: "),
        (document(datacontenttype="text/plain"), "datacontenttype: "),
        (document(surprise=1), "surprise: "),
        (document(data=...), ""),
        (document(data=[]), ""),
        (document(data={"attempt": 1}), "pool: "),
        (document(data={"attempt": 0, "pool": "p"}), "attempt: "),
        (document(data={"attempt": 1, "pool": "p", "surprise": 1}), "surprise: "),
    ],
)
def test_bytes_that_are_no_event_are_refused_with_the_reason(raw: bytes, complaint: str) -> None:
    with pytest.raises(Malformed) as caught:
        decode(raw)
    assert str(caught.value).startswith(complaint)
    assert "\n" not in str(caught.value)


@given(st.binary())
def test_any_bytes_are_an_event_or_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        decode(raw)


@given(st.sampled_from(EXAMPLES), st.data())
def test_a_torn_event_is_malformed(example: AnyEvent, data: st.DataObject) -> None:
    raw = encode(example)
    with pytest.raises(Malformed):
        decode(raw[: data.draw(st.integers(0, len(raw) - 1))])


def test_types_are_told_apart() -> None:
    types = [data.TYPE for data in DATA_TYPES]
    assert len(set(types)) == len(types)
    assert all(name.startswith("flyte.") and name.endswith(".v1") for name in types)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(Malformed, match=r"time: .*timezone"):
        decode(document(time="2026-01-02T03:04:05"))


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, "\ud800"], ids=["large", "small", "surrogate"])
def test_a_value_that_the_wire_cannot_hold_is_refused_rather_than_changed(value: object) -> None:
    data = AttemptSucceeded(attempt=1, outputs={"o0": InlineLiteral(value=value)})
    with pytest.raises(TypeError):
        encode(event(action(), data))


def nested(levels: int, *, in_objects: bool) -> Any:
    """A value of so many levels, wide enough that brackets alone say nothing."""
    value: Any = 1
    for _ in range(levels):
        value = {"a": value, "b": [], "c": {}} if in_objects else [[], value, {}]
    return value


@pytest.mark.parametrize("in_objects", [False, True])
def test_what_is_nested_deeper_than_all_read_is_neither_read_nor_written(in_objects: bool) -> None:
    def of(levels: int) -> AnyEvent:
        value = InlineLiteral(value=nested(levels, in_objects=in_objects))
        return event(action(), AttemptSucceeded(attempt=1, outputs={"o0": value}))

    deepest = DEEPEST - 6  # of the document, what holds it, and the lists at its end
    assert decode(encode(deep := of(deepest))) == deep
    with pytest.raises(ValueError, match="nested more than 160 levels deep"):
        encode(of(deepest + 3))
    raw = orjson.loads(encode(of(1)))
    raw["data"]["outputs"]["o0"]["value"] = nested(DEEPEST, in_objects=in_objects)
    with pytest.raises(Malformed, match="nested more than 160 levels deep"):
        decode(orjson.dumps(raw))
    raw["data"]["outputs"]["o0"]["value"] = [[]] * 5_000
    assert decode(orjson.dumps(raw))
