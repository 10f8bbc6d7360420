"""Where running code stands in its run's trace, and the spans that are made on this side of the log.

Off unless a `traceparent` came with the attempt, or the standard variables `OTEL_…` ask for traces. What is
handed on (children, steps) is text and needs nothing installed; OpenTelemetry is loaded only for spans.
"""

import atexit
import contextlib
import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from flyte_schemas.subjects import ActionKey, RunKey
from flyte_schemas.tracing import TraceContext, is_wanted, parse_traceparent, span_id_of

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

    from flyte._runtime.messages import Start

VARIABLE = "TRACEPARENT"
FLUSH_S = 3.0
"""How long the end of a process waits for a collector that does not take its spans, unless these say."""
TIMEOUTS = ("OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT")

_making = threading.Lock()
"""Attempts that share a process may come to their first span at once."""

_here: ContextVar["tuple[RunKey, TraceContext] | None"] = ContextVar("flyte_trace", default=None)
"""The run, and the innermost span of it that has a name in the log."""


def tell_environment(start: "Start") -> None:
    """Have what the task starts know of its span, as it has become usual: by a variable."""
    if start.traceparent:
        os.environ[VARIABLE] = start.traceparent
    else:
        os.environ.pop(VARIABLE, None)


@contextlib.contextmanager
def use(start: "Start") -> Iterator[None]:
    """The block is the attempt's: its span is the parent of whatever spans are made in it."""
    at = parse_traceparent(start.traceparent)
    if at is None:
        yield
        return
    token = _here.set((RunKey(start.project, start.domain, start.run), at))
    try:
        with _current(at):
            yield
    finally:
        _here.reset(token)


@contextlib.contextmanager
def inside_step(step: str) -> Iterator[None]:
    """The block is a traced function's, which stands in the log under this name."""
    here = _here.get()
    if here is None:
        yield
        return
    run, at = here
    own = at.below(span_id_of(ActionKey(run, step)))
    token = _here.set((run, own))
    try:
        with _current(own):
            yield
    finally:
        _here.reset(token)


def current() -> str | None:
    """The `traceparent` of what is asked for here: the user's innermost span, else ours; None: no trace."""
    span = _users_span()
    if span is not None:
        return span
    here = _here.get()
    return None if here is None else str(here[1])


def inherited() -> str | None:
    """The `traceparent` that whoever started this process has given it."""
    at = parse_traceparent(os.environ.get(VARIABLE))
    return None if at is None else str(at)


def tracer(service: str) -> "Tracer | None":
    """What makes spans in this process; None when nobody wants them, or OpenTelemetry is not installed."""
    if not is_wanted(os.environ):
        return None
    try:
        return _tracer(service)
    except ImportError:
        return None


@contextlib.contextmanager
def asking(run: RunKey, task: str) -> Iterator[None]:
    """The block asks for a run: with a span of the client's, where somebody wants to see it."""
    made = tracer("flyte")
    if made is None:
        yield
        return
    from opentelemetry.trace import SpanKind

    about = {"flyte.run": str(run), "flyte.task": task}
    above = parse_traceparent(current() or inherited())
    context = None if above is None else parent(above)
    with made.start_as_current_span(f"flyte run {task}", context, SpanKind.PRODUCER, about):
        yield


def parent(at: TraceContext) -> Any:
    """The context in which a span is made below this one."""
    from opentelemetry import trace

    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED if at.is_sampled else trace.TraceFlags.DEFAULT)
    span = trace.SpanContext(int(at.trace_id, 16), int(at.span_id, 16), is_remote=True, trace_flags=flags)
    return trace.set_span_in_context(trace.NonRecordingSpan(span))


@contextlib.contextmanager
def _current(at: TraceContext) -> Iterator[None]:
    """Have OpenTelemetry know of our span, where there is one that could ask."""
    is_wanted_here = at.is_sampled and tracer("flyte-task") is not None
    if not is_wanted_here and "opentelemetry" not in sys.modules:
        yield
        return
    from opentelemetry import context

    token = context.attach(parent(at))
    try:
        yield
    finally:
        context.detach(token)


def _users_span() -> str | None:
    """The span that OpenTelemetry says is open here; ours among them, where it was attached."""
    if "opentelemetry.trace" not in sys.modules:
        return None
    from opentelemetry import trace

    span = trace.get_current_span().get_span_context()
    if not span.is_valid:
        return None
    return str(TraceContext(f"{span.trace_id:032x}", f"{span.span_id:016x}", span.trace_flags.sampled))


def _tracer(service: str) -> "Tracer":
    """A tracer of the process's provider, which is ours unless the user's code has one already."""
    from opentelemetry import trace

    with _making:
        if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
            _make_provider(service)
    return trace.get_tracer("flyte")


def _make_provider(service: str) -> None:
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    own = {} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: service}
    provider = TracerProvider(resource=Resource.create(own), shutdown_on_exit=False)
    # A flush lasts as long as its exporter tries, whatever it is told: so the exporter is limited.
    limit_s = None if any(map(os.environ.get, TIMEOUTS)) else FLUSH_S
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=limit_s)))
    for name in ("opentelemetry.exporter", "opentelemetry.sdk"):
        if (its := logging.getLogger(name)).level == logging.NOTSET:
            its.setLevel(logging.ERROR)  # that it tries again is nothing to tell the user
    trace.set_tracer_provider(provider)
    atexit.register(_flush, provider)


def _flush(provider: "TracerProvider") -> None:
    """At the end of a process: send what is finished."""
    with contextlib.suppress(Exception):  # a collector that is away is nobody's failure
        provider.force_flush()
