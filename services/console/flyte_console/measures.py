"""What the console counts of its browsers, and what it holds for them.

A route is told by its template, so that there are as many as the table of routes has rows.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

from flyte_bus.meter import PATIENT_S, Meter


class Measures:
    """The numbers of one console."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._open: Counter[str] = Counter()
        self._requests = meter.counter(
            "flyte_console_requests_total",
            "Answers that were begun, a stream's too, by the template of their path.",
            "route",
            "status",
        )
        self._took = meter.histogram(
            "flyte_console_request_seconds",
            "How long an answer of `/api` took, a stream's left out.",
            "route",
            bounds=PATIENT_S,
        )
        self.slow_readers = meter.counter(
            "flyte_console_slow_readers_total",
            "Streams that were cut off since their browser took nothing for a minute.",
        ).child()
        meter.gauge(
            "flyte_console_streams",
            "Streams that are open.",
            "route",
            read=lambda: {(route,): number for route, number in self._open.items()},
        )

    def show(self, runs: Callable[[], int], lists: Callable[[], int]) -> None:
        """Have the page show how many folds there are: of runs, and of lists of runs."""
        self._meter.gauge(
            "flyte_console_folds",
            "Runs (`run`), and lists of a project and domain (`list`), that are held for those who look.",
            "kind",
            read=lambda: {("run",): runs(), ("list",): lists()},
        )

    def offered(self, route: str) -> None:
        """There is a stream of this route."""
        self._open[route] += 0

    def answered(self, route: str, status: int) -> None:
        """An answer has begun."""
        self._requests.child(route, str(status)).add()

    @contextmanager
    def timed(self, route: str) -> Iterator[None]:
        """The block is one answer of this route."""
        began = perf_counter()
        try:
            yield
        finally:
            self._took.child(route).since(began)

    @contextmanager
    def streaming(self, route: str) -> Iterator[None]:
        """The block is one open stream of this route."""
        self._open[route] += 1
        try:
            yield
        finally:
            self._open[route] -= 1
