"""The executor's numbers, on the bus in memory, and what counting costs a backend."""

import pytest

from flyte_bus.memory import MemoryBus
from flyte_bus.ports import Bus
from flyte_executor.backends.measured import MeasuredBackend
from flyte_executor.backends.port import Backend, Launch, LaunchFailed
from flyte_executor.backends.workers import Workers
from flyte_executor.measures import environment_of
from testkit.executor_plane import Plane, running
from testkit.numbers import Sample, numbers, of
from testkit.scripted_backend import CHILD, Agent, ScriptedBackend, family, idle

DECISIONS = "flyte_executor_decisions_total"


def phases(found: dict[Sample, float]) -> dict[str, float]:
    """Live actions by phase, where there are any."""
    return {
        dict(labels)["phase"]: number
        for (name, labels), number in found.items()
        if name == "flyte_executor_actions" and number
    }


async def test_what_runs_waits_and_was_decided_is_on_the_page(plane: Plane) -> None:
    plane.machine.script = idle
    life = await plane.executor(slots=2)
    runs = [await plane.start(f"run{number}") for number in range(3)]
    for run in runs[:2]:
        await plane.until(run, lambda fold: running(fold, "a0"))
    await plane.until(runs[2], lambda fold: fold.root.attempt == 1)
    await plane.quiet()
    found = await numbers(life.bus.meter)
    assert phases(found) == {"running": 2, "waiting_for_resources": 1}
    assert found[of("flyte_executor_runs")] == 3
    assert found[of("flyte_executor_queue_depth", pool="process")] == 1
    assert found[of("flyte_executor_slots_held", pool="process")] == 2
    assert found[of("flyte_executor_slots", pool="process")] == 2
    assert found[of(DECISIONS, decision="action.queued")] == 3
    assert found[of("flyte_executor_dispatch_seconds_count")] == 2
    assert found[of("flyte_executor_requests_total", verb="run", outcome="taken")] == 3
    assert found[of("flyte_executor_attempts_watched")] == 2
    end = found[of("flyte_executor_folded_sequence")]
    assert found[of("flyte_executor_events_folded_total")] == end
    assert found[of("flyte_executor_replay_lag_events")] == 0


async def test_a_worker_that_ends_without_a_word_is_a_loss_and_a_retry(plane: Plane) -> None:
    async def script(agent: Agent) -> None:
        if await agent.claim() and agent.attempt.attempt == 2:
            await agent.enter()
            await agent.succeed()

    plane.machine.script = script
    life = await plane.executor()
    assert (await plane.settled(await plane.start())).attempt == 2
    await plane.quiet()
    found = await numbers(life.bus.meter)
    assert found[of("flyte_executor_attempts_lost_total", reason="ended")] == 1
    assert found[of("flyte_executor_attempts_lost_total", reason="silent")] == 0
    assert found[of(DECISIONS, decision="action.retried")] == 1
    assert phases(found) == {}


async def test_parents_that_wait_hold_no_slot(plane: Plane) -> None:
    plane.machine.script = family(1)
    await plane.deploy(CHILD)
    life = await plane.executor(slots=1)
    await plane.until(await plane.start(), lambda fold: running(fold, "a0", "a0x"))
    await plane.quiet()
    assert (await numbers(life.bus.meter))[of("flyte_executor_slots_held", pool="process")] == 1


async def test_a_backends_operations_are_counted_by_how_they_ended(plane: Plane) -> None:
    class Failing(ScriptedBackend):
        async def launch(self, launch: Launch) -> None:
            if launch.attempt.attempt == 1:
                raise LaunchFailed("no room")
            await super().launch(launch)

    def measured(bus: Bus) -> Backend:
        return MeasuredBackend(Failing(plane.machine), "scripted", bus.meter)

    life = await plane.executor(backend=measured)
    assert (await plane.settled(await plane.start())).attempt == 2
    found = await numbers(life.bus.meter)
    operations = {"backend": "scripted", "operation": "launch"}
    total = "flyte_executor_backend_operations_total"
    assert found[of(total, outcome="failed", **operations)] == 1
    assert found[of(total, outcome="done", **operations)] == 1
    assert found[of("flyte_executor_backend_operation_seconds_count", **operations)] == 1
    assert not any(name == "flyte_executor_workers" for name, _ in found)


async def test_the_workers_of_a_backend_are_shown_by_what_they_do(plane: Plane) -> None:
    async def nobody(*_: object) -> str:
        raise LaunchFailed("nobody is made")

    class Pooled(ScriptedBackend):
        workers = Workers(nobody, nobody, owner="me", site="here", now=lambda: 0.0)  # type: ignore[arg-type]

    Pooled.workers.add("1-1", "env-123")
    Pooled.workers.add("2-1", "env-123").is_ending = True
    bus = MemoryBus(plane.server)
    MeasuredBackend(Pooled(plane.machine), "scripted", bus.meter)
    found = await numbers(bus.meter)
    states = {state: found[of("flyte_executor_workers", state=state)] for state in ("busy", "idle", "ending")}
    assert states == {"busy": 0, "idle": 1, "ending": 1}


@pytest.mark.parametrize(
    ("pool", "environment"), [("process", "process"), ("my-env-0123456789abcde", "my-env")]
)
def test_a_pool_is_named_by_its_environment(pool: str, environment: str) -> None:
    assert environment_of(pool) == environment
