"""What every bus does with questions."""

import asyncio
from dataclasses import replace

import pytest

from flyte_bus.errors import BusUnavailable, NoAnswer, Refusal
from flyte_schemas.endpoints import (
    CREATE_DOWNLOAD_LOCATION,
    LIST_TASKS,
    CreateDownloadLocation,
    Endpoint,
    ListTasks,
    Ping,
    Pong,
    TaskList,
    ping_endpoint,
)
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.task import TaskReference
from testkit.cases.harness import GUARD_S, BusHarness

ECHO = Endpoint("flyte.svc.test.echo", TaskReference, TaskReference)
QUESTION = TaskReference(name="env.fn", version="v1")


NO_TASKS = TaskList(tasks=(), as_of_sequence=0)


async def list_nothing(_: ListTasks) -> TaskList:
    return NO_TASKS


async def echo(question: TaskReference) -> TaskReference:
    return question


class EndpointCases:
    """The contract of `Bus.serve` and `Bus.ask`: inherit it, and give a fixture `harness`."""

    async def test_a_question_is_answered(self, harness: BusHarness) -> None:
        async def answer(question: TaskReference) -> TaskReference:
            return TaskReference(name=question.name, version=question.version + ".1")

        await harness.bus.serve(ECHO, answer)
        other = await harness.connect()
        assert await other.ask(ECHO, QUESTION) == TaskReference(name="env.fn", version="v1.1")
        assert await harness.bus.ask(ECHO, QUESTION) == TaskReference(name="env.fn", version="v1.1")

    async def test_a_refusal_reaches_who_asked(self, harness: BusHarness) -> None:
        failure = Failure(
            code="TaskNotFound", kind=FailureKind.USER, message="no such task", hint="deploy it"
        )

        async def refuse(_: TaskReference) -> TaskReference:
            raise Refusal(failure)

        await harness.bus.serve(ECHO, refuse)
        with pytest.raises(Refusal) as caught:
            await harness.bus.ask(ECHO, QUESTION)
        assert caught.value.failure == failure

    async def test_a_crash_of_the_handler_is_a_failure_of_the_system(self, harness: BusHarness) -> None:
        async def crash(question: TaskReference) -> TaskReference:
            if question.version == "bad":
                raise RuntimeError("the disk is full")
            return question

        await harness.bus.serve(ECHO, crash)
        with pytest.raises(Refusal) as caught:
            await harness.bus.ask(ECHO, TaskReference(name="env.fn", version="bad"))
        assert caught.value.failure.kind is FailureKind.SYSTEM
        assert "the disk is full" in caught.value.failure.message
        assert await harness.bus.ask(ECHO, QUESTION) == QUESTION

    async def test_a_question_that_cannot_be_read_is_refused(self, harness: BusHarness) -> None:
        await harness.bus.serve(ECHO, echo)
        wrong = Endpoint(ECHO.subject, Ping, Pong)
        with pytest.raises(Refusal) as caught:
            await harness.bus.ask(wrong, Ping())
        assert caught.value.failure.code == "InvalidQuestion"
        assert await harness.bus.ask(ECHO, QUESTION) == QUESTION

    async def test_a_question_about_one_place_is_not_answered_at_another(self, harness: BusHarness) -> None:
        await harness.bus.serve(LIST_TASKS, list_nothing)
        here = ListTasks(project="robots", domain="development")
        assert await harness.bus.ask(LIST_TASKS, here) == NO_TASKS
        astray = replace(LIST_TASKS, place=("domain", "project"))
        with pytest.raises(Refusal, match=r"belongs on \S+\.robots\.development was asked on") as caught:
            await harness.bus.ask(astray, here)
        assert caught.value.failure.code == "InvalidQuestion"

    async def test_a_place_that_no_subject_can_have_is_refused_before_it_is_asked(
        self, harness: BusHarness
    ) -> None:
        for uri in (
            "flyte://artifacts/*/>/0",
            "flyte://artifacts/a.b/c/0",
            "flyte://artifacts/0",
            "s3://b/k",
        ):
            with pytest.raises(Refusal) as caught:
                await harness.bus.ask(CREATE_DOWNLOAD_LOCATION, CreateDownloadLocation(uri=uri))
            assert caught.value.failure.code == "InvalidQuestion"
            assert uri in caught.value.failure.message or "has a dot, a wildcard" in str(caught.value)

    async def test_what_was_asked_before_the_end_is_answered_within_the_grace(
        self, harness: BusHarness
    ) -> None:
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def answer(question: TaskReference) -> TaskReference:
            begun.set()
            await go_on.wait()
            return question

        server = await harness.bus.serve(ECHO, answer)
        other = await harness.connect()
        asked = asyncio.create_task(other.ask(ECHO, QUESTION, timeout_s=GUARD_S))
        await begun.wait()
        stopping = asyncio.create_task(server.stop(grace_s=GUARD_S))
        with pytest.raises(NoAnswer):
            await other.ask(ECHO, QUESTION, timeout_s=0.3)
        go_on.set()
        await stopping
        assert await asked == QUESTION

    async def test_nobody_answers_when_nobody_serves(self, harness: BusHarness) -> None:
        with pytest.raises(NoAnswer) as caught:
            await harness.bus.ask(ECHO, QUESTION, timeout_s=0.3)
        assert caught.value.subject == ECHO.subject

    async def test_an_answer_that_takes_too_long_is_none(self, harness: BusHarness) -> None:
        async def sleep(question: TaskReference) -> TaskReference:
            await asyncio.sleep(GUARD_S)
            return question

        server = await harness.bus.serve(ECHO, sleep)
        with pytest.raises(NoAnswer):
            await harness.bus.ask(ECHO, QUESTION, timeout_s=0.3)
        await server.stop()

    async def test_a_question_waits_for_a_server_that_comes_late(self, harness: BusHarness) -> None:
        other = await harness.connect()
        asking = asyncio.create_task(other.ask(ECHO, QUESTION, timeout_s=GUARD_S))
        await asyncio.sleep(0.3)
        assert not asking.done()
        await harness.bus.serve(ECHO, echo)
        assert await asking == QUESTION

    async def test_questions_are_answered_side_by_side(self, harness: BusHarness) -> None:
        """The first answer waits for the second question."""
        second = asyncio.Event()

        async def answer(question: TaskReference) -> TaskReference:
            if question.version == "first":
                await second.wait()
            second.set()
            return question

        await harness.bus.serve(ECHO, answer)
        asked = [TaskReference(name="env.fn", version=version) for version in ("first", "second")]
        assert await asyncio.gather(*(harness.bus.ask(ECHO, one) for one in asked)) == asked

    async def test_each_question_goes_to_one_of_two_servers(self, harness: BusHarness) -> None:
        answered: list[str] = []

        async def answer(question: TaskReference) -> TaskReference:
            answered.append(question.version)
            return question

        other = await harness.connect()
        await harness.bus.serve(ECHO, answer)
        await other.serve(ECHO, answer)
        asked = [TaskReference(name="env.fn", version=f"v{n}") for n in range(40)]
        assert await asyncio.gather(*(harness.bus.ask(ECHO, one) for one in asked)) == asked
        assert sorted(answered) == sorted(one.version for one in asked)

    async def test_a_stopped_server_answers_nothing_more(self, harness: BusHarness) -> None:
        server = await harness.bus.serve(ECHO, echo)
        assert await harness.bus.ask(ECHO, QUESTION) == QUESTION
        await server.stop()
        with pytest.raises(NoAnswer):
            await harness.bus.ask(ECHO, QUESTION, timeout_s=0.3)

    async def test_closing_the_bus_ends_its_servers(self, harness: BusHarness) -> None:
        other = await harness.connect()
        await other.serve(ECHO, echo)
        await other.close()
        with pytest.raises(NoAnswer):
            await harness.bus.ask(ECHO, QUESTION, timeout_s=0.3)

    async def test_a_closed_bus_asks_nothing(self, harness: BusHarness) -> None:
        other = await harness.connect()
        await other.close()
        with pytest.raises(BusUnavailable):
            await other.ask(ECHO, QUESTION)

    async def test_endpoints_are_apart(self, harness: BusHarness) -> None:
        async def pong(_: Ping) -> Pong:
            return Pong(service="registry", version="1", pid=1, host="here")

        await harness.bus.serve(ping_endpoint("registry"), pong)
        assert (await harness.bus.ask(ping_endpoint("registry"), Ping())).service == "registry"
        with pytest.raises(NoAnswer):
            await harness.bus.ask(ping_endpoint("executor"), Ping(), timeout_s=0.3)

    async def test_a_question_outlasts_an_outage(self, harness: BusHarness) -> None:
        other = await harness.connect()
        await other.serve(ECHO, echo)
        await harness.stop()
        asking = asyncio.create_task(harness.bus.ask(ECHO, QUESTION, timeout_s=GUARD_S))
        await asyncio.sleep(0.2)
        assert not asking.done()
        await harness.start()
        assert await asking == QUESTION

    async def test_nobody_answers_during_an_outage(self, harness: BusHarness) -> None:
        await harness.bus.serve(ECHO, echo)
        await harness.stop()
        with pytest.raises(NoAnswer):
            await harness.bus.ask(ECHO, QUESTION, timeout_s=0.3)

    async def test_a_server_goes_on_after_an_outage(self, harness: BusHarness) -> None:
        await harness.bus.serve(ECHO, echo)
        for _ in range(2):
            await harness.stop()
            await harness.start()
            assert await harness.bus.ask(ECHO, QUESTION, timeout_s=GUARD_S) == QUESTION
