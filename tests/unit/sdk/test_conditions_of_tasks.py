"""`flyte.new_condition` on the stack: what passes between a task and its agent, and what the task gets."""

import asyncio
import socket
import threading
from typing import Any

import pytest

import flyte
from flyte import errors
from flyte._condition import Condition
from flyte._runtime import controller
from flyte._runtime.channel import Channel
from flyte._runtime.messages import ChildEnded, Pause, Paused, Start
from flyte._runtime.remote_controller import RemoteController
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.literals import InlineLiteral
from flyte_schemas.phase import ActionPhase
from testkit.tasks import template


class Agent:
    """The other end of a task's socket, played by the test."""

    def __init__(self) -> None:
        mine, theirs = socket.socketpair()
        self.channel = Channel(mine)
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
        )
        self.controller = RemoteController(Channel(theirs), start)
        self._socket = mine

    def __enter__(self) -> "Agent":
        return self

    def __exit__(self, *_: object) -> None:
        self.controller.finish()
        self._socket.shutdown(socket.SHUT_RDWR)
        assert self.controller.next_start() is None
        for one in (self.channel, self.controller._channel):
            one.close()

    def asks(self, failure: Failure | None = None, **words: Any) -> tuple[Pause, Condition]:
        """Let a task ask; what the agent heard, and what the task got."""
        heard: list[Pause] = []

        def answer() -> None:
            message = self.channel.receive()
            assert isinstance(message, Pause)
            heard.append(message)
            self.channel.send(Paused(call=message.call, failure=failure))

        agent = threading.Thread(target=answer)
        agent.start()
        try:
            with controller.use(self.controller):
                condition = flyte.new_condition("ok", **words)
        finally:
            agent.join()
        return heard[0], condition


def test_a_question_reaches_the_agent_whole() -> None:
    with Agent() as agent, flyte.group("g"):
        webhook = flyte.ConditionWebhook("https://x/y", {"text": "z"})
        pause, condition = agent.asks(prompt="How many?", data_type=int, timeout=5, webhook=webhook)
    assert pause == Pause(
        call=1,
        condition="ok",
        prompt="How many?",
        data_type="int",
        timeout_s=5.0,
        group="g",
        webhook="https://x/y",
        payload={"text": "z"},
    )
    assert (condition.name, condition.prompt) == ("ok", "How many?")


def test_a_question_that_cannot_stand_is_an_error_of_the_call() -> None:
    failure = Failure(code="ConditionAlreadyExistsError", kind=FailureKind.USER, message="it exists")
    with Agent() as agent, pytest.raises(errors.ConditionAlreadyExistsError, match="it exists"):
        agent.asks(failure)


LATE = Failure(code="ConditionTimedoutError", kind=FailureKind.USER, message="late")
LOST = Failure(code="SourceOutputsMissing", kind=FailureKind.USER, message="lost")


@pytest.mark.parametrize("phase", [ActionPhase.SUCCEEDED, ActionPhase.RECOVERED])
def test_the_answer_comes_as_it_was_asked_for(phase: ActionPhase) -> None:
    with Agent() as agent:
        pause, condition = agent.asks(data_type=float)
        agent.channel.send(ChildEnded(call=pause.call, phase=phase, outputs={"o0": InlineLiteral(value=2)}))
        assert [condition.wait(), condition.wait()] == [2.0, 2.0]


@pytest.mark.parametrize(
    ("ended", "error"),
    [
        ({"phase": ActionPhase.TIMED_OUT, "failure": LATE}, errors.ConditionTimedoutError),
        ({"phase": ActionPhase.ABORTED, "abort_reason": "never mind"}, errors.ActionAbortedError),
        ({"phase": ActionPhase.FAILED, "failure": LOST}, errors.RuntimeUserError),
        (
            {"phase": ActionPhase.SUCCEEDED, "outputs": {"o0": InlineLiteral(value="x")}},
            errors.ConditionFailedError,
        ),
    ],
    ids=["late", "aborted", "failed", "of another type"],
)
def test_an_end_without_an_answer_is_raised(ended: dict[str, Any], error: type[Exception]) -> None:
    with Agent() as agent:
        pause, condition = agent.asks()
        agent.channel.send(ChildEnded(call=pause.call, **ended))
        with pytest.raises(error):
            condition.wait()


async def test_a_wait_that_is_cancelled_leaves_the_question() -> None:
    with Agent() as agent:
        pause, condition = agent.asks()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(condition.wait.aio(), 0.01)
        ended = ChildEnded(
            call=pause.call, phase=ActionPhase.SUCCEEDED, outputs={"o0": InlineLiteral(value=True)}
        )
        agent.channel.send(ended)
        assert await condition.wait.aio() is True
