"""Questions of a running attempt: in the log before the task goes on, found again, and told to a webhook."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from flyte._runtime.messages import ChildEnded, Pause, Paused
from flyte_agent import webhook
from flyte_agent.children import Children
from flyte_schemas.envelope import Event
from flyte_schemas.events import (
    ActionRequested,
    ActionTimedOut,
    ConditionAnnounced,
    ConditionRequested,
    ConditionSignalled,
)
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.literals import InlineLiteral
from flyte_schemas.phase import ActionPhase
from flyte_schemas.task import TaskReference
from testkit.cases.harness import until
from testkit.open_attempt import OpenAttempt

LATE = Failure(code="ConditionTimedoutError", kind=FailureKind.USER, message="late")


class Runner:
    """What the runner hears, in order."""

    def __init__(self, attempt: OpenAttempt) -> None:
        self.attempt = attempt
        self.heard: list[ChildEnded | Paused] = []
        self.broken: list[BaseException] = []
        self.children = Children(
            attempt.bus,
            attempt.order,
            attempt.reports(),
            since=attempt.first,
            answer=self._answer,
            on_broken=self.broken.append,
        )

    async def _answer(self, answer: ChildEnded | Paused) -> None:
        self.heard.append(answer)

    def pause(self, call: int = 1, condition: str = "ok", **more: object) -> None:
        self.children.pause(
            Pause.model_validate({"call": call, "condition": condition, "prompt": "Go on?"} | more)
        )

    async def hears(self, count: int) -> list[ChildEnded | Paused]:
        await until(lambda: len(self.heard) >= count)
        for _ in range(30):
            await asyncio.sleep(0)
        return self.heard

    async def told(self, condition: str = "ok") -> list[object]:
        entries = await self.attempt.entries(condition)
        return [entry.content.data for entry in entries if isinstance(entry.content, Event)]


@pytest.fixture
async def runner(attempt: OpenAttempt) -> AsyncIterator[Runner]:
    runner = Runner(attempt)
    yield runner
    await runner.children.close()
    assert runner.broken == []


async def test_a_question_stands_in_the_log_before_the_task_hears_of_it(runner: Runner) -> None:
    runner.pause(data_type="int", timeout_s=5.0, description="Why.", group="g")
    assert await runner.hears(1) == [Paused(call=1)]
    assert await runner.told() == [
        ConditionRequested(
            prompt="Go on?",
            data_type="int",
            description="Why.",
            timeout_s=5.0,
            parent="a0",
            parent_attempt=1,
            group="g",
        )
    ]


async def test_the_answer_comes_when_there_is_one(attempt: OpenAttempt, runner: Runner) -> None:
    runner.pause()
    await runner.hears(1)
    await attempt.say("ok", ConditionSignalled(value=True))
    _, ended = await runner.hears(2)
    assert isinstance(ended, ChildEnded)
    assert (ended.phase, ended.outputs) == (ActionPhase.SUCCEEDED, {"o0": InlineLiteral(value=True)})


async def test_an_end_without_an_answer_comes_too(attempt: OpenAttempt, runner: Runner) -> None:
    runner.pause()
    await runner.hears(1)
    await attempt.say("ok", ActionTimedOut(failure=LATE))
    _, ended = await runner.hears(2)
    assert isinstance(ended, ChildEnded)
    assert (ended.phase, ended.failure) == (ActionPhase.TIMED_OUT, LATE)


async def test_a_later_attempt_finds_the_question_and_its_answer(
    attempt: OpenAttempt, runner: Runner
) -> None:
    await attempt.say("ok", ConditionRequested(prompt="Go on?", parent="a0", parent_attempt=1))
    await attempt.say("ok", ConditionSignalled(value=False))
    runner.pause()
    paused, ended = await runner.hears(2)
    assert paused == Paused(call=1)
    assert isinstance(ended, ChildEnded)
    assert ended.outputs == {"o0": InlineLiteral(value=False)}
    assert len(await runner.told()) == 2


@pytest.mark.parametrize("whose", ["its own", "another's", "a task's"])
async def test_a_name_that_is_taken_is_refused(attempt: OpenAttempt, runner: Runner, whose: str) -> None:
    if whose == "its own":
        runner.pause()
        await runner.hears(1)
    elif whose == "another's":
        await attempt.say("ok", ConditionRequested(prompt="Go on?", parent="child", parent_attempt=1))
    else:
        task = TaskReference(name="env.child", version="v1")
        await attempt.say("ok", ActionRequested(task=task, parent="a0", parent_attempt=1))
    count = len(runner.heard)
    runner.pause(call=2)
    refused = (await runner.hears(count + 1))[-1]
    assert isinstance(refused, Paused)
    assert refused.failure is not None
    assert refused.failure.code == "ConditionAlreadyExistsError"
    assert "'ok'" in refused.failure.message


class Receiver(ThreadingHTTPServer):
    """A webhook's other end; its first `refusals` answers are 500."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[object] = []
        self.refusals = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        self.server.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        is_refused = self.server.refusals > 0
        self.server.refusals -= is_refused
        self.send_response(500 if is_refused else 204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Tests are quiet."""


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setattr(webhook.post, "__defaults__", ((0.0, 0.0),))
    with Receiver() as receiver:
        thread = threading.Thread(target=receiver.serve_forever, args=(0.01,))
        thread.start()
        yield receiver
        receiver.shutdown()
        thread.join()


async def announced(runner: Runner) -> ConditionAnnounced:
    async with asyncio.timeout(20):
        while not (found := [one for one in await runner.told() if isinstance(one, ConditionAnnounced)]):
            await asyncio.sleep(0.005)
    (one,) = found
    return one


async def test_a_webhook_is_told_what_is_asked(runner: Runner, receiver: Receiver) -> None:
    runner.pause(webhook=receiver.url)
    assert await announced(runner) == ConditionAnnounced()
    assert receiver.received == [
        {
            "project": "project",
            "domain": "domain",
            "run": "run",
            "condition": "ok",
            "prompt": "Go on?",
            "prompt_type": "text",
            "data_type": "bool",
            "description": "",
            "timeout_s": None,
        }
    ]


async def test_a_webhook_gets_the_payload_that_was_given_until_it_takes_it(
    runner: Runner, receiver: Receiver
) -> None:
    receiver.refusals = 2
    runner.pause(webhook=receiver.url, payload={"text": "please"})
    assert await announced(runner) == ConditionAnnounced()
    assert receiver.received == [{"text": "please"}] * 3


async def test_a_webhook_that_never_takes_it_is_noted_and_the_question_stays(
    attempt: OpenAttempt, runner: Runner, receiver: Receiver
) -> None:
    receiver.refusals = 99
    runner.pause(webhook=receiver.url)
    assert await announced(runner) == ConditionAnnounced(error="the webhook answered HTTP 500")
    assert runner.heard == [Paused(call=1)]
    await attempt.say("ok", ConditionSignalled(value=True))
    assert len(await runner.hears(2)) == 2


@pytest.mark.parametrize(("error", "times"), [("", 0), ("it was away", 1)])
async def test_a_later_attempt_tells_the_webhook_only_what_it_has_not_taken(
    attempt: OpenAttempt, runner: Runner, receiver: Receiver, error: str, times: int
) -> None:
    await attempt.say("ok", ConditionRequested(prompt="Go on?", parent="a0", parent_attempt=1))
    await attempt.say("ok", ConditionAnnounced(error=error))
    runner.pause(webhook=receiver.url)
    await runner.hears(1)
    await until(lambda: not runner.children._tasks)
    assert len(receiver.received) == times


async def test_a_webhook_that_cannot_be_reached_says_so_without_its_address() -> None:
    gone = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    gone.server_close()
    url = f"http://127.0.0.1:{gone.server_address[1]}/secret"
    said = await webhook.post(webhook.Webhook(url, {}), ())
    assert said.startswith("the webhook cannot be reached: ")
    assert "secret" not in said
