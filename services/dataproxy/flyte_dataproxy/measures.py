"""What is counted of the objects that the dataproxy serves itself; with S3 it sees no byte."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from flyte_bus.meter import PATIENT_S, Count, Meter


class TransferMeasures:
    """Bytes, seconds and refusals of uploads (PUT) and downloads (GET, HEAD)."""

    def __init__(self, meter: Meter) -> None:
        self.received = meter.counter("flyte_dataproxy_received_bytes_total", "Bytes of uploads.").child()
        self.sent = meter.counter("flyte_dataproxy_sent_bytes_total", "Bytes of downloads.").child()
        self._refused = meter.counter(
            "flyte_dataproxy_refusals_total", "Requests that were refused, by code.", "code"
        )
        self._took = meter.histogram(
            "flyte_dataproxy_request_seconds",
            "How long an upload or a download took, refused ones too.",
            "method",
            bounds=PATIENT_S,
        )

    def refused(self, code: str) -> None:
        """A request was refused; codes are those in `flyte_dataproxy.http`."""
        self._refused.child(code).add()

    @contextmanager
    def timed(self, method: str) -> Iterator[None]:
        """The block is one request of this method, which was signed."""
        began = perf_counter()
        try:
            yield
        finally:
            self._took.child(method).since(began)


def uploads_over_limit(meter: Meter) -> Count:
    """How many uploads got no location for that."""
    about = "Uploads that were refused since their project keeps as many bytes as it may."
    return meter.counter("flyte_dataproxy_uploads_over_limit_total", about).child()
