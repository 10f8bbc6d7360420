"""The lanes of a process that runs several attempts at a time, with a process that the test plays."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator

import pytest

from flyte._runtime.channel import Channel, LaneChannel
from flyte._runtime.messages import (
    Again,
    Cancel,
    Entered,
    Exiting,
    Message,
    Printed,
    Raised,
    Returned,
    Start,
    Together,
)
from flyte_agent import lanes, output
from flyte_agent.lane_output import LaneOutput
from flyte_agent.lanes import Lane, SharedRunner
from flyte_agent.process import Forked
from flyte_schemas.events import LogWritten
from flyte_schemas.failure import Failure, FailureKind
from testkit.cases.harness import GUARD_S, until
from testkit.tasks import template

TEMPLATE = template()
FAILURE = Failure(code="CancelledError", kind=FailureKind.USER, message="")


def start(action: str) -> Start:
    return Start(
        project="p",
        domain="d",
        run="r",
        action=action,
        attempt=1,
        version="v1",
        template=TEMPLATE,
        inputs={},
        env_vars={},
        root="/root",
    )


class Played:
    """A shared process that sleeps; the test has its end of the socket, and of the pipes."""

    def __init__(self) -> None:
        self.pid = os.posix_spawn("/bin/sleep", ["sleep", "600"], {}, setpgroup=0)
        ours, self.socket = socket.socketpair()
        (out, self.out), (err, self.err) = os.pipe(), os.pipe()
        pipes: dict[output.Stream, int] = {"stdout": out, "stderr": err}
        self.runner = SharedRunner(Forked(pid=self.pid, connection=ours, pipes=pipes))
        self.channel = Channel(self.socket)
        self.printed: dict[int, list[LogWritten]] = {}
        self.shipping: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        await self.runner.open()
        assert await asyncio.to_thread(self.channel.receive) == Together()

    async def lane(self, action: str = "a") -> Lane:
        """A lane in which an attempt was started."""
        lane = self.runner.new_lane()
        chunks = self.printed[lane.number] = []

        async def ship(chunk: LogWritten) -> None:
            chunks.append(chunk)

        pump = lane.output(1, ship)
        pump.start()
        self.shipping.append(asyncio.create_task(pump.run()))
        await lane.send(start(action))
        number, message = await self.told()
        assert number == lane.number
        assert isinstance(message, Start | Again)
        return lane

    async def told(self) -> tuple[int, Message]:
        async with asyncio.timeout(GUARD_S):
            told = await asyncio.to_thread(self.channel.receive_in)
        assert told is not None
        return told

    def say(self, lane: Lane, *messages: Message) -> None:
        for message in messages:
            LaneChannel(self.channel, lane.number).send(message)

    def text(self, lane: Lane) -> str:
        chunks = self.printed[lane.number]
        return "".join(segment.text for chunk in chunks for segment in chunk.segments)


@pytest.fixture
async def played() -> AsyncIterator[Played]:
    played = Played()
    await played.open()
    yield played
    played.channel.close()
    for descriptor in (played.out, played.err):
        os.close(descriptor)
    await played.runner.dismiss(0.0)
    for task in played.shipping:
        task.cancel()
    await asyncio.gather(*played.shipping, return_exceptions=True)


async def heard(lane: Lane) -> list[Message]:
    async with asyncio.timeout(GUARD_S):
        return [message async for message in lane.messages()]


async def test_each_lane_hears_its_own_up_to_its_last_word(played: Played) -> None:
    first, second = await played.lane("a"), await played.lane("b")
    played.say(second, Entered())
    played.say(first, Entered(), Returned(outputs={}))
    played.say(second, Raised(failure=FAILURE))
    assert await heard(first) == [Entered(), Returned(outputs={})]
    assert first.stays
    assert second.is_busy
    assert await heard(second) == [Entered(), Raised(failure=FAILURE)]
    assert second.has_served
    assert await first.end(1.0) == 0  # there is nothing to end


async def test_the_template_is_told_once(played: Played) -> None:
    lane = played.runner.new_lane()
    await lane.send(start("a"))
    assert isinstance((await played.told())[1], Start)
    await played.runner.new_lane().send(start("b"))
    assert isinstance((await played.told())[1], Again)


async def test_what_is_printed_is_shipped_with_its_offsets_before_the_last_word(played: Played) -> None:
    first, second = await played.lane(), await played.lane()
    for number in range(50):
        played.say(first, Printed(stream="stdout", text=f"{number} €\n"))
        played.say(second, Printed(stream="stderr", text=f"{number}\n"))
    for lane in (first, second):
        played.say(lane, Returned(outputs={}))
        await heard(lane)
        await lane.close()
    await asyncio.gather(*played.shipping)
    assert played.text(first) == "".join(f"{number} €\n" for number in range(50))
    assert played.text(second) == "".join(f"{number}\n" for number in range(50))
    offset = 0
    for chunk in played.printed[first.number]:
        assert chunk.offset == offset
        offset += chunk.size_bytes
    assert offset == len(played.text(first).encode())


async def test_what_comes_by_the_pipes_goes_to_the_attempt_that_runs_longest(played: Played) -> None:
    os.write(played.out, b"before\n")
    first, second = await played.lane(), await played.lane()
    await until(lambda: played.text(first) == "before\n")
    played.say(first, Returned(outputs={}))
    await heard(first)
    os.write(played.out, b"while it ends\n")
    await first.close()
    os.write(played.err, b"after\n")
    await until(lambda: played.text(second) == "after\n")
    await until(lambda: played.text(first) == "before\nwhile it ends\n")


async def test_a_lane_that_does_not_listen_holds_the_process_up_and_then_goes_on(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "LANE_MESSAGES", 4)
    first, second = await played.lane(), await played.lane()
    played.say(first, *[Entered()] * 20)
    played.say(second, Returned(outputs={}))
    await asyncio.sleep(0.05)
    assert len(first._heard) <= 4
    await first.close()  # nobody will listen any more
    assert await heard(second) == [Returned(outputs={})]


async def test_to_end_an_attempt_is_to_cancel_it(played: Played) -> None:
    lane, other = await played.lane(), await played.lane()
    ending = asyncio.create_task(lane.end(GUARD_S))
    assert await played.told() == (lane.number, Cancel())
    played.say(lane, Printed(stream="stdout", text="cleaned up\n"), Raised(failure=FAILURE))
    await ending
    assert lane.stays
    assert other.is_busy
    await lane.close()
    await until(lambda: played.text(lane) == "cleaned up\n")


async def test_one_that_does_not_end_takes_the_process_with_it_and_no_other_is_to_blame(
    played: Played,
) -> None:
    lane, other = await played.lane(), await played.lane()
    await lane.end(0.05)
    played.say(other, Raised(failure=FAILURE))  # it is cancelled with all of them: that is not its failure
    assert not played.runner.stays
    played.socket.shutdown(socket.SHUT_RDWR)
    assert await heard(other) == []
    assert other.failure().code == "SharedProcessEnded"
    assert other.failure().kind is FailureKind.SYSTEM


async def test_who_ends_the_process_is_to_blame_when_it_says_so(played: Played) -> None:
    lane, other = await played.lane(), await played.lane()
    played.say(lane, Exiting())
    await asyncio.sleep(0.05)
    os.kill(played.pid, signal.SIGKILL)
    await played.runner.exited()
    assert lane.failure().code == "Killed"
    assert other.failure().code == "SharedProcessEnded"


async def test_who_was_alone_is_to_blame_and_of_several_nobody(played: Played) -> None:
    lane, done = await played.lane(), await played.lane()
    played.say(done, Returned(outputs={}))
    await heard(done)
    os.kill(played.pid, signal.SIGSEGV)
    await played.runner.exited()
    assert lane.failure().code == "SegmentationFault"


async def test_a_word_that_cannot_be_read_is_the_lanes_own_affair(played: Played) -> None:
    lane, other = await played.lane(), await played.lane()
    body = b'{"kind":"returned","outputs":7}'
    played.socket.sendall(len(body).to_bytes(4, "big") + lane.number.to_bytes(4, "big") + body)
    with pytest.raises(ValueError, match="outputs"):
        await heard(lane)
    assert not lane.is_busy  # it was meant to be the last
    played.say(other, Returned(outputs={}))
    assert await heard(other) == [Returned(outputs={})]


async def test_output_that_is_not_shipped_makes_who_prints_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "BUFFER_BYTES", 100_000)
    chunks, may_go = list[LogWritten](), asyncio.Event()

    async def ship(chunk: LogWritten) -> None:
        await may_go.wait()
        chunks.append(chunk)

    pump = LaneOutput(1, ship)
    running = asyncio.create_task(pump.run())

    async def print_much() -> None:
        for _ in range(40):
            await pump.hear(Printed(stream="stdout", text="x" * 8_000))

    printing = asyncio.create_task(print_much())
    await asyncio.sleep(0.1)
    assert not printing.done()
    assert pump.pending_bytes <= 100_000 + 8_000
    may_go.set()
    await printing
    pump.close()
    await running
    assert sum(chunk.size_bytes for chunk in chunks) == pump.shipped == 320_000


async def test_a_lane_that_is_told_to_end_is_not_slowed_down(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else its last word would come too late behind what it printed, and its neighbours would end with it."""
    monkeypatch.setattr(output, "BURST_BYTES", 0)
    monkeypatch.setattr(output, "BUFFER_BYTES", 100_000)
    chunks = list[LogWritten]()

    async def ship(chunk: LogWritten) -> None:
        chunks.append(chunk)

    lane = await played.lane()
    pump = lane.output(1, ship)
    pump.slow_down(1.0)
    running = asyncio.create_task(pump.run())

    def say_much() -> None:
        for _ in range(40):
            played.say(lane, Printed(stream="stdout", text="x" * 8_000))
        played.say(lane, Returned(outputs={}))

    saying = asyncio.create_task(asyncio.to_thread(say_much))
    await lane.end(GUARD_S)
    await saying
    assert lane.stays, "its process was ended"
    pump.close()
    await running
    assert sum(chunk.size_bytes for chunk in chunks) == 320_000


async def test_a_word_that_is_too_large_ends_the_process_and_is_its_lanes_doing(played: Played) -> None:
    lane, other = await played.lane(), await played.lane()
    played.socket.sendall((2**31).to_bytes(4, "big") + lane.number.to_bytes(4, "big"))
    with pytest.raises(ValueError, match="limit"):
        await heard(lane)
    await played.runner.exited()
    assert await heard(other) == []
    assert other.failure().code == "SharedProcessEnded"
