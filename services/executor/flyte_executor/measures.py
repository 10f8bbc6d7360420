"""What the executor counts, and what it can be asked for: docs/operations.md has a line for each number.

Counts are additions where something happens. What stands in its state anyway (live actions, who waits,
leases) is looked up when the page is read, so that nothing is paid for it before.
"""

from collections import Counter

from flyte_bus.meter import PATIENT_S, Count, Values
from flyte_bus.ports import Bus
from flyte_executor.alarms import Alarms
from flyte_executor.core.placement import Placement
from flyte_executor.leases import Leases
from flyte_executor.runs import LiveRuns
from flyte_schemas.action import ActionState
from flyte_schemas.envelope import AnyEvent, Malformed
from flyte_schemas.events import AttemptPlaced, AttemptStarted, EventData
from flyte_schemas.phase import ActionPhase
from flyte_schemas.pools import PROCESS
from flyte_schemas.streams import RUNS


class Measures:
    """The numbers of one executor."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._end: int | None = None
        meter = bus.meter
        self._decisions = meter.counter(
            "flyte_executor_decisions_total", "Decisions that the log has taken, by event.", "decision"
        )
        self._by_type: dict[type[EventData], Count] = {}
        self.conflicts = meter.counter(
            "flyte_executor_conflicts_total", "Decisions that were dropped since the log had gone on."
        ).child()
        self.folded = meter.counter(
            "flyte_executor_events_folded_total", "Events that were read from the log of runs."
        ).child()
        self.dispatch = meter.histogram(
            "flyte_executor_dispatch_seconds",
            "From the word that opens an attempt to the worker's that claims it.",
            bounds=PATIENT_S,
        ).child()
        self.lost = meter.counter(
            "flyte_executor_attempts_lost_total", "Attempts whose worker ended or fell silent.", "reason"
        )
        for reason in ("ended", "silent"):
            self.lost.child(reason)

    def decided(self, decision: EventData) -> None:
        """The log has this decision."""
        kind = type(decision)
        count = self._by_type.get(kind)
        if count is None:
            name = kind.TYPE.removeprefix("flyte.").removesuffix(".v1")
            count = self._by_type[kind] = self._decisions.child(name)
        count.value += 1

    def read(self, before: ActionState, content: AnyEvent | Malformed) -> None:
        """A word of the log, and where its action stood before: a worker may have claimed an attempt."""
        if before.phase is not ActionPhase.WAITING_FOR_RESOURCES or isinstance(content, Malformed):
            return
        if isinstance(content.data, AttemptPlaced | AttemptStarted) and before.queued_at is not None:
            # Two machines' clocks may differ.
            self.dispatch.add(max(0.0, (content.time - before.queued_at).total_seconds()))

    def show(self, runs: LiveRuns, placement: Placement, alarms: Alarms, leases: Leases) -> None:
        """Have the page show where these stand."""
        meter = self._bus.meter
        meter.look_first(self._look)
        meter.gauge(
            "flyte_executor_actions", "Live actions, by phase.", "phase", read=lambda: _by_phase(runs)
        )
        meter.number("flyte_executor_runs", "Runs that are held.", lambda: runs.held)
        meter.gauge(
            "flyte_executor_queue_depth",
            "Attempts that are open and have no slot or seat yet, by environment of their pool.",
            "pool",
            read=lambda: _by_environment(placement.waiting_by_pool),
        )
        meter.gauge(
            "flyte_executor_slots_held",
            "Slots and seats that attempts hold.",
            "pool",
            read=lambda: _by_environment(placement.held_by_pool),
        )
        meter.gauge(
            "flyte_executor_slots",
            "Slots and seats that there are.",
            "pool",
            read=lambda: _by_environment(placement.slots_by_pool),
        )
        meter.number(
            "flyte_executor_attempts_over_limit",
            "Attempts that wait since their project has as many live actions as it may.",
            lambda: placement.waiting_for_limits,
        )
        meter.number("flyte_executor_timers", "Timers that are set.", lambda: alarms.pending)
        meter.number("flyte_executor_attempts_watched", "Claimed attempts.", lambda: leases.watched)
        meter.number("flyte_executor_leases_held", "Workers that have shown a lease.", lambda: leases.held)
        meter.number(
            "flyte_executor_folded_sequence", "Up to where the log of runs is folded.", lambda: runs.position
        )
        meter.number(
            "flyte_executor_replay_lag_events",
            "How much of the log of runs has yet to be folded.",
            lambda: None if self._end is None else max(0, self._end - runs.position),
        )

    async def _look(self) -> None:
        self._end = None
        self._end = await self._bus.log.last_sequence(RUNS)


def _by_phase(runs: LiveRuns) -> Values:
    """A number for each phase that something can live in."""
    live = runs.by_phase()
    return {(phase.value,): live[phase] for phase in ActionPhase if not phase.is_terminal}


def _by_environment(pools: Counter[str]) -> Values:
    """Pools of one environment together: each version of its code has one of its own."""
    found: Counter[tuple[str, ...]] = Counter({(PROCESS,): 0})
    for pool, number in pools.items():
        found[(environment_of(pool),)] += number
    return dict(found)


def environment_of(pool: str) -> str:
    """Whose pool it is, without its digest; `process` of attempts with a process of their own."""
    return pool.rpartition("-")[0] or pool
