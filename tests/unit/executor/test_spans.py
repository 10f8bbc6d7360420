"""Spans are a function of the log, and get to the collector once, whatever becomes of executors."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

import flyte_executor.spans
from flyte_bus.memory import MemoryBus
from flyte_executor.core.spans import Span, spans_of
from flyte_executor.spans import Sampling, SpanSender
from flyte_schemas.envelope import AnyEvent
from flyte_schemas.events import (
    ActionAborted,
    ActionFailed,
    ActionQueued,
    ActionRequested,
    ActionRetried,
    AttemptFailed,
    AttemptPlaced,
    AttemptStarted,
    AttemptSucceeded,
    EventData,
    TraceSucceeded,
)
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.imported import RunImported
from flyte_schemas.streams import RUNS
from flyte_schemas.subjects import ROOT_ACTION, AttemptKey, RunKey, action_subject, run_filter
from flyte_schemas.task import TaskReference
from flyte_schemas.tracing import TraceContext, parse_traceparent, span_id_of, trace_id_of
from testkit.cases.harness import GUARD_S
from testkit.collector import Collector
from testkit.events import MORNING, RUN, action, event
from testkit.executor_plane import Plane
from testkit.numbers import numbers, of

KEY = RUN.action("a0")
ASKED = TraceContext("ab" * 16, "cd" * 8)
REQUESTED = ActionRequested(task=TaskReference(name="e.t", version="v1"), inputs={})
CRASH = Failure(code="ValueError", kind=FailureKind.USER, message="no")


def life(*words: EventData, asked: TraceContext | None = ASKED) -> list[tuple[AnyEvent, int]]:
    """These events, a second apart, from sequence 1 on."""
    told = None if asked is None else str(asked)
    return [
        (replace(event(action(), word, id=str(n), after_s=n), traceparent=told), n)
        for n, word in enumerate(words, 1)
    ]


def seconds(span: Span) -> tuple[float, float]:
    return (span.start - MORNING).total_seconds(), (span.end - MORNING).total_seconds()


RETRIED = (
    REQUESTED,
    ActionQueued(attempt=1, pool="process"),
    AttemptPlaced(attempt=1, worker="m/1"),
    AttemptFailed(attempt=1, failure=CRASH),
    ActionRetried(attempt=1, reason="once more"),
    ActionQueued(attempt=2, pool="process"),
    AttemptPlaced(attempt=2, worker="m/2"),
    AttemptStarted(attempt=2, worker="m/2"),
    AttemptSucceeded(attempt=2, outputs={}),
)


def test_an_action_has_its_attempts_below_it_and_each_its_stages() -> None:
    spans = list(spans_of(KEY, life(*RETRIED), 9))
    assert [(span.name, seconds(span)) for span in spans] == [
        ("e.t", (1, 9)),
        ("attempt 1", (2, 4)),
        ("queued", (2, 3)),
        ("initializing", (3, 4)),
        ("attempt 2", (6, 9)),
        ("queued", (6, 7)),
        ("initializing", (7, 8)),
        ("running", (8, 9)),
    ]
    root, first, queued, *_ = spans
    assert (root.parent, root.span_id) == (ASKED, span_id_of(KEY))
    assert (first.parent.span_id, first.span_id) == (root.span_id, span_id_of(AttemptKey(KEY, 1)))
    assert queued.parent.span_id == first.span_id
    assert (first.code, first.message, root.code) == ("ValueError", "no", "")
    assert root.attributes["flyte.task"] == "e.t" and root.attributes["flyte.attempts"] == 2
    assert spans[4].attributes["flyte.worker"] == "m/2"


def test_only_the_word_that_ended_it_tells_and_always_the_same() -> None:
    events = life(*RETRIED, AttemptSucceeded(attempt=2, outputs={}), ActionAborted(reason="too late"))
    assert list(spans_of(KEY, events, 9)) == list(spans_of(KEY, life(*RETRIED), 9))
    assert [list(spans_of(KEY, events, n)) for n in (4, 10, 11)] == [[], [], []]


def test_what_nobody_traces_or_samples_has_no_spans() -> None:
    assert list(spans_of(KEY, life(*RETRIED, asked=None), 9)) == []
    assert list(spans_of(KEY, life(*RETRIED, asked=ASKED._replace(is_sampled=False)), 9)) == []


def test_an_abort_ends_the_open_attempt_with_its_reason() -> None:
    words = (*RETRIED[:3], ActionAborted(reason="enough"))
    root, attempt, *_ = spans_of(KEY, life(*words), 4)
    assert (root.code, root.message) == ("Aborted", "enough")
    assert (attempt.code, seconds(attempt)) == ("Aborted", (2, 4))


def test_a_failure_carries_its_code_and_a_step_its_own_times() -> None:
    (failed, *_) = spans_of(KEY, life(REQUESTED, ActionFailed(failure=CRASH)), 2)
    assert (failed.code, failed.message) == ("ValueError", "no")
    step = TraceSucceeded(
        name="m.f", parent="a0", parent_attempt=1, inputs={}, outputs={}, started_at=MORNING
    )
    (span,) = spans_of(RUN.action("s"), life(step), 1)
    assert (span.name, seconds(span), span.span_id) == ("m.f", (0, 1), span_id_of(RUN.action("s")))


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "00-trace",
        f"00-{'0' * 32}-{'1' * 16}-01",
        f"00-{'1' * 32}-{'0' * 16}-01",
        f"ff-{'1' * 32}-{'1' * 16}-01",
        f"00-{'1' * 32}-{'1' * 16}-01-more",
    ],
)
def test_what_is_no_traceparent_is_none(text: str | None) -> None:
    assert parse_traceparent(text) is None


def test_a_traceparent_is_read_as_it_is_written() -> None:
    assert parse_traceparent(str(ASKED)) == ASKED
    unsampled = ASKED._replace(is_sampled=False)
    assert parse_traceparent(str(unsampled)) == unsampled
    assert parse_traceparent(f"01-{'1' * 32}-{'1' * 16}-01-more") is not None


# -- on the way to the collector ------------------------------------------------------------------------


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        yield collector


@asynccontextmanager
async def sending(plane: Plane) -> AsyncIterator[MemoryBus]:
    """One life of what sends spans."""
    async with MemoryBus(plane.server) as bus:
        sender = asyncio.create_task(SpanSender(bus).run())
        try:
            yield bus
        finally:
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)


async def until_sent(count: int, *senders: MemoryBus) -> None:
    """Return when these have sent so many, and the log knows."""
    sent = of("flyte_executor_spans_total", outcome="sent")
    async with asyncio.timeout(GUARD_S):
        while sum([(await numbers(one.meter))[sent] for one in senders]) < count:
            await asyncio.sleep(0.01)


async def finished(plane: Plane, name: str) -> None:
    assert (await plane.settled(await plane.start(name))).phase == "succeeded"


EACH = 7
"""A run of one action: itself, its admission, the action, an attempt and three stages."""


async def test_a_run_that_nobody_traces_has_a_trace_of_its_own(plane: Plane, collector: Collector) -> None:
    await plane.executor(begun=Sampling().begun)
    async with sending(plane) as bus:
        await finished(plane, "one")
        await until_sent(EACH, bus)
    spans = {span.name: span for span in collector.of("flyte-executor")}
    assert {span.trace for span in spans.values()} == {trace_id_of(RunKey("project", "domain", "one"))}
    above = {
        name: next((n for n, one in spans.items() if one.id == span.parent), None)
        for name, span in spans.items()
    }
    assert above == {
        "run one": None,
        "admission": "run one",
        "env.parent": "run one",
        "attempt 1": "env.parent",
        "queued": "attempt 1",
        "initializing": "attempt 1",
        "running": "attempt 1",
    }
    assert all(span.end >= span.start for span in spans.values())


async def test_no_life_of_a_sender_loses_a_span_or_sends_one_again(
    plane: Plane, collector: Collector
) -> None:
    await plane.executor(begun=Sampling().begun)
    async with sending(plane) as bus:
        await finished(plane, "one")
        await until_sent(EACH, bus)
    await finished(plane, "two")
    async with sending(plane) as bus, sending(plane) as beside:
        await finished(plane, "three")
        await until_sent(2 * EACH, bus, beside)
    async with sending(plane) as bus:
        await finished(plane, "four")
        await until_sent(EACH, bus)
    assert len(collector.spans) == 4 * EACH == len({span.id for span in collector.spans})


async def test_the_spans_of_an_imported_run_were_sent_from_where_it_happened(
    plane: Plane, collector: Collector
) -> None:
    await plane.executor(begun=Sampling().begun)
    await finished(plane, "one")
    original, imported = RunKey("project", "domain", "one"), RunKey("project", "domain", "two")
    async with MemoryBus(plane.server) as bus:
        copies = [entry async for entry in bus.log.read(RUNS, run_filter(original))]
        root = action_subject(imported.action(ROOT_ACTION))
        said = RunImported(origin=str(original), digest="ef" * 32, exported_at=MORNING)
        at = await bus.log.append(event(root, said), expected=0)
        for entry in copies:
            at = await bus.log.copy(root, entry.raw.replace(b".one.", b".two."), expected=at)
    async with sending(plane) as bus:
        await finished(plane, "three")
        await until_sent(2 * EACH, bus)
    assert {span.trace for span in collector.spans} == {
        trace_id_of(original),
        trace_id_of(RunKey("project", "domain", "three")),
    }


async def test_a_collector_that_takes_nothing_gets_it_later(
    plane: Plane, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flyte_executor.spans, "TRY_AGAIN_S", 0.01)
    await plane.executor(begun=Sampling().begun)
    collector.refuse = True
    async with sending(plane) as bus:
        await finished(plane, "one")
        refused = of("flyte_executor_spans_total", outcome="refused")
        async with asyncio.timeout(GUARD_S):
            while not (await numbers(bus.meter))[refused]:
                await asyncio.sleep(0.01)
        collector.refuse = False
        await until_sent(EACH, bus)
    assert len(collector.spans) == EACH


async def test_the_sampler_of_the_environment_decides_for_runs_that_nobody_traces(
    plane: Plane, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    sampling = Sampling()
    assert sampling.begun(RUN, None) is None
    assert sampling.begun(RUN, "nonsense") is None
    assert sampling.begun(RUN, str(ASKED)) == str(ASKED)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    some = [RUN._replace(run=f"r{n}") for n in range(100)]
    begun = [Sampling().begun(run, None) for run in some]
    assert begun == [Sampling().begun(run, None) for run in some]
    assert 20 < sum(one is not None for one in begun) < 80


async def test_without_a_trace_no_event_carries_a_byte_of_one(plane: Plane) -> None:
    await plane.executor()
    await finished(plane, "one")
    assert not any(b"traceparent" in entry.raw for entry in await plane.entries())
