"""Where a thing stands in a trace: W3C's `traceparent`, as events carry it, and the ids of spans.

The id of an action's or an attempt's span follows from its name. So whoever knows the name knows the id,
before there is a span: an agent, the code of a task, an executor that comes back. And a span that is sent
twice is one span.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import NamedTuple

from flyte_schemas.subjects import ActionKey, AttemptKey, RunKey

_FORM = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_SAMPLED = 1

EXPORTER, DISABLED = "OTEL_TRACES_EXPORTER", "OTEL_SDK_DISABLED"
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
PROTOCOL = "http/protobuf"
"""The one that we speak."""


class TraceContext(NamedTuple):
    """A span, as those below it name it. Ids are lower-case hexadecimal digits."""

    trace_id: str
    span_id: str
    is_sampled: bool = True

    def __str__(self) -> str:
        """As a `traceparent`."""
        return f"00-{self.trace_id}-{self.span_id}-{_SAMPLED if self.is_sampled else 0:02x}"

    def below(self, span_id: str) -> "TraceContext":
        """Another span of the same trace."""
        return self._replace(span_id=span_id)


def parse_traceparent(text: str | None) -> TraceContext | None:
    """What a `traceparent` says; None when it is none, as W3C has it."""
    found = _FORM.fullmatch(text) if text else None
    if found is None:
        return None
    version, trace_id, span_id, flags, rest = found.groups()
    if version == "ff" or (version == "00" and rest) or not int(trace_id, 16) or not int(span_id, 16):
        return None
    return TraceContext(trace_id, span_id, bool(int(flags, 16) & _SAMPLED))


def trace_id_of(run: RunKey) -> str:
    """The trace of a run that nobody has begun one for."""
    return _digest(f"trace {run}", 32)


def span_id_of(of: RunKey | ActionKey | AttemptKey, part: str = "") -> str:
    """The id of a run's, an action's or an attempt's span, or of a part of it."""
    return _digest(f"{of} {part}" if part else str(of), 16)


def attempt_context(asked: str | None, attempt: AttemptKey) -> TraceContext | None:
    """An attempt's span, of an action that was asked for with this `traceparent`; None: it is not traced."""
    asker = parse_traceparent(asked)
    return None if asker is None else asker.below(span_id_of(attempt))


def log_fields(traceparent: str | None) -> dict[str, str]:
    """What a line of a log says of its trace: `trace_id` and `span_id`, or nothing."""
    at = parse_traceparent(traceparent)
    return {} if at is None else {"trace_id": at.trace_id, "span_id": at.span_id}


def is_wanted(environment: Mapping[str, str]) -> bool:
    """Whether the standard variables ask for traces, of a collector that we can speak to."""
    return is_asked_for(environment) and protocol_of(environment) == PROTOCOL


def protocol_of(environment: Mapping[str, str]) -> str:
    """How the collector wants to be spoken to."""
    return next((said for name in PROTOCOLS if (said := environment.get(name))), PROTOCOL)


def is_asked_for(environment: Mapping[str, str]) -> bool:
    """Whether the standard variables ask for traces: nobody has to have installed anything for that."""
    if environment.get(DISABLED, "").strip().lower() == "true":
        return False
    named = environment.get(EXPORTER, "").strip().lower()
    return named == "otlp" if named else any(environment.get(name) for name in ENDPOINTS)


def _digest(text: str, digits: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:digits]
