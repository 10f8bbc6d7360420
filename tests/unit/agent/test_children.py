"""The children of a running attempt: asked for once, answered once."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest

from flyte._runtime.messages import Ask, ChildEnded, Paused
from flyte_agent.children import Children
from flyte_agent.reports import Reports
from flyte_bus.memory import MemoryBus
from flyte_schemas.envelope import Event
from flyte_schemas.events import AbortAction, ActionAborted, ActionFailed, ActionRequested, AttemptSucceeded
from flyte_schemas.events import ActionQueued as Queued
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.literals import AnyLiteral, InlineLiteral, ReferencedLiteral
from flyte_schemas.phase import ActionPhase
from flyte_schemas.streams import REQUESTS
from flyte_schemas.subjects import abort_request, action_subject
from flyte_schemas.task import TaskOverrides, TaskReference
from testkit.cases.harness import until
from testkit.open_attempt import RUN, OpenAttempt

CHILD = TaskReference(name="env.child", version="v1")
OVERRIDES = TaskOverrides(env_vars={"OF": "this call"})
FAILURE = Failure(code="ValueError", kind=FailureKind.USER, message="no")
FAR_AWAY = ReferencedLiteral(uri="flyte://artifacts/p/d/x", sha256="a" * 64, size_bytes=7)


class Family:
    """The children of an attempt, and what its runner and its agent heard."""

    def __init__(self, attempt: OpenAttempt, bus: MemoryBus) -> None:
        self.answers: list[ChildEnded] = []
        self.paused: list[Paused] = []
        self.broken: list[BaseException] = []
        self.children = Children(
            bus,
            attempt.order,
            attempt.reports(),
            since=attempt.first,
            answer=self._answer,
            on_broken=self.broken.append,
            env_vars={"OF": "the run"},
        )

    async def _answer(self, answer: ChildEnded | Paused) -> None:
        if isinstance(answer, Paused):
            self.paused.append(answer)
        else:
            self.answers.append(answer)

    def ask(self, call: int, action: str = "child", inputs: Mapping[str, AnyLiteral] | None = None) -> None:
        self.children.ask(
            Ask(
                call=call,
                action=action,
                task=CHILD,
                inputs=inputs or {},
                group="g",
                custom_context={"who": "me"},
                overrides=OVERRIDES,
            )
        )

    async def answered(self, count: int) -> list[ChildEnded]:
        """The answers, once there are so many, and no more after a while."""
        await until(lambda: len(self.answers) >= count)
        for _ in range(30):
            await asyncio.sleep(0)
        return self.answers


@asynccontextmanager
async def a_family(attempt: OpenAttempt, bus: MemoryBus | None = None) -> AsyncIterator[Family]:
    family = Family(attempt, bus or attempt.bus)
    try:
        yield family
    finally:
        await family.children.close()


@pytest.fixture
async def family(attempt: OpenAttempt) -> AsyncIterator[Family]:
    async with a_family(attempt) as family:
        yield family
        assert family.broken == []


async def asked_for(attempt: OpenAttempt, action: str = "child") -> None:
    async with asyncio.timeout(10):
        while not await attempt.entries(action):
            await asyncio.sleep(0.001)


async def ends_well(attempt: OpenAttempt, action: str = "child", value: object = 1) -> None:
    await attempt.say(action, Queued(attempt=1, pool="process"))
    await attempt.say(action, AttemptSucceeded(attempt=1, outputs={"o0": InlineLiteral(value=value)}))


async def test_a_child_is_asked_for_and_its_end_is_the_answer(attempt: OpenAttempt, family: Family) -> None:
    family.ask(7, inputs={"x": InlineLiteral(value=2)})
    await asked_for(attempt)
    (entry,) = await attempt.entries("child")
    assert not isinstance(entry.content, Exception)
    assert entry.content.data == ActionRequested(
        task=CHILD,
        inputs={"x": InlineLiteral(value=2)},
        parent="a0",
        parent_attempt=1,
        group="g",
        env_vars={"OF": "the run"},
        custom_context={"who": "me"},
        overrides=OVERRIDES,
    )
    assert family.answers == []
    await ends_well(attempt)
    (answer,) = await family.answered(1)
    assert (answer.call, answer.phase) == (7, ActionPhase.SUCCEEDED)
    assert answer.outputs == {"o0": InlineLiteral(value=1)}


async def test_a_failure_is_an_answer_too(attempt: OpenAttempt, family: Family) -> None:
    family.ask(1, "fails")
    family.ask(2, "aborted")
    for action in ("fails", "aborted"):
        await asked_for(attempt, action)
    await attempt.say("fails", ActionFailed(failure=FAILURE))
    await attempt.say("aborted", ActionAborted(reason="because"))
    first, second = sorted(await family.answered(2), key=lambda answer: answer.call)
    assert (first.phase, first.failure) == (ActionPhase.FAILED, FAILURE)
    assert (second.phase, second.abort_reason) == (ActionPhase.ABORTED, "because")


async def test_a_child_that_has_ended_already_is_not_asked_for_again(
    attempt: OpenAttempt, family: Family
) -> None:
    await attempt.say("child", ActionRequested(task=CHILD, parent="a0", parent_attempt=1))
    await ends_well(attempt, value="of the first attempt")
    family.ask(1)
    (answer,) = await family.answered(1)
    assert answer.outputs == {"o0": InlineLiteral(value="of the first attempt")}
    assert len(await attempt.entries("child")) == 3


async def test_a_child_that_still_runs_is_attached_to(attempt: OpenAttempt, family: Family) -> None:
    await attempt.say("child", ActionRequested(task=CHILD, parent="a0", parent_attempt=1))
    family.ask(1)
    for _ in range(30):
        await asyncio.sleep(0)
    assert family.answers == []
    await ends_well(attempt)
    assert len(await family.answered(1)) == 1
    assert len(await attempt.entries("child")) == 3


async def test_who_is_tried_again_knows_his_children_before_he_asks(
    attempt: OpenAttempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    request_child = Reports.request_child

    async def heard(self: Reports, action: str, data: ActionRequested, above: str | None = None) -> None:
        asked.append(action)
        await request_child(self, action, data, above)

    monkeypatch.setattr(Reports, "request_child", heard)
    for number in range(20):
        await attempt.say(f"child{number}", ActionRequested(task=CHILD, parent="a0", parent_attempt=1))
        await ends_well(attempt, f"child{number}", number)
    attempt.order = attempt.order.model_copy(update={"attempt": 2})
    async with a_family(attempt) as family:
        for number in range(20):
            family.ask(number, f"child{number}")
        family.ask(20, "new")
        await asked_for(attempt, "new")
        await ends_well(attempt, "new")
        assert len(await family.answered(21)) == 21
    assert asked == ["new"]


async def test_many_children_are_each_answered_once(attempt: OpenAttempt, family: Family) -> None:
    for number in range(50):
        family.ask(number, f"child{number}")
    for number in reversed(range(50)):
        await asked_for(attempt, f"child{number}")
        await ends_well(attempt, f"child{number}", number)
    answers = await family.answered(50)
    assert {answer.call: answer.outputs["o0"] for answer in answers} == {
        number: InlineLiteral(value=number) for number in range(50)
    }
    assert len(answers) == 50


async def test_the_words_of_other_actions_and_garbage_are_passed_over(
    attempt: OpenAttempt, family: Family
) -> None:
    family.ask(1)
    await asked_for(attempt)
    attempt.bus._link.server.publish_raw(action_subject(RUN.action("child")), b"garbage")
    await attempt.say("stranger", ActionRequested(task=CHILD, parent="a0"))
    await ends_well(attempt, "stranger")
    await ends_well(attempt)
    assert [answer.call for answer in await family.answered(1)] == [1]


async def test_what_is_large_passes_by_reference(attempt: OpenAttempt, family: Family) -> None:
    family.ask(1, "child", {"x": FAR_AWAY})
    await asked_for(attempt)
    (requested,) = await attempt.entries("child")
    assert isinstance(requested.content, Event)
    assert requested.content.data.inputs == {"x": FAR_AWAY}
    await attempt.say("child", Queued(attempt=1, pool="process"))
    await attempt.say("child", AttemptSucceeded(attempt=1, outputs={"o0": FAR_AWAY}))
    (answer,) = await family.answered(1)
    assert (answer.phase, answer.outputs) == (ActionPhase.SUCCEEDED, {"o0": FAR_AWAY})


async def test_a_child_that_nobody_waits_for_any_more_is_aborted(
    attempt: OpenAttempt, family: Family
) -> None:
    for call in (1, 2):
        family.ask(call)
    family.ask(3, "other")
    for action in ("child", "other"):
        await asked_for(attempt, action)
    family.children.give_up(1)
    family.children.give_up(99)
    for _ in range(30):
        await asyncio.sleep(0)
    assert await aborts(attempt) == []
    family.children.give_up(2)
    async with asyncio.timeout(10):
        while not await aborts(attempt):
            await asyncio.sleep(0.001)
    assert await aborts(attempt) == ["child"]
    await ends_well(attempt)
    await ends_well(attempt, "other")
    assert [answer.call for answer in await family.answered(1)] == [3]


async def aborts(attempt: OpenAttempt) -> list[str]:
    """The actions that somebody asked to abort."""
    entries = [entry async for entry in attempt.bus.log.read(REQUESTS, abort_request(RUN, "agent"))]
    words = [entry.content.data for entry in entries if isinstance(entry.content, Event)]
    return [word.action for word in words if isinstance(word, AbortAction)]


async def test_an_outage_delays_the_answers(attempt: OpenAttempt, family: Family) -> None:
    server = attempt.bus._link.server
    family.ask(1)
    await asked_for(attempt)
    server.stop()
    family.ask(2, "other")
    await asyncio.sleep(0.01)
    server.start()
    await asked_for(attempt, "other")
    await ends_well(attempt, "other")
    await ends_well(attempt)
    assert sorted(answer.call for answer in await family.answered(2)) == [1, 2]


async def test_a_bus_that_stays_away_is_an_answer(attempt: OpenAttempt) -> None:
    hasty = MemoryBus(attempt.bus._link.server, patience_s=0.02)
    attempt.bus._link.server.stop()
    async with a_family(attempt, hasty) as family:
        family.children._reports._log = hasty.log
        family.ask(1)
        (answer,) = await family.answered(1)
    assert answer.failure is not None
    assert answer.failure.code == "ChildNotRequested"
    attempt.bus._link.server.start()
    await hasty.close()


async def test_an_answer_that_cannot_be_given_breaks_the_attempt(attempt: OpenAttempt) -> None:
    async def fail(ended: ChildEnded) -> None:
        raise RuntimeError("nobody there")

    async with a_family(attempt) as family:
        family.children._answer = fail
        family.ask(1)
        await asked_for(attempt)
        await ends_well(attempt)
        await until(lambda: bool(family.broken))
    assert str(family.broken[0]) == "nobody there"


async def test_after_close_nothing_is_answered(attempt: OpenAttempt, family: Family) -> None:
    family.ask(1)
    await asked_for(attempt)
    await family.children.close()
    await ends_well(attempt)
    for _ in range(30):
        await asyncio.sleep(0)
    assert family.answers == []
