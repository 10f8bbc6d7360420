"""What of an attempt's time only its agent knows, as spans below the attempt's own.

Nothing happens here unless the attempt is traced, and the standard variables ask for spans.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flyte._runtime import telemetry
from flyte_schemas.failure import Failure
from flyte_schemas.orders import Order
from flyte_schemas.tracing import TraceContext, attempt_context, is_wanted

if TYPE_CHECKING:
    from opentelemetry.trace import Span

SERVICE = "flyte-agent"


class Stages:
    """The spans of one attempt: `bundle` while its code comes, `function` while the user's function runs."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._at: TraceContext | None = None
        self._function: Span | None = None

    @property
    def log_fields(self) -> dict[str, str]:
        """What the agent's log says of the attempt's span."""
        return {} if self._at is None else {"trace_id": self._at.trace_id, "span_id": self._at.span_id}

    def belong(self, traceparent: str | None) -> None:
        """The action was asked for with this."""
        self._at = attempt_context(traceparent, self._order.key)

    @contextmanager
    def bundle(self) -> Iterator[None]:
        """The block fetches and unpacks the code."""
        span = self._begin("bundle")
        try:
            yield
        finally:
            if span is not None:
                span.end()

    def enter(self) -> None:
        """The user's function begins."""
        self._function = self._begin("function")

    def leave(self, failure: Failure | None = None) -> None:
        """It is over, if it ever began; harmless when that was said."""
        span, self._function = self._function, None
        if span is None:
            return
        if failure is not None:
            from opentelemetry.trace import Status, StatusCode

            span.set_attribute("error.type", failure.code)
            span.set_status(Status(StatusCode.ERROR, f"{failure.code}: {failure.message}"))
        span.end()

    def _begin(self, name: str) -> "Span | None":
        if self._at is None or not self._at.is_sampled:
            return None
        tracer = telemetry.tracer(SERVICE)
        if tracer is None:
            return None
        run, order = self._order.key.action.run, self._order
        about: dict[str, str | int] = {
            "flyte.run": str(run),
            "flyte.action": order.action,
            "flyte.attempt": order.attempt,
        }
        return tracer.start_span(name, context=telemetry.parent(self._at), attributes=about)


def preload() -> None:
    """In a process that forks agents: load what makes spans, where they are wanted."""
    if is_wanted(os.environ):
        try:
            import opentelemetry.exporter.otlp.proto.http.trace_exporter
            import opentelemetry.sdk.trace  # noqa: F401
        except ImportError:
            pass
