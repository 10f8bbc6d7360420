"""The user's output, through real pipes."""

import asyncio
import os
from collections.abc import AsyncIterator

import pytest

from flyte_agent import output
from flyte_agent.output import BUFFER_BYTES, OutputPump, Stream
from flyte_schemas.envelope import MAX_EVENT_BYTES, encode
from flyte_schemas.events import LogWritten
from testkit.cases.harness import GUARD_S, until
from testkit.events import event


class Pipes:
    """Both pipes of an attempt, and what was shipped of what went into them."""

    def __init__(self) -> None:
        self.writers: dict[Stream, int] = {}
        readers: dict[Stream, int] = {}
        for name in ("stdout", "stderr"):
            readers[name], self.writers[name] = os.pipe()
        self.chunks: list[LogWritten] = []
        self.open = asyncio.Event()
        self.open.set()
        self.pump = OutputPump(1, readers, self._ship)
        self.pump.start()
        self.running = asyncio.create_task(self.pump.run())

    async def _ship(self, chunk: LogWritten) -> None:
        await self.open.wait()
        self.chunks.append(chunk)

    def write(self, data: bytes, name: Stream = "stdout") -> None:
        os.write(self.writers[name], data)

    async def write_all(self, data: bytes, name: Stream = "stdout") -> None:
        """Write more than a pipe holds, as a process of its own would."""
        await asyncio.to_thread(_write_all, self.writers[name], data)

    def end(self, name: Stream | None = None) -> None:
        for stream in [name] if name else list(self.writers):
            os.close(self.writers.pop(stream))

    async def shipped(self) -> None:
        async with asyncio.timeout(GUARD_S):
            await self.running

    def text(self, name: Stream = "stdout") -> str:
        return "".join(
            segment.text for chunk in self.chunks for segment in chunk.segments if segment.stream == name
        )

    def check(self, size_bytes: int) -> None:
        """Each byte is in one chunk; each begins where the one before it ended, and fits in an event."""
        offset = 0
        for chunk in self.chunks:
            assert chunk.offset == offset
            assert chunk.size_bytes > 0
            assert len(encode(event("flyte.log.p.d.r.a", chunk))) < MAX_EVENT_BYTES
            offset += chunk.size_bytes
        assert offset == self.pump.shipped == size_bytes


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


@pytest.fixture
async def pipes() -> AsyncIterator[Pipes]:
    pipes = Pipes()
    yield pipes
    pipes.open.set()
    pipes.end()
    if not pipes.running.done():
        await pipes.shipped()


async def test_what_is_written_is_shipped_in_order_with_its_offsets(pipes: Pipes) -> None:
    lines = [f"line {number}\n" for number in range(10_000)]
    await pipes.write_all("".join(lines).encode())
    pipes.end()
    await pipes.shipped()
    assert pipes.text() == "".join(lines)
    pipes.check(sum(map(len, lines)))


async def test_nothing_written_is_nothing_shipped(pipes: Pipes) -> None:
    pipes.end()
    await pipes.shipped()
    assert pipes.chunks == []


async def test_a_line_is_shipped_while_the_task_goes_on(pipes: Pipes) -> None:
    pipes.write(b"hello\n")
    await until(lambda: pipes.text() == "hello\n")
    pipes.write(b"world\n", "stderr")
    await until(lambda: pipes.text("stderr") == "world\n")


async def test_the_streams_keep_their_names_and_their_turns(pipes: Pipes) -> None:
    for number in range(3):
        pipes.write(b"out", "stdout")
        await until(lambda number=number: pipes.pump.progress == 6 * number + 3)  # type: ignore[misc]
        pipes.write(b"err", "stderr")
        await until(lambda number=number: pipes.pump.progress == 6 * number + 6)  # type: ignore[misc]
    pipes.end()
    await pipes.shipped()
    turns = [segment.stream for chunk in pipes.chunks for segment in chunk.segments]
    assert turns == ["stdout", "stderr"] * 3
    pipes.check(18)


async def test_a_character_may_come_in_two_parts(pipes: Pipes) -> None:
    euro = "€".encode()
    for part in (euro[:1], euro[1:2], euro[2:]):
        size = pipes.pump.progress + len(part)
        pipes.write(part)
        await until(lambda size=size: pipes.pump.progress == size)  # type: ignore[misc]
        await asyncio.sleep(output.LINGER_S * 1.5)
    pipes.end()
    await pipes.shipped()
    assert pipes.text() == "€"
    pipes.check(3)


async def test_bytes_that_are_no_text_stand_as_escapes(pipes: Pipes) -> None:
    pipes.write(b"a\xff\xfeb\x00c")
    pipes.end()
    await pipes.shipped()
    assert pipes.text() == "a\\xff\\xfeb\x00c"
    pipes.check(6)


async def test_half_a_character_at_the_end_of_one_stream_hides_nothing_of_the_other(pipes: Pipes) -> None:
    pipes.write(b"\xe2\x82")
    await until(lambda: pipes.pump.progress == 2)
    await asyncio.sleep(output.LINGER_S * 1.5)
    pipes.end("stdout")
    await until(lambda: pipes.text() != "")
    pipes.write(b"more", "stderr")
    pipes.end("stderr")
    await pipes.shipped()
    assert (pipes.text(), pipes.text("stderr")) == ("\\xe2\\x82", "more")
    pipes.check(6)
    assert len({chunk.offset for chunk in pipes.chunks}) == len(pipes.chunks)


async def test_a_slow_shipper_makes_the_writer_wait_and_loses_nothing(pipes: Pipes) -> None:
    data = os.urandom(5 * 1024**2).hex().encode()
    pipes.open.clear()
    writing = asyncio.create_task(pipes.write_all(data))
    await until(lambda: pipes.pump.pending_bytes >= BUFFER_BYTES)
    for _ in range(20):
        await asyncio.sleep(0.002)
    assert not writing.done()
    assert pipes.pump.pending_bytes < BUFFER_BYTES + 2 * output.READ_BYTES
    pipes.open.set()
    await writing
    pipes.end()
    await pipes.shipped()
    assert pipes.text().encode() == data
    pipes.check(len(data))


async def test_small_writes_in_turn_stay_within_bounds(pipes: Pipes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "BUFFER_PIECES", 50)
    pipes.open.clear()
    for number in range(60):
        for name in pipes.writers:
            pipes.write(b"%d" % (number % 10), name)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
    await asyncio.sleep(0.01)
    assert len(pipes.pump._pending) <= 52
    pipes.open.set()
    pipes.end()
    await pipes.shipped()
    assert pipes.text() == pipes.text("stderr") == "0123456789" * 6
    pipes.check(120)


async def test_many_turns_of_control_characters_fit_into_events(
    pipes: Pipes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The longest that text can become on the wire, told in as many turns as one chunk takes."""
    pump = pipes.pump
    for number in range(output.CHUNK_BYTES):
        pump._take("stdout" if number % 2 else "stderr", "\x01", 1)
    pump._take("stdout", "\x01" * output.CHUNK_BYTES, output.CHUNK_BYTES)
    pipes.end()
    await pipes.shipped()
    pipes.check(2 * output.CHUNK_BYTES)


async def test_close_takes_what_is_there_and_does_not_wait_for_who_holds_the_pipe(pipes: Pipes) -> None:
    await until(lambda: pipes.pump.is_idle)
    pipes.write(b"x" * 60_000)  # more than is read at a time
    pipes.write(b"last words", "stderr")
    pipes.pump.close()
    await pipes.shipped()
    assert pipes.text() == "x" * 60_000
    assert pipes.text("stderr") == "last words"
    with pytest.raises(BrokenPipeError):
        pipes.write(b"too late")
    pipes.pump.close()


async def test_who_prints_faster_than_the_pace_waits_and_loses_nothing(
    pipes: Pipes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "BURST_BYTES", 200_000)
    monkeypatch.setattr(output, "BUFFER_BYTES", 300_000)
    pipes.pump.slow_down(1.0)  # so that it waits longer than any test does
    data = os.urandom(500_000).hex().encode()
    printing = asyncio.create_task(pipes.write_all(data))
    await until(lambda: pipes.pump.shipped > 200_000 and pipes.pump.pending_bytes >= 300_000)
    assert pipes.pump.shipped <= 200_000 + output.CHUNK_BYTES
    assert pipes.pump.pending_bytes <= 300_000 + output.READ_BYTES
    assert not printing.done()
    pipes.pump.hurry()
    await printing
    pipes.end()
    await pipes.shipped()
    assert pipes.text() == data.decode()
    pipes.check(len(data))


async def test_output_that_has_ended_needs_no_pace(pipes: Pipes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "BURST_BYTES", 0)
    pipes.pump.slow_down(1.0)
    await pipes.write_all(b"x" * 60_000)
    await until(lambda: pipes.pump.shipped > 0)
    pipes.end()
    await pipes.shipped()
    pipes.check(60_000)


async def test_what_cannot_be_shipped_is_heard_of() -> None:
    async def fail(chunk: LogWritten) -> None:
        raise ConnectionError("away")

    reader, writer = os.pipe()
    pump = OutputPump(1, {"stdout": reader}, fail)
    pump.start()
    os.write(writer, b"hello")
    os.close(writer)
    with pytest.raises(ConnectionError):
        async with asyncio.timeout(GUARD_S):
            await pump.run()
    pump.close()
