"""The page of numbers: what meters count and look up, as Prometheus' own parser reads it."""

import asyncio

import pytest

from flyte_bus import metrics
from flyte_bus.errors import Conflict, Refusal
from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_bus.meter import Meter
from flyte_bus.ports import Entry
from flyte_bus.service import reject, serve_ping
from flyte_schemas.endpoints import GET_TASK, GetTask, Ping, TaskAnswer, ping_endpoint
from flyte_schemas.envelope import Malformed
from flyte_schemas.events import StartRun
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.streams import REQUESTS
from flyte_schemas.subjects import RunKey, run_request
from flyte_schemas.task import TaskReference
from testkit.events import event
from testkit.numbers import numbers, of
from testkit.tasks import NOON


async def test_counts_spreads_and_gauges_of_several_meters_are_on_one_page() -> None:
    one, other = Meter("one"), Meter("other")
    for meter in (one, other):
        meter.counter("flyte_things_total", "Things.", "service").child(meter.service).add(2)
    spread = one.histogram("flyte_wait_seconds", "Waits.", bounds=(0.1, 1.0)).child()
    for value in (0.1, 0.5, 7.0):
        spread.add(value)
    one.gauge("flyte_live", "Live ones.", "phase", read=lambda: {("a",): 1, ('odd "name"\n',): 2})
    one.number("flyte_unknown", "What is not known.", lambda: None)
    found = await numbers(one, other)
    assert found[of("flyte_things_total", service="one")] == 2
    assert found[of("flyte_things_total", service="other")] == 2
    buckets = {bound: found[of("flyte_wait_seconds_bucket", le=bound)] for bound in ("0.1", "1.0", "+Inf")}
    assert buckets == {"0.1": 1, "1.0": 2, "+Inf": 3}
    assert found[of("flyte_wait_seconds_sum")] == pytest.approx(7.6)
    assert found[of("flyte_wait_seconds_count")] == 3
    assert found[of("flyte_live", phase='odd "name"\n')] == 2
    assert not any(name == "flyte_unknown" for name, _ in found)
    assert found[of("process_resident_memory_bytes")] > 0


async def test_a_look_that_hangs_or_fails_takes_only_its_own_numbers_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metrics, "LOOK_TIMEOUT_S", 0.01)
    meter, known = Meter(), {"lag": 0.0}

    async def hang() -> None:
        await asyncio.Event().wait()

    async def fail() -> None:
        raise OSError("no route to host")

    async def look() -> None:
        known["lag"] = 3.0

    for each in (hang, fail, look):
        meter.look_first(each)
    meter.number("flyte_lag", "Lag.", lambda: known["lag"])
    assert (await numbers(meter))[of("flyte_lag")] == 3.0


async def test_the_bus_counts_what_is_appended_refused_asked_and_set_aside() -> None:
    async with MemoryBus(MemoryServer()) as bus:
        await bus.provision()
        key = RunKey("p", "d", "r")
        start = StartRun(task=TaskReference(name="e.t", version="v1"), inputs={})
        asked = event(run_request(key, "alice"), start)
        await bus.log.append(asked)
        with pytest.raises(Conflict):
            await bus.log.append(event(run_request(key, "alice"), start, id="other"), expected=7)
        await reject(
            bus, Entry(REQUESTS.name, asked.subject, 1, Malformed("no"), b"x"), "no", by="me", now=NOON
        )

        async def refuse(question: GetTask) -> TaskAnswer:
            raise Refusal(Failure(code="No", kind=FailureKind.USER, message="no"))

        servers = await bus.serve(GET_TASK, refuse), await serve_ping(bus, "me")
        await bus.ask(ping_endpoint("me"), Ping())
        with pytest.raises(Refusal):
            await bus.ask(GET_TASK, GetTask(project="p", domain="d", name="e.t"))
        found = await numbers(bus.meter)
        for server in servers:
            await server.stop()
        room = await bus.room()
    ours = {"service": "memory"}
    assert found[of("flyte_bus_events_appended_total", stream="FLYTE_REQUESTS", **ours)] == 1
    assert found[of("flyte_bus_events_appended_total", stream="FLYTE_REJECTED", **ours)] == 1
    assert found[of("flyte_bus_append_conflicts_total", **ours)] == 1
    assert found[of("flyte_bus_append_seconds_count", **ours)] == 2
    assert found[of("flyte_bus_messages_rejected_total", service="me")] == 1
    asked_of = "flyte_bus_questions_total"
    assert found[of(asked_of, outcome="answered", question="Ping", **ours)] == 1
    assert found[of(asked_of, outcome="refused", question="GetTask", **ours)] == 1
    assert found[of("flyte_bus_question_seconds_count", question="Ping", **ours)] == 1
    assert (room.streams["FLYTE_REQUESTS"].messages, room.limit_bytes) == (1, None)
    assert room.size_bytes == sum(one.size_bytes for one in room.streams.values()) > 0
