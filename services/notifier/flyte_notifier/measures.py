"""What the notifier counts: notifications by what became of them, and how long they took."""

from collections.abc import Callable

from flyte_bus.meter import PATIENT_S, Meter


class Measures:
    """The numbers of one notifier."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        outcomes = meter.counter(
            "flyte_notifier_notifications_total",
            "Notifications: `delivered`, `tried_again` (a try failed, and another follows), or `given_up`.",
            "outcome",
        )
        self.delivered = outcomes.child("delivered")
        self.tried_again = outcomes.child("tried_again")
        self.given_up = outcomes.child("given_up")
        self.took = meter.histogram(
            "flyte_notifier_delivery_seconds",
            "From an event to its delivery, with the tries that failed.",
            bounds=PATIENT_S,
        ).child()

    def show(self, there: Callable[[], int]) -> None:
        """Have the page show how many notifications are there."""
        self._meter.number(
            "flyte_notifier_outbox", "Notifications that are not delivered yet, whoever tries them.", there
        )
