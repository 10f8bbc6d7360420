"""A collector of spans: takes OTLP over HTTP as a real one does, and keeps what it was sent."""

import gzip
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One span as it arrived; times in nanoseconds."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    start: int
    end: int
    about: Mapping[str, str | int]
    error: str


@dataclass(slots=True)
class Collector:
    """Served within the block at `url`; `refuse` has it turn everything down for a while."""

    refuse: bool = False
    url: str = ""
    spans: list[Sent] = field(default_factory=list)
    _server: ThreadingHTTPServer | None = None

    def __enter__(self) -> "Collector":
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                answer = collector._take(self.path, body)
                self.send_response(200 if answer is not None else 400)
                self.send_header("Content-Length", str(len(answer or b"")))
                self.end_headers()
                self.wfile.write(answer or b"")

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    @property
    def variables(self) -> dict[str, str]:
        """What a process is told that is to send its spans here."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}

    def of(self, service: str) -> list[Sent]:
        """What a service has sent."""
        return [span for span in self.spans if span.service == service]

    def _take(self, path: str, body: bytes) -> bytes | None:
        if self.refuse or path != "/v1/traces":
            return None
        request = ExportTraceServiceRequest.FromString(body)
        for of_resource in request.resource_spans:
            service = _values(of_resource.resource.attributes)["service.name"]
            for of_scope in of_resource.scope_spans:
                self.spans += [_sent(str(service), span) for span in of_scope.spans]
        answer: bytes = ExportTraceServiceResponse().SerializeToString()
        return answer


def _sent(service: str, span: "object") -> Sent:
    from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

    assert isinstance(span, Span)
    return Sent(
        service=service,
        name=span.name,
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        about=_values(span.attributes),
        error=span.status.message if span.status.code == Status.STATUS_CODE_ERROR else "",
    )


def _values(attributes: "object") -> dict[str, str | int]:
    found: dict[str, str | int] = {}
    for one in attributes:  # type: ignore[attr-defined]
        found[one.key] = one.value.int_value if one.value.HasField("int_value") else one.value.string_value
    return found
