"""Tells a collector of what ended in the log, when the standard variables `OTEL_…` name one.

It reads the log by a consumer of its own, whose place the server keeps, and acknowledges what the collector
has taken. So a restart loses no span; several executors share the work; a collector that is away is waited
for. What was sent and not acknowledged is sent again, with the same ids. Nothing else waits for any of this.

OpenTelemetry is loaded here only, and only when it is wanted (`flytejet[telemetry]`).
"""

import asyncio
import logging
import os
from collections.abc import Sequence
from contextlib import aclosing
from datetime import datetime

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode

from flyte_bus.history import last_request
from flyte_bus.ports import Bus, Delivery
from flyte_bus.service import Supervisor
from flyte_executor.core.spans import Span, run_spans, spans_of
from flyte_executor.settings import SERVICE
from flyte_schemas.action import ENDS
from flyte_schemas.envelope import AnyEvent, Malformed
from flyte_schemas.imported import RunImported
from flyte_schemas.streams import RUNS
from flyte_schemas.subjects import ROOT_ACTION, ActionKey, RunKey, action_subject, parse_action
from flyte_schemas.tracing import TraceContext, parse_traceparent, span_id_of, trace_id_of

log = structlog.get_logger()

DURABLE = "executor-traces"
IN_FLIGHT = 1_000
"""Events whose spans the collector has yet to take."""
ACK_WAIT_S = 60.0
"""Longer than a collector is tried for."""
TRY_AGAIN_S = 5.0
"""How long the spans rest that a collector did not take."""

_SCOPE = InstrumentationScope("flyte")


class Sampling:
    """Whether a run that nobody traces yet is traced: by `OTEL_TRACES_SAMPLER`, the same each time."""

    def __init__(self) -> None:
        self._sampler = TracerProvider(shutdown_on_exit=False).sampler

    def begun(self, run: RunKey, traceparent: str | None) -> str | None:
        """What a run's first event carries: what its request says, or a trace of its own, or nothing."""
        if parse_traceparent(traceparent) is not None:
            return traceparent
        trace_id = trace_id_of(run)
        sampled = self._sampler.should_sample(None, int(trace_id, 16), "run")
        if sampled.decision is not Decision.RECORD_AND_SAMPLE:
            return None
        return str(TraceContext(trace_id, span_id_of(run)))


class SpanSender:
    """Reads ends, makes spans, sends them."""

    def __init__(self, bus: Bus, exporter: SpanExporter | None = None) -> None:
        self._bus = bus
        self._exporter = exporter or OTLPSpanExporter()
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # we tell what became of it ourselves
        own = {} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: "flyte-executor"}
        self._resource = Resource.create(own)
        self._made: asyncio.Queue[tuple[Delivery, list[Span]]] = asyncio.Queue(IN_FLIGHT)
        self._tasks = Supervisor(SERVICE)
        sent = bus.meter.counter("flyte_executor_spans_total", "Spans, by what became of them.", "outcome")
        self._taken, self._refused = sent.child("sent"), sent.child("refused")

    async def run(self) -> None:
        """Send for ever. Raises LoopDied when a part of this died."""
        try:
            self._tasks.keep("spans.read", self._read())
            self._tasks.keep("spans.send", self._send())
            await self._tasks.wait()
        finally:
            await self._tasks.stop()
            await asyncio.to_thread(self._exporter.shutdown)

    async def _read(self) -> None:
        inbox = self._bus.inbox(RUNS, DURABLE, RUNS.subjects, max_in_flight=IN_FLIGHT, ack_wait_s=ACK_WAIT_S)
        async with inbox as deliveries:
            async for delivery in deliveries:
                spans = await self._spans(delivery)
                if spans:
                    await self._made.put((delivery, spans))
                else:
                    await delivery.ack()

    async def _spans(self, delivery: Delivery) -> list[Span]:
        entry = delivery.entry
        key, content = parse_action(entry.subject), entry.content
        if key is None or isinstance(content, Malformed) or not isinstance(content.data, ENDS):
            return []
        asked = parse_traceparent(content.traceparent)
        if asked is None or not asked.is_sampled or await self._is_imported(key.run):
            return []
        events: list[tuple[AnyEvent, int]] = []
        async for each in self._bus.log.read(RUNS, action_subject(key)):
            if not isinstance(each.content, Malformed):
                events.append((each.content, each.sequence))
        spans = list(spans_of(key, events, entry.sequence))
        if spans and key.is_root:
            spans += run_spans(key, spans[0].parent, await self._request(key), spans[0])
        return spans

    async def _is_imported(self, run: RunKey) -> bool:
        """Whether the run happened elsewhere: its spans were sent from there."""
        async with aclosing(self._bus.log.read(RUNS, action_subject(run.action(ROOT_ACTION)))) as entries:
            async for entry in entries:
                return not isinstance(entry.content, Malformed) and isinstance(
                    entry.content.data, RunImported
                )
        return False

    async def _request(self, key: ActionKey) -> AnyEvent | None:
        last = await last_request(self._bus.log, key.run)
        return None if last is None or isinstance(last.content, Malformed) else last.content

    async def _send(self) -> None:
        while True:
            batch = [await self._made.get()]
            while not self._made.empty():
                batch.append(self._made.get_nowait())
            spans = [_readable(span, self._resource) for _, some in batch for span in some]
            if await asyncio.to_thread(self._exported, spans):
                for delivery, _ in batch:
                    await delivery.ack()
                self._taken.add(len(spans))
                continue
            self._refused.add(len(spans))
            log.warning("executor.spans.refused", spans=len(spans), again_s=TRY_AGAIN_S)
            for delivery, _ in batch:
                await delivery.nak(TRY_AGAIN_S)

    def _exported(self, spans: Sequence[ReadableSpan]) -> bool:
        try:
            return self._exporter.export(spans) is SpanExportResult.SUCCESS
        except Exception as error:
            log.warning("executor.spans.failed", error=repr(error))
            return False


def _readable(span: Span, resource: Resource) -> ReadableSpan:
    parent = span.parent
    status = Status(StatusCode.ERROR, f"{span.code}: {span.message}") if span.code else Status(StatusCode.OK)
    attributes = span.attributes | ({"error.type": span.code} if span.code else {})
    return ReadableSpan(
        name=span.name,
        context=_context(parent.below(span.span_id)),
        parent=_context(parent) if parent.span_id else None,
        resource=resource,
        attributes=attributes,
        kind=SpanKind.INTERNAL,
        status=status,
        start_time=_nanoseconds(span.start),
        end_time=_nanoseconds(max(span.start, span.end)),
        instrumentation_scope=_SCOPE,
    )


def _context(of: TraceContext) -> SpanContext:
    flags = TraceFlags(TraceFlags.SAMPLED)
    return SpanContext(int(of.trace_id, 16), int(of.span_id, 16), is_remote=False, trace_flags=flags)


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1_000
