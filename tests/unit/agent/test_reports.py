"""The claim: of many agents one has the attempt, and the others do no harm."""

import asyncio

import pytest

from flyte_bus.history import read_action
from flyte_schemas.events import (
    ActionAborted,
    ActionQueued,
    ActionRequested,
    ActionRetried,
    AttemptCheckpointed,
    AttemptFailed,
    AttemptReported,
    AttemptSucceeded,
    EventData,
)
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.subjects import action_subject
from testkit.open_attempt import RUN, TASK, OpenAttempt

KEY = RUN.action("a0")
LOST = AttemptFailed(attempt=1, failure=Failure(code="AgentLost", kind=FailureKind.SYSTEM))


async def test_of_ten_racing_agents_one_has_the_attempt(attempt: OpenAttempt) -> None:
    racers = [attempt.reports(pid) for pid in range(10)]
    claims = await asyncio.gather(*(racer.claim() for racer in racers))
    assert claims.count(True) == 1
    state, first = await read_action(attempt.bus.log, KEY)
    assert state.worker == racers[claims.index(True)].worker
    assert first == attempt.first
    assert len(await attempt.entries("a0")) == 3


async def test_a_claim_that_is_made_again_is_the_same_claim(attempt: OpenAttempt) -> None:
    assert await attempt.reports().claim()
    assert await attempt.reports().claim()
    assert len(await attempt.entries("a0")) == 3


@pytest.mark.parametrize(
    "meanwhile",
    [
        [ActionAborted(reason="")],
        [AttemptSucceeded(attempt=1)],
        [LOST],
        [LOST, ActionRetried(attempt=1, reason="")],
        [LOST, ActionRetried(attempt=1, reason=""), ActionQueued(attempt=2, pool="process")],
    ],
    ids=["aborted", "ended", "lost", "to be tried again", "open again"],
)
async def test_an_attempt_that_is_over_cannot_be_claimed(
    attempt: OpenAttempt, meanwhile: list[EventData]
) -> None:
    for data in meanwhile:
        await attempt.say("a0", data)
    before = len(await attempt.entries("a0"))
    assert not await attempt.reports().claim()
    assert len(await attempt.entries("a0")) == before


async def test_messages_that_say_nothing_do_not_keep_an_agent_from_its_attempt(attempt: OpenAttempt) -> None:
    attempt.bus._link.server.publish_raw(action_subject(KEY), b"garbage")
    await attempt.say("a0", ActionRequested(task=TASK))
    assert await attempt.reports(1).claim()
    assert not await attempt.reports(2).claim()
    state, _ = await read_action(attempt.bus.log, KEY)
    assert state.worker == attempt.reports(1).worker


async def test_a_fact_that_is_written_again_counts_once(attempt: OpenAttempt) -> None:
    reports = attempt.reports()
    await reports.claim()
    for _ in range(3):
        await reports.fact(AttemptSucceeded(attempt=1))
    assert len(await attempt.entries("a0")) == 4


async def test_a_checkpoint_that_the_network_held_back_does_not_come_back(attempt: OpenAttempt) -> None:
    reports = attempt.reports()
    await reports.claim()
    for name in ("one", "two"):
        await reports.numbered(
            AttemptCheckpointed(attempt=1, uri=name, sha256="0" * 64, size_bytes=1, name=name)
        )
        await reports.numbered(AttemptReported(attempt=1, uri=name, sha256="0" * 64, size_bytes=1))
    *_, one, first, _, _ = await attempt.entries("a0")
    for late in (one, first):
        attempt.bus._link.server.publish_raw(late.subject, late.raw)
    state, _ = await read_action(attempt.bus.log, KEY)
    assert state.checkpoint is not None
    assert (state.checkpoint.name, [report.uri for report in state.reports]) == ("two", ["two"])
    assert len(await attempt.entries("a0")) == 9
