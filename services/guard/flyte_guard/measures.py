"""What the guard counts: questions, by what became of them."""

from flyte_bus.meter import Meter


class Measures:
    """The numbers of one guard."""

    def __init__(self, meter: Meter) -> None:
        outcomes = meter.counter(
            "flyte_guard_questions_total",
            "Questions for a part of the log: `passed` on to the server, or `refused`.",
            "outcome",
        )
        self.passed = outcomes.child("passed")
        self.refused = outcomes.child("refused")
