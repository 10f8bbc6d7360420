"""What is printed where several attempts share a process."""

import asyncio
import contextvars
import io
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from flyte._runtime.lane_output import MOST_HELD, LaneOutput, print_to, streams_apart
from flyte._runtime.messages import Printed


class Told:
    """An attempt's output, and what was told of it."""

    def __init__(self) -> None:
        self.words: list[Printed] = []
        self.output = LaneOutput(self.words.append)

    def text(self, stream: str = "stdout") -> str:
        return "".join(word.text for word in self.words if word.stream == stream)


@contextmanager
def apart() -> Iterator[io.BytesIO]:
    """Within the block the streams are apart; gives where standard output goes without lanes."""
    written, before = io.BytesIO(), (sys.stdout, sys.stderr)
    sys.stdout = io.TextIOWrapper(written, encoding="utf-8")
    sys.stderr = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    try:
        with streams_apart():
            yield written
    finally:
        sys.stdout, sys.stderr = before


async def _prints(told: Told, name: str) -> None:
    print_to(told.output)
    for number in range(3):
        print(name, number)
        await asyncio.sleep(0)
    await asyncio.to_thread(print, name, "in a thread")
    print(name, "went wrong", file=sys.stderr)


async def test_each_prints_to_its_own() -> None:
    told = {name: Told() for name in "abc"}
    with apart() as outside:
        await asyncio.gather(*(asyncio.create_task(_prints(one, name)) for name, one in told.items()))
        print("nobody's")
        assert outside.getvalue() == b"nobody's\n"
    for name, one in told.items():
        lines = [*(f"{name} {number}" for number in range(3)), f"{name} in a thread"]
        assert one.text().splitlines() == lines
        assert one.text("stderr") == f"{name} went wrong\n"
        assert len(one.words) == 5  # a line is one message


def _within(told: Told, *lines: str) -> None:
    print_to(told.output)
    for line in lines:
        sys.stdout.write(line)


def test_a_line_without_an_end_comes_when_it_is_long_or_the_attempt_is_over() -> None:
    told = Told()
    with apart():
        contextvars.copy_context().run(_within, told, "half")
        assert told.words == []
        contextvars.copy_context().run(_within, told, "x" * 3 * MOST_HELD)
        assert [len(word.text) for word in told.words] == [MOST_HELD] * 3 + [4]
        contextvars.copy_context().run(_within, told, "rest")
    told.output.close()
    assert told.text().endswith("rest")


def test_after_its_end_and_from_a_foreign_thread_it_goes_outside() -> None:
    told = Told()

    def body() -> None:
        print_to(told.output)
        thread = threading.Thread(target=print, args=("foreign",), daemon=True)
        thread.start()
        thread.join()
        told.output.close()
        print("late")

    with apart() as outside:
        contextvars.copy_context().run(body)
        assert outside.getvalue() == b"foreign\nlate\n"
    assert told.text() == ""


def test_bytes_and_characters_that_are_none() -> None:
    told = Told()

    def body() -> None:
        print_to(told.output)
        euro = "€".encode()
        for part in (euro[:1], euro[1:], b"\xff\n"):
            sys.stdout.buffer.write(part)
        print("\udc80", file=sys.stderr)
        with pytest.raises(UnicodeEncodeError):
            print("\udc80")
        with pytest.raises(TypeError):
            sys.stdout.write(b"bytes")  # type: ignore[arg-type]
        sys.stdout.flush()
        sys.stdout.close()  # the others go on
        print("still there")

    with apart():
        contextvars.copy_context().run(body)
    assert told.text().splitlines() == ["€\\xff", "still there"]
    assert told.text("stderr") == "\\udc80\n"
