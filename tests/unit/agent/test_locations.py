"""The task's questions to the dataproxy, and what the agent says of its reports."""

import asyncio

import pytest

from flyte._runtime.messages import Locate, Located, Reported
from flyte_agent import locations
from flyte_agent.locations import Locations
from flyte_bus.errors import Refusal
from flyte_bus.history import read_action
from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_schemas.endpoints import (
    CREATE_DOWNLOAD_LOCATION,
    CREATE_UPLOAD_LOCATION,
    CreateDownloadLocation,
    CreateUploadLocation,
    DownloadLocation,
    UploadLocation,
)
from flyte_schemas.failure import Failure, FailureKind
from testkit.open_attempt import RUN, OpenAttempt

UPLOAD = CreateUploadLocation(
    project="p", domain="d", content_md5="0" * 32, filename="report.html", size_bytes=3
)
GONE = Failure(code="ArtifactNotFound", kind=FailureKind.USER, message="gone")


async def asked(bus: MemoryBus, *questions: Locate) -> dict[int, Located]:
    """The answers to questions that come all at once, by their calls."""
    answers: dict[int, Located] = {}
    done = asyncio.Event()

    async def answer(located: Located) -> None:
        answers[located.call] = located
        if len(answers) == len(questions):
            done.set()

    asking = Locations(bus, answer)
    for question in questions:
        asking.ask(question)
    await asyncio.wait_for(done.wait(), 10.0)
    await asking.close()
    return answers


async def test_questions_are_passed_on_and_answers_find_their_calls() -> None:
    async def put(question: CreateUploadLocation) -> UploadLocation:
        return UploadLocation(uri=f"flyte://artifacts/p/d/{question.content_md5}", exists=True)

    async def get(question: CreateDownloadLocation) -> DownloadLocation:
        raise Refusal(GONE)

    async with MemoryBus(MemoryServer()) as bus:
        await bus.serve(CREATE_UPLOAD_LOCATION, put)
        await bus.serve(CREATE_DOWNLOAD_LOCATION, get)
        answers = await asked(
            bus,
            Locate(call=1, download=CreateDownloadLocation(uri="flyte://artifacts/p/d/x")),
            Locate(call=2, upload=UPLOAD),
        )
    assert answers[1].failure == GONE
    assert answers[2].upload is not None
    assert answers[2].upload.uri.endswith("0" * 32)


async def test_a_dataproxy_that_is_away_is_the_platforms_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locations, "ANSWER_TIMEOUT_S", 0.05)
    async with MemoryBus(MemoryServer()) as bus:
        answers = await asked(bus, Locate(call=1, upload=UPLOAD))
    failure = answers[1].failure
    assert failure is not None
    assert (failure.code, failure.kind) == ("ArtifactUnavailable", FailureKind.SYSTEM)


async def test_each_report_of_an_attempt_is_a_fact_and_the_last_one_counts(attempt: OpenAttempt) -> None:
    reports = attempt.reports()
    await reports.claim()
    for letter in "aba":
        await reports.reported(
            Reported(uri=f"flyte://artifacts/p/d/{letter}", sha256=letter * 64, size_bytes=1)
        )
    state, _ = await read_action(attempt.bus.log, RUN.action("a0"))
    (report,) = state.reports
    assert (report.attempt, report.sha256) == (1, "a" * 64)
    assert len(await attempt.entries("a0")) == 6
