"""What the scheduler counts: instants by what became of them, and how late a firing was."""

from collections.abc import Callable

from flyte_bus.meter import PATIENT_S, Meter


class Measures:
    """The numbers of one scheduler."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        instants = meter.counter(
            "flyte_scheduler_instants_total",
            "Instants: `fired` (by this scheduler), `refused` (its run is too large for the log), `missed` "
            "(passed over while this process stood still, and fired by nobody).",
            "outcome",
        )
        self.fired = instants.child("fired")
        self.refused = instants.child("refused")
        self.missed = instants.child("missed")
        self.lateness = meter.histogram(
            "flyte_scheduler_lateness_seconds",
            "From an instant to its run's being asked for.",
            bounds=PATIENT_S,
        ).child()

    def show(self, active: Callable[[], int], overdue: Callable[[], int]) -> None:
        """Have the page show how many triggers there are, and how many nobody looks at."""
        self._meter.number("flyte_scheduler_triggers", "Triggers that are active.", active)
        self._meter.number(
            "flyte_scheduler_triggers_overdue",
            "Triggers whose next instant is long past, and that were not looked at since.",
            overdue,
        )
