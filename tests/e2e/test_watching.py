"""What an operator watches: one trace for a run, whatever it is made of, and each service's numbers."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.cli import Cli, outputs_of
from testkit.cluster import SERVICES, Cluster
from testkit.collector import Collector, Sent
from testkit.dashboards import names, queries
from testkit.numbers import Sample, of, read_page
from testkit.waiting import wait_for

FLOW = """\
import os

import flyte
from opentelemetry import trace

warm_env = flyte.TaskEnvironment(name="warm", reusable=flyte.ReusePolicy(replicas=1, idle_ttl=60))
env = flyte.TaskEnvironment(name="traced", depends_on=[warm_env])
tracer = trace.get_tracer("mine")


@flyte.trace
async def step(x: int) -> int:
    with tracer.start_as_current_span("inside the step"):
        return x + 1


@env.task(retries=1)
async def shaky(x: int) -> int:
    if flyte.ctx().attempt_number == 0:
        raise ValueError("the first time")
    return 2 * x


@warm_env.task
async def warm(x: int) -> int:
    with tracer.start_as_current_span("inside the pool"):
        return 3 * x


@env.task
async def main(x: int = 4) -> int:
    print("told", os.environ["TRACEPARENT"])
    with tracer.start_as_current_span("fan out"):
        doubled = await shaky(x)
    return await step(await warm(doubled))
"""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


def path(span: Sent, by_id: dict[str, Sent]) -> str:
    """The names from the root of the trace down to a span."""
    above = by_id.get(span.parent)
    return span.name if above is None else f"{path(above, by_id)} / {span.name}"


STAGES = ("queued", "initializing", "running")
AGENTS = ("bundle", "function")


def attempt(number: int) -> list[str]:
    """An attempt of a process that is new: what the log tells of it, and what its agent does."""
    return [f"attempt {number}", *(f"attempt {number} / {stage}" for stage in (*STAGES, *AGENTS))]


def below(parent: str, *children: str) -> list[str]:
    return [parent, *(f"{parent} / {child}" for child in children)]


CHILD = below("traced.shaky", *attempt(1), *attempt(2))
POOLED = below("warm.warm", *attempt(1), "attempt 1 / inside the pool")
INSIDE = [*below("fan out", *CHILD), *POOLED, *below("flow.step", "inside the step")]
WANTED = below(
    "flyte run traced.main",
    "admission",
    *below("traced.main", *attempt(1), *(f"attempt 1 / {one}" for one in INSIDE)),
)


def page(cluster: Cluster, service: str) -> str:
    """What a service shows at /metrics."""
    facts = map(json.loads, cluster.log(service).splitlines())
    (port,) = [fact["port"] for fact in facts if fact["event"] == "process.health.served"]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30.0)
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        assert answer.status == 200
        return answer.read().decode()
    finally:
        connection.close()


def test_one_run_is_one_trace_and_every_service_has_its_numbers(tmp_path: Path, collector: Collector) -> None:
    with Cluster(tmp_path / "cluster", FLYTE_HEALTH_PORT="0", **collector.variables) as cluster:
        folder = tmp_path / "user"
        folder.mkdir()
        cli = Cli(folder, cluster.variables)
        cli.write("flow.py", FLOW)
        printed = cli.ok("run", "flow.py", "main")
        assert outputs_of(printed) == "Outputs: ActionOutputs(o0=25)"
        wait_for("all spans", lambda: len(collector.spans) >= len(WANTED))
        shown = {service: read_page(page(cluster, service)) for service in SERVICES}
    by_id = {span.id: span for span in collector.spans}
    assert len(by_id) == len(collector.spans)
    by_path = {path(span, by_id): span for span in collector.spans}
    assert sorted(by_path) == sorted(WANTED)
    (trace,) = {span.trace for span in collector.spans}
    main = "flyte run traced.main / traced.main / attempt 1"
    assert f"told 00-{trace}-{by_path[main].id}-01" in printed
    assert all(span.end >= span.start for span in collector.spans)
    failed = {at.removeprefix(main): span for at, span in by_path.items() if span.error}
    assert set(failed) == {f" / fan out / traced.shaky / attempt 1{part}" for part in ("", " / function")}
    assert {span.about["error.type"] for span in failed.values()} == {"ValueError"}
    assert {span.about.get("flyte.attempt") for span in failed.values()} == {1}
    admitted = [json.loads(line) for line in cluster.log("executor").splitlines() if "run.admitted" in line]
    assert [one["trace_id"] for one in admitted] == [trace]
    _check_numbers(shown)


OTHERS = ("flyte_console_", "flyte_notifier_", "flyte_scheduler_")
"""Numbers of services that are not here; `test_metrics_in_documents` holds them to the code."""


def _check_numbers(shown: dict[str, dict[Sample, float]]) -> None:
    """What the dashboard and the alerts ask these services is there, but for a limit the account has not."""
    there = {name for page in shown.values() for name, _ in page}
    asked = set().union(*map(names, queries())) - {"up"}
    assert {name for name in asked - there if not name.startswith(OTHERS)} == {"flyte_store_limit_bytes"}
    executor = shown["executor"]
    assert executor[of("flyte_ready")] == 1
    assert executor[of("flyte_executor_requests_total", verb="run", outcome="taken")] == 1
    assert executor[of("flyte_executor_decisions_total", decision="action.queued")] == 4
    assert executor[of("flyte_executor_decisions_total", decision="action.retried")] == 1
    assert executor[of("flyte_executor_dispatch_seconds_count")] == 4
    assert executor[of("flyte_executor_replay_lag_events")] == 0
    assert executor[of("flyte_executor_spans_total", outcome="refused")] == 0
    assert shown["registry"][of("flyte_registry_deploy_requests_total", outcome="deployed")] == 3
    assert shown["dataproxy"][of("flyte_dataproxy_received_bytes_total")] > 0
