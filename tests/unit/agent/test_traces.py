"""The steps of a running attempt: each recorded once, and told to an attempt that asks."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest

from flyte._runtime.artifact_errors import ArtifactRefused
from flyte._runtime.messages import Kept, Recall, Record, Remembered
from flyte._runtime.offload import restore
from flyte_agent.recovered import Source
from flyte_agent.reports import Reports
from flyte_agent.traces import AT_A_TIME, Trace, Traces
from flyte_bus.errors import Conflict
from flyte_bus.memory import MemoryBus
from flyte_bus.ports import Entry
from flyte_schemas.envelope import AnyEvent, Event
from flyte_schemas.events import ActionFailed, ActionQueued, ActionRequested, TraceFailed, TraceSucceeded
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.literals import InlineLiteral, ReferencedLiteral
from flyte_schemas.orders import Order
from flyte_schemas.streams import StreamSpec
from flyte_schemas.subjects import RunKey, action_subject
from testkit.cases.harness import until
from testkit.events import MORNING, event
from testkit.open_attempt import TASK, OpenAttempt
from testkit.stores import MemoryStore, NoStore

FAILURE = Failure(code="Never", kind=FailureKind.USER, recoverable=False)


def step(value: object = 1, *, attempt: int = 1, parent: str = "a0") -> TraceSucceeded:
    return TraceSucceeded(
        name="m.fetch",
        parent=parent,
        parent_attempt=attempt,
        inputs={"x": InlineLiteral(value=2)},
        outputs={"o0": InlineLiteral(value=value)},
        started_at=MORNING,
    )


Store = MemoryStore | None


class Steps:
    """The traces of an attempt, and what its runner and its agent heard."""

    def __init__(
        self,
        around: OpenAttempt,
        attempt: int = 1,
        bus: MemoryBus | None = None,
        store: Store = None,
        source: Source | None = None,
    ) -> None:
        bus = bus or around.bus
        order = Order.model_validate(around.order.model_dump() | {"attempt": attempt})
        self.answers: dict[int, Kept] = {}
        self.remembered: list[Remembered] = []
        self.broken: list[BaseException] = []
        self.traces = Traces(
            bus.log,
            order,
            Reports(bus, order, attempt),
            store or NoStore(),
            since=around.first,
            answer=self._answer,
            on_broken=self.broken.append,
            source=source,
        )

    async def _answer(self, kept: Kept | Remembered) -> None:
        if isinstance(kept, Remembered):
            self.remembered.append(kept)
            return
        assert kept.call not in self.answers
        self.answers[kept.call] = kept

    async def record(self, name: str, trace: Trace, call: int = 1) -> Kept:
        self.traces.hear(Record(call=call, step=name, trace=trace))
        return await self.answered(call)

    async def recall(self, name: str, call: int = 100) -> Kept:
        self.traces.hear(Recall(call=call, step=name))
        return await self.answered(call)

    async def answered(self, call: int) -> Kept:
        await until(lambda: call in self.answers)
        return self.answers.pop(call)


@asynccontextmanager
async def steps_of(
    around: OpenAttempt,
    attempt: int = 1,
    bus: MemoryBus | None = None,
    store: Store = None,
    source: Source | None = None,
) -> AsyncIterator[Steps]:
    steps = Steps(around, attempt, bus, store, source)
    try:
        yield steps
    finally:
        await steps.traces.close()
        assert steps.broken == []


async def recorded(around: OpenAttempt, name: str) -> list[object]:
    contents = [entry.content for entry in await around.entries(name)]
    return [content.data for content in contents if isinstance(content, Event)]


async def test_a_step_stands_in_the_log_before_the_answer(attempt: OpenAttempt) -> None:
    async with steps_of(attempt) as steps:
        assert await steps.record("t", step()) == Kept(call=1)
        assert await recorded(attempt, "t") == [step()]
        failed = TraceFailed(
            name="m.fetch", parent="a0", parent_attempt=1, failure=FAILURE, started_at=MORNING
        )
        assert await steps.record("u", failed) == Kept(call=1)
        assert await recorded(attempt, "u") == [failed]


async def test_another_attempt_is_told_what_was_recorded_and_writes_nothing_twice(
    attempt: OpenAttempt,
) -> None:
    async with steps_of(attempt) as first:
        for number in range(3):
            await first.record(f"t{number}", step(number))
    await attempt.say("stranger", step(parent="other"))
    async with steps_of(attempt, 2) as second:
        told = [await second.recall(f"t{number}") for number in range(3)]
        assert [kept.trace and kept.trace.outputs["o0"] for kept in told] == [
            InlineLiteral(value=number) for number in range(3)
        ]
        assert (await second.recall("t3")).trace is None
        assert (await second.recall("stranger")).trace is None
        other = await second.record("t0", step("again", attempt=2))
        assert other.trace is not None
        assert other.trace.outputs == step(0).outputs
        assert await recorded(attempt, "t0") == [step(0)]


async def test_an_attempt_that_asks_for_all_is_told_all_that_is_small(attempt: OpenAttempt) -> None:
    store = MemoryStore()
    async with steps_of(attempt, store=store) as first:
        for number in range(AT_A_TIME + 3):
            first.traces.hear(Record(call=number, step=f"t{number}", trace=step(number)))
        await first.record("large", step("x" * 100_000), 10_000)
        await first.record("middle", step("x" * 10_000), 10_001)
        await until(lambda: len(first.answers) == AT_A_TIME + 3)
    async with steps_of(attempt, 2, store=store) as second:
        second.traces.hear(Recall(call=7))
        await until(lambda: bool(second.remembered) and not second.remembered[-1].more)
        told = {name: trace for word in second.remembered for name, trace in word.traces.items()}
        assert told == {
            f"t{number}": step(number).model_copy(update={"inputs": {}}) for number in range(AT_A_TIME + 3)
        }
        assert [word.more for word in second.remembered] == [True, True, False]
        assert set(second.remembered[-1].large) == {"large", "middle"}
        assert {word.call for word in second.remembered} == {7}


async def test_of_two_attempts_that_record_a_step_the_first_counts_for_both(attempt: OpenAttempt) -> None:
    async with steps_of(attempt) as first, steps_of(attempt, 2) as second:
        assert (await second.recall("t")).trace is None
        assert (await first.record("t", step("first"))).trace is None
        told = (await second.record("t", step("second", attempt=2))).trace
        assert told is not None
        assert told.outputs == step("first").outputs
        assert await recorded(attempt, "t") == [step("first")]


async def test_an_acknowledgement_that_was_lost_makes_no_stranger_of_ones_own_word(
    attempt: OpenAttempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = attempt.bus.log.append

    async def lose_the_answer(event: AnyEvent, *, expected: int | None = None) -> int:
        await append(event, expected=expected)
        raise Conflict(event.subject, expected or 0)

    monkeypatch.setattr(attempt.bus.log, "append", lose_the_answer)
    async with steps_of(attempt) as steps:
        assert await steps.record("t", step()) == Kept(call=1)


async def test_steps_that_are_taken_side_by_side_are_recorded_side_by_side(attempt: OpenAttempt) -> None:
    server = attempt.bus._link.server
    async with steps_of(attempt) as steps:
        server.stop()
        for number in range(50):
            steps.traces.hear(Record(call=number, step=f"t{number}", trace=step(number)))
        await asyncio.sleep(0.01)
        assert steps.answers == {}
        server.start()
        for number in range(50):
            assert (await steps.answered(number)).failure is None


async def test_a_large_value_lies_beside_the_log_and_comes_back_whole(attempt: OpenAttempt) -> None:
    store, large = MemoryStore(), "x" * 100_000
    async with steps_of(attempt, store=store) as first:
        await first.record("t", step(large))
    (found,) = await recorded(attempt, "t")
    assert isinstance(found, TraceSucceeded)
    assert isinstance(found.outputs["o0"], ReferencedLiteral)
    assert await restore(found.outputs, store) == step(large).outputs
    async with steps_of(attempt, 2, store=store) as second:
        told = (await second.recall("t")).trace
        assert told is not None
        assert told.outputs == step(large).outputs


async def test_a_record_that_cannot_be_reached_is_an_answer(attempt: OpenAttempt) -> None:
    hasty = MemoryBus(attempt.bus._link.server, patience_s=0.02)
    async with steps_of(attempt, bus=hasty) as steps:
        assert (await steps.record("large", step("x" * 100_000))).failure is not None
        attempt.bus._link.server.stop()
        failure = (await steps.record("t", step())).failure
        attempt.bus._link.server.start()
    assert failure is not None
    assert (failure.code, failure.kind) == ("TraceNotRecorded", FailureKind.SYSTEM)
    await hasty.close()


async def test_a_log_whose_end_is_not_seen_yet_is_read_on(
    attempt: OpenAttempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with steps_of(attempt) as first:
        await first.record("t", step())
    fence = await attempt.say("a0", ActionQueued(attempt=2, pool="process"))
    attempt.order = attempt.order.model_copy(update={"fence": fence})
    read, looks = attempt.bus.log.read, list[int]()

    async def lagging(stream: StreamSpec, subject: str, *, after: int = 0) -> AsyncGenerator[Entry]:
        looks.append(after)
        async for entry in read(stream, subject, after=after):
            if entry.sequence < fence - 1 or len(looks) > 1:
                yield entry

    monkeypatch.setattr(attempt.bus.log, "read", lagging)
    async with steps_of(attempt, 2) as second:
        assert (await second.recall("t")).trace is not None
    assert len(looks) == 2


EARLIER = RunKey("project", "domain", "earlier").action("b0")
LARGE = "x" * 10_000


async def earlier_run(attempt: OpenAttempt, steps: Mapping[str, Trace]) -> Source:
    """An action of another run that took these steps, and is over."""
    log = attempt.bus.log
    first = await log.append(event(action_subject(EARLIER), ActionRequested(task=TASK), id="first"))
    for name, trace in steps.items():
        told = trace.model_copy(update={"parent": "b0"})
        await log.append(event(action_subject(EARLIER.run.action(name)), told, id=f"earlier {name}"))
    last = await log.append(event(action_subject(EARLIER), ActionFailed(failure=FAILURE), id="last"))
    return Source(action=EARLIER, first=first, last=last)


async def test_steps_of_an_earlier_run_are_recorded_in_this_one_before_they_are_told(
    attempt: OpenAttempt,
) -> None:
    failed = TraceFailed(name="m", parent="a0", parent_attempt=1, failure=FAILURE, started_at=MORNING)
    source = await earlier_run(attempt, {"t": step(1, attempt=3), "large": step(LARGE), "failed": failed})
    async with steps_of(attempt, source=source) as steps:
        steps.traces.hear(Recall(call=7))
        await until(lambda: bool(steps.remembered) and not steps.remembered[-1].more)
        taken = step(1).model_copy(update={"recovered_from": "project/domain/earlier/t"})
        assert [dict(word.traces) for word in steps.remembered] == [
            {"t": taken.model_copy(update={"inputs": {}})},
            {},
        ]
        assert steps.remembered[-1].large == ("large",)
        assert await recorded(attempt, "t") == [taken]
        assert await recorded(attempt, "large") == []
        told = (await steps.recall("large")).trace
        assert told is not None
        assert told.outputs == step(LARGE).outputs
        assert len(await recorded(attempt, "large")) == 1
        assert (await steps.recall("failed")).trace is None
        assert await recorded(attempt, "failed") == []


async def test_what_this_run_has_recorded_goes_before_what_an_earlier_one_gave(attempt: OpenAttempt) -> None:
    source = await earlier_run(attempt, {"t": step("earlier"), "large": step(LARGE)})
    async with steps_of(attempt) as first:
        await first.record("t", step("ours"))
        await first.record("large", step("ours"))
    async with steps_of(attempt, 2, source=source) as second:
        for name in ("t", "large"):
            told = (await second.recall(name)).trace
            assert told is not None
            assert told.outputs == step("ours").outputs


async def test_a_step_whose_value_the_store_has_lost_runs_again(attempt: OpenAttempt) -> None:
    lost = ReferencedLiteral(uri="flyte://artifacts/p/d/x", sha256="a" * 64, size_bytes=7)
    source = await earlier_run(attempt, {"t": step().model_copy(update={"outputs": {"o0": lost}})})
    async with steps_of(attempt, store=Forgetful(), source=source) as steps:
        assert await steps.recall("t") == Kept(call=100)
        assert await steps.record("t", step("anew")) == Kept(call=1)
    assert await recorded(attempt, "t") == [step("anew")]


class Forgetful(MemoryStore):
    """A store that has lost what it had."""

    async def get(self, uri: str, sha256: str, size_bytes: int) -> bytes:
        raise ArtifactRefused(Failure(code="ArtifactNotFound", kind=FailureKind.USER, message=f"no {uri}"))
