"""The whole registry, on the bus in memory."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from flyte_bus.errors import Refusal, StreamFull
from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_bus.memory.log import MemoryLog
from flyte_bus.ports import Bus
from flyte_registry import deployments, projection
from flyte_registry.core.deployment import Asked, TaskHistory, Verdict, decide
from flyte_registry.deployments import Histories
from flyte_schemas.endpoints import LIST_RUNS, ListRuns
from flyte_schemas.envelope import AnyEvent
from flyte_schemas.events import ActionRequested, RunSettings, TaskDeployed
from flyte_schemas.overview import GET_PROGRESS, GetProgress
from flyte_schemas.phase import ActionPhase
from flyte_schemas.streams import RUNS, TASKS
from testkit.cases.harness import GUARD_S
from testkit.cases.registry import DeploymentCases, QuestionCases, ReadModelCases
from testkit.registry import STARTED, TASK, WHERE, answers, everything, happen, registry, rejections
from testkit.tasks import deploy, template


class MemoryHarness:
    """A memory server, and connections to it."""

    def __init__(self) -> None:
        self.server = MemoryServer()
        self.bus: Bus = MemoryBus(self.server)

    async def connect(self) -> Bus:
        return MemoryBus(self.server)

    async def publish_raw(self, subject: str, raw: bytes) -> None:
        self.server.publish_raw(subject, raw)


@pytest.fixture
async def harness() -> AsyncIterator[MemoryHarness]:
    harness = MemoryHarness()
    async with harness.bus:
        await harness.bus.provision()
        yield harness


class TestDeployments(DeploymentCases): ...


class TestQuestions(QuestionCases): ...


class TestReadModel(ReadModelCases): ...


@pytest.mark.parametrize("runs_of_the_other", [0, 1, 5])
async def test_a_model_of_another_log_is_made_anew(
    harness: MemoryHarness, tmp_path: Path, runs_of_the_other: int
) -> None:
    async with registry(harness.bus, tmp_path):
        await happen(harness.bus, "r1", *STARTED)
        await everything(harness.bus)
    other = MemoryHarness()
    async with other.bus:
        await other.bus.provision()
        for number in range(runs_of_the_other):
            await happen(other.bus, f"other{number}", *STARTED)
        async with registry(other.bus, tmp_path):
            runs = (await everything(other.bus))[0].runs
    assert len(runs) == runs_of_the_other
    assert "r1" not in {run.name for run in runs}


async def test_a_request_that_we_cannot_handle_is_set_aside_in_the_end(
    harness: MemoryHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(request: Asked, history: TaskHistory) -> Verdict | None:
        if request.data.version == "poison":
            raise RuntimeError("a fault of ours")
        return decide(request, history)

    monkeypatch.setattr(deployments, "decide", broken)
    await harness.bus.log.append(deploy(template(), "poison"))
    await harness.bus.log.append(deploy(template(), "v1"))
    async with registry(harness.bus, tmp_path, retry_delay_s=0.0, max_deliveries=3):
        (deployed,) = await answers(harness.bus, 1)
        (set_aside,) = await rejections(harness.bus, 1)
    assert isinstance(deployed.data, TaskDeployed)
    assert set_aside.reason == "3 attempts failed: RuntimeError('a fault of ours')"


async def test_a_request_waits_while_the_log_is_full(
    harness: MemoryHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, refusals = MemoryLog.append, iter([StreamFull("no room"), StreamFull("no room")])

    async def full(self: MemoryLog, event: AnyEvent, *, expected: int | None = None) -> int:
        if isinstance(event.data, TaskDeployed) and (refusal := next(refusals, None)) is not None:
            raise refusal
        return await append(self, event, expected=expected)

    monkeypatch.setattr(MemoryLog, "append", full)
    await harness.bus.log.append(deploy(template()))
    async with registry(harness.bus, tmp_path, retry_delay_s=0.0):
        (deployed,) = await answers(harness.bus, 1)
    assert isinstance(deployed.data, TaskDeployed)


async def test_the_history_of_a_task_not_used_lately_is_forgotten(harness: MemoryHarness) -> None:
    histories = Histories(harness.bus.log, limit=2)
    first = await histories.of("flyte.task.p.d.e.one")
    assert await histories.of("flyte.task.p.d.e.one") is first
    for function in ("two", "three"):
        await histories.of(f"flyte.task.p.d.e.{function}")
    assert await histories.of("flyte.task.p.d.e.one") is not first


async def test_a_list_goes_on_where_the_last_page_ended(harness: MemoryHarness, tmp_path: Path) -> None:
    async with registry(harness.bus, tmp_path, max_listed=2):
        for number in range(5):
            await happen(harness.bus, f"r{number}", *STARTED)
        asked = ListRuns(**WHERE, counts=True)
        first = await harness.bus.ask(LIST_RUNS, asked)
        await happen(harness.bus, "r5", *STARTED)
        second = await harness.bus.ask(LIST_RUNS, asked.model_copy(update={"cursor": first.next}))
        last = await harness.bus.ask(LIST_RUNS, asked.model_copy(update={"cursor": second.next, "limit": 1}))
        none = await harness.bus.ask(LIST_RUNS, asked.model_copy(update={"limit": 0}))
        with pytest.raises(Refusal) as caught:
            await harness.bus.ask(LIST_RUNS, ListRuns(**WHERE, in_phase=("failed",), cursor=first.next))
    pages = [[run.name for run in page.runs] for page in (first, second, last, none)]
    assert pages == [["r4", "r3"], ["r2", "r1"], ["r0"], []]
    assert (first.counts, none.counts) == ({ActionPhase.RUNNING: 5}, {ActionPhase.RUNNING: 6})
    assert (last.next, none.next) == ("", "")
    assert caught.value.failure.code == "InvalidQuestion"
    assert caught.value.failure.message.endswith("is not of this question: leave it out to begin anew")


async def test_an_answer_is_never_more_than_a_message_can_take(
    harness: MemoryHarness, tmp_path: Path
) -> None:
    long = RunSettings(labels={"note": "x" * 1_000})
    async with registry(harness.bus, tmp_path, max_answer_bytes=3_500):
        for number in range(4):
            await happen(harness.bus, f"r{number}", ActionRequested(task=TASK, settings=long))
        first = await harness.bus.ask(LIST_RUNS, ListRuns(**WHERE))
        second = await harness.bus.ask(LIST_RUNS, ListRuns(**WHERE, cursor=first.next))
    assert [[run.name for run in page.runs] for page in (first, second)] == [["r3", "r2"], ["r1", "r0"]]
    assert second.next == ""


async def test_who_builds_the_model_anew_says_how_far_he_is(
    harness: MemoryHarness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        await happen(harness.bus, f"r{number}", *STARTED)
    monkeypatch.setattr(projection, "TELL_S", 0.0)
    with capture_logs() as told:
        async with registry(harness.bus, tmp_path, max_batch=5):
            await everything(harness.bus)
            progress = await harness.bus.ask(GET_PROGRESS, GetProgress())
    reading = [line for line in told if line["event"] == "registry.read_model.reading"]
    (read,) = (line for line in told if line["event"] == "registry.read_model.read")
    assert {line["total"] for line in reading} == {60}
    assert all(line["read"] < 60 and line["per_s"] >= 0 for line in reading)
    assert (read["stream"], read["read"]) == (RUNS.name, 60)
    assert [(one.stream, one.as_of, one.end, one.eta_s) for one in progress.streams] == [
        (TASKS.name, 0, 0, 0.0), (RUNS.name, 60, 60, 0.0),
    ]  # fmt: skip


async def test_a_full_disk_is_waited_for_and_costs_nothing(harness: MemoryHarness, tmp_path: Path) -> None:
    async with registry(harness.bus, tmp_path, retry_delay_s=0.01) as service:
        model = service._projection
        pages = await model.ask(lambda file: file._db.execute("PRAGMA page_count").fetchone()[0])
        await model.ask(lambda file: file._db.execute(f"PRAGMA max_page_count = {pages}"))
        for number in range(40):
            last = await happen(harness.bus, f"r{number:02}", *STARTED)
        assert await model.reach(RUNS, last, 0.3) < last
        await model.ask(lambda file: file._db.execute("PRAGMA max_page_count = 100000"))
        assert await model.reach(RUNS, last, GUARD_S) == last
        answer = await harness.bus.ask(LIST_RUNS, ListRuns(**WHERE))
        assert [run.name for run in answer.runs] == [f"r{number:02}" for number in reversed(range(40))]
