"""A task's process and large values: they go to the store and come from it beside the agent."""

import asyncio
import hashlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import flyte
from flyte import errors
from flyte._runtime.channel import Channel
from flyte._runtime.messages import (
    Ask,
    ChildEnded,
    Locate,
    Located,
    Message,
    Reported,
    Start,
    pack,
)
from flyte._runtime.remote_controller import RemoteController
from flyte_schemas.endpoints import UploadLocation
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.literals import InlineLiteral, ReferencedLiteral
from flyte_schemas.phase import ActionPhase
from testkit.tasks import template

ENV = flyte.TaskEnvironment(name="env")
LARGE = "x" * 100_000
GONE = Failure(code="ArtifactNotFound", kind=FailureKind.USER, message="there is no such artifact")
FAR_AWAY = ReferencedLiteral(uri="flyte://artifacts/p/d/" + "0" * 32, sha256="a" * 64, size_bytes=7)


@ENV.task
async def echo(text: str) -> str:
    return text


class Agent:
    """The other end of the socket, played by the test: every object is there already, or none is."""

    def __init__(self, connection: socket.socket) -> None:
        self.channel = Channel(connection)
        self.heard: list[Message] = []
        self.has_objects = True
        self._asked = threading.Event()
        self.listening = threading.Thread(target=self._listen, daemon=True)
        self.listening.start()

    def _listen(self) -> None:
        while (message := self.channel.receive()) is not None:
            self.heard.append(message)
            if isinstance(message, Locate):
                self.channel.send(self._located(message))
            else:
                self._asked.set()

    def _located(self, question: Locate) -> Located:
        if question.upload is None or not self.has_objects:
            return Located(call=question.call, failure=GONE)
        uri = f"flyte://artifacts/p/d/{question.upload.content_md5}"
        return Located(call=question.call, upload=UploadLocation(uri=uri, exists=True))

    def asked(self) -> Ask:
        """What the task asked for, once it has."""
        assert self._asked.wait(20)
        return next(message for message in self.heard if isinstance(message, Ask))


@pytest.fixture
def agent() -> Iterator[tuple[Agent, RemoteController]]:
    ours, theirs = socket.socketpair()
    start = Start(
        project="p",
        domain="d",
        run="r",
        action="a0",
        attempt=1,
        version="v1",
        template=template(),
        inputs={},
        env_vars={},
        root="/root",
        patience_s=0.3,
    )
    remote = RemoteController(Channel(theirs), start)
    agent = Agent(ours)
    yield agent, remote
    remote.finish()
    ours.shutdown(socket.SHUT_RDWR)
    assert remote.next_start() is None
    agent.listening.join(20)
    agent.channel.close()
    remote._channel.close()


async def call(remote: RemoteController, text: str) -> Any:
    return await remote.call(echo, {"text": text})


async def test_small_inputs_pass_at_once(agent: tuple[Agent, RemoteController]) -> None:
    other, remote = agent
    calling = asyncio.create_task(call(remote, "small"))
    ask = await asyncio.to_thread(other.asked)
    assert ask.inputs == {"text": InlineLiteral(value="small")}
    other.channel.send(
        ChildEnded(call=ask.call, phase=ActionPhase.SUCCEEDED, outputs={"o0": ask.inputs["text"]})
    )
    assert await calling == "small"


async def test_large_inputs_are_stored_before_the_agent_hears_of_the_call(
    agent: tuple[Agent, RemoteController],
) -> None:
    other, remote = agent
    calling = asyncio.create_task(call(remote, LARGE))
    ask = await asyncio.to_thread(other.asked)
    stored = f'"{LARGE}"'.encode()
    assert ask.inputs == {
        "text": ReferencedLiteral(
            uri=f"flyte://artifacts/p/d/{hashlib.md5(stored).hexdigest()}",
            sha256=hashlib.sha256(stored).hexdigest(),
            size_bytes=len(stored),
        )
    }
    assert max(len(pack(message)) for message in other.heard) < 1000
    other.channel.send(
        ChildEnded(call=ask.call, phase=ActionPhase.SUCCEEDED, outputs={"o0": InlineLiteral(value="small")})
    )
    assert await calling == "small"


async def test_inputs_that_cannot_be_stored_fail_the_call(agent: tuple[Agent, RemoteController]) -> None:
    other, remote = agent
    other.has_objects = False
    with pytest.raises(errors.RuntimeSystemError, match="no such artifact") as caught:
        await call(remote, LARGE)
    assert caught.value.code == "ChildNotRequested"
    assert not [message for message in other.heard if isinstance(message, Ask)]


async def test_outputs_that_cannot_be_fetched_fail_the_call(agent: tuple[Agent, RemoteController]) -> None:
    other, remote = agent
    calling = asyncio.create_task(call(remote, "small"))
    ask = await asyncio.to_thread(other.asked)
    other.channel.send(ChildEnded(call=ask.call, phase=ActionPhase.SUCCEEDED, outputs={"o0": FAR_AWAY}))
    with pytest.raises(errors.RuntimeSystemError, match="no such artifact") as caught:
        await calling
    assert caught.value.code == "OutputsNotAvailable"


async def test_inputs_of_the_task_that_cannot_be_fetched_are_the_platforms_failure(
    agent: tuple[Agent, RemoteController],
) -> None:
    _, remote = agent
    small = {"text": InlineLiteral(value="small")}
    assert remote.fetched(small) == small
    with pytest.raises(errors.RuntimeSystemError, match="the inputs cannot be fetched: there is no such"):
        await asyncio.to_thread(remote.fetched, {"text": FAR_AWAY})


async def test_outputs_are_stored_when_they_are_large(agent: tuple[Agent, RemoteController]) -> None:
    other, remote = agent
    small = {"o0": InlineLiteral(value="small")}
    assert remote.stored(small) == small
    (stored,) = (await asyncio.to_thread(remote.stored, {"o0": InlineLiteral(value=LARGE)})).values()
    assert isinstance(stored, ReferencedLiteral)
    other.has_objects = False
    with pytest.raises(errors.RuntimeSystemError, match="the outputs cannot be stored"):
        await asyncio.to_thread(remote.stored, {"o0": InlineLiteral(value=LARGE)})


def test_a_message_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flyte._runtime.messages.MAX_FRAME_BYTES", 1000)
    with pytest.raises(ValueError, match="the limit is 1000"):
        pack(Reported(uri="x" * 1000, sha256="a" * 64, size_bytes=1))
