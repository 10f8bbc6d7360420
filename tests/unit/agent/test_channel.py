"""Frames between the agent and the user's process."""

import asyncio
import os
import socket
import threading
from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from flyte._runtime.channel import Channel
from flyte._runtime.messages import (
    Ask,
    ChildEnded,
    Entered,
    GiveUp,
    Message,
    Raised,
    Returned,
    Start,
    pack,
    unpack,
)
from flyte_agent.process import Forked, RunnerProcess
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.literals import InlineLiteral, ReferencedLiteral
from flyte_schemas.phase import ActionPhase
from flyte_schemas.task import TaskReference
from testkit.tasks import template

TASK = TaskReference(name="env.child", version="v1")
FAILURE = Failure(code="ValueError", kind=FailureKind.USER, message="nö\n")
VALUES = {
    "x": InlineLiteral(value=[1, None, {"ü": 2.5}]),
    "y": ReferencedLiteral(uri="flyte://artifacts/p/d/x", sha256="a" * 64, size_bytes=7),
}
MESSAGES: list[Message] = [
    Start(
        project="p",
        domain="d",
        run="r",
        action="a0",
        attempt=1,
        version="v1",
        template=template(),
        inputs=VALUES,
        env_vars={"A": "b"},
        root="/root",
    ),
    Entered(),
    Ask(call=1, action="a1", task=TASK, inputs=VALUES, group="g"),
    ChildEnded(call=1, phase=ActionPhase.FAILED, failure=FAILURE),
    GiveUp(call=1),
    Returned(outputs=VALUES),
    Raised(failure=FAILURE),
]


@pytest.fixture
def ends() -> Iterator[tuple[Channel, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Channel(ours), theirs


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.kind)
def test_a_message_comes_out_as_it_went_in(message: Message) -> None:
    frame = pack(message)
    assert int.from_bytes(frame[:4], "big") == len(frame) - 4
    assert unpack(frame[4:]) == message


def test_frames_may_come_in_any_pieces(ends: tuple[Channel, socket.socket]) -> None:
    channel, other = ends
    stream = b"".join(map(pack, MESSAGES))

    def drip() -> None:
        for place in range(0, len(stream), 7):
            other.sendall(stream[place : place + 7])

    thread = threading.Thread(target=drip)
    thread.start()
    assert [channel.receive() for _ in MESSAGES] == MESSAGES
    thread.join()


@pytest.mark.parametrize("cut", [0, 2, 10])
def test_the_end_of_the_agent_is_the_end_of_the_messages(
    ends: tuple[Channel, socket.socket], cut: int
) -> None:
    channel, other = ends
    other.sendall(pack(MESSAGES[2])[:cut])
    other.close()
    assert channel.receive() is None


def test_threads_that_send_at_once_do_not_mix_their_frames(ends: tuple[Channel, socket.socket]) -> None:
    channel, other = ends
    words = [Returned(outputs={"x": InlineLiteral(value=[number] * 50_000)}) for number in range(8)]
    threads = [threading.Thread(target=channel.send, args=(word,)) for word in words]
    reader = Channel(other)
    for thread in threads:
        thread.start()
    received = [reader.receive() for _ in threads]
    for thread in threads:
        thread.join()
    assert all(word in received for word in words)


async def test_the_agent_reads_the_same_frames_and_says_what_it_cannot_read() -> None:
    ours, theirs = socket.socketpair()
    pid = os.posix_spawn("/bin/true", ["true"], {})
    runner = RunnerProcess(Forked(pid=pid, connection=ours, pipes={}))
    await runner.open()
    try:
        for message in MESSAGES:
            theirs.sendall(pack(message))
        theirs.sendall((2).to_bytes(4, "big") + b"{}")
        heard = []
        with pytest.raises(ValidationError):
            async for message in runner.messages():
                heard.append(message)
        assert heard == MESSAGES
        await runner.send(MESSAGES[0])
        assert await asyncio.to_thread(Channel(theirs).receive) == MESSAGES[0]
    finally:
        theirs.close()
        await runner.end(0.0)
        await runner.close()
