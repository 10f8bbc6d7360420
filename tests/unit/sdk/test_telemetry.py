"""Where code stands in a trace: nowhere without one, else below the innermost span."""

import os
import subprocess
import sys

import pytest

from flyte._runtime import telemetry
from flyte._runtime.exercise import START
from flyte_schemas.subjects import RunKey
from flyte_schemas.tracing import TraceContext, is_wanted, parse_traceparent, span_id_of

AT = TraceContext("ab" * 16, "cd" * 8)
TRACED = START.model_copy(update={"traceparent": str(AT)})
RUN = RunKey(START.project, START.domain, START.run)


def test_code_without_a_trace_is_nowhere() -> None:
    with telemetry.use(START), telemetry.inside_step("s"):
        assert telemetry.current() is None


def test_code_stands_below_its_attempt_or_its_step() -> None:
    with telemetry.use(TRACED):
        assert telemetry.current() == str(AT)
        with telemetry.inside_step("s"):
            assert parse_traceparent(telemetry.current()) == AT.below(span_id_of(RUN.action("s")))
        assert telemetry.current() == str(AT)
    assert telemetry.current() is None


def test_the_users_own_span_goes_before_ours() -> None:
    from opentelemetry import trace

    own = trace.SpanContext(7, 9, is_remote=False, trace_flags=trace.TraceFlags(1))
    with telemetry.use(TRACED), trace.use_span(trace.NonRecordingSpan(own)):
        assert parse_traceparent(telemetry.current()) == TraceContext(f"{7:032x}", f"{9:016x}")


def test_a_process_that_is_reused_tells_nobody_of_the_last_attempts_span(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TRACEPARENT", "left")
    assert telemetry.inherited() is None
    telemetry.tell_environment(TRACED)
    assert telemetry.inherited() == str(AT)
    telemetry.tell_environment(START)
    assert "TRACEPARENT" not in os.environ


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_TRACES_EXPORTER": "console"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, False),
    ],
)
def test_the_standard_variables_say_whether_traces_are_wanted(
    variables: dict[str, str], wanted: bool
) -> None:
    assert is_wanted(variables) is wanted


def test_without_a_wish_nothing_is_loaded() -> None:
    script = (
        "import sys; import flyte; from flyte._runtime import runner, telemetry; import flyte_bus.health; "
        "import flyte_executor.app, flyte_registry.app; assert telemetry.tracer('x') is None; "
        "print([name for name in sys.modules if name in ('opentelemetry', 'prometheus_client')])"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run(
        [sys.executable, "-c", script], env=kept, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
