"""The limits of a stream in memory: size, age, and how long an id is remembered."""

import pytest

from flyte_bus.errors import StreamFull
from flyte_bus.memory.stream import MemoryStream
from flyte_schemas.streams import StreamSpec


class Clock:
    """Time that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def spec(
    *, max_age_s: int | None = None, max_size_bytes: int | None = None, refuse_when_full: bool = True
) -> StreamSpec:
    return StreamSpec(
        name="S",
        subjects=("s.>",),
        description="",
        max_age_s=max_age_s,
        max_size_bytes=max_size_bytes,
        refuse_when_full=refuse_when_full,
    )


def kept(stream: MemoryStream, pattern: str = "s.>") -> list[int]:
    return [entry.sequence for entry in stream.between(pattern, 0, stream.last_sequence)]


def test_a_full_stream_of_truth_refuses() -> None:
    stream = MemoryStream(spec(max_size_bytes=10), Clock())
    stream.publish("s.a", b"12345")
    stream.publish("s.a", b"12345")
    with pytest.raises(StreamFull):
        stream.publish("s.a", b"1")
    assert kept(stream) == [1, 2]


def test_a_full_stream_of_logs_forgets_its_oldest() -> None:
    stream = MemoryStream(spec(max_size_bytes=10, refuse_when_full=False), Clock())
    for subject in ("s.a", "s.b", "s.a", "s.b"):
        stream.publish(subject, b"1234")
    assert kept(stream) == [3, 4]
    assert kept(stream, "s.a") == [3]
    assert stream.at(2) is None
    assert stream.at(3) is not None


def test_messages_go_with_age_and_sequences_go_on() -> None:
    clock = Clock()
    stream = MemoryStream(spec(max_age_s=10), clock)
    stream.publish("s.a", b"1")
    clock.now = 5.0
    stream.publish("s.a", b"2")
    clock.now = 10.0
    assert kept(stream) == kept(stream, "s.a") == [2]
    clock.now = 15.0
    assert kept(stream) == []
    assert stream.last_on("s.a") == 0
    assert stream.publish("s.a", b"3", expected=0) == 3


def test_an_id_is_remembered_for_the_window_only() -> None:
    clock = Clock()
    stream = MemoryStream(spec(), clock)
    assert stream.publish("s.a", b"1", id="one") == 1
    clock.now = stream.spec.dedupe_window_s - 1
    assert stream.publish("s.a", b"1", id="one") == 1
    clock.now = stream.spec.dedupe_window_s
    assert stream.publish("s.a", b"1", id="one") == 2
