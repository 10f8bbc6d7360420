"""Somebody else's web server on this machine, who writes down all that browsers send him."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass(slots=True)
class Thief:
    """`url` is where he listens; `heard` are the paths that he was asked for, each with its cookies."""

    url: str = ""
    heard: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def thief() -> Iterator[Thief]:
    """A thief at work on a free port of 127.0.0.1."""
    found = Thief()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.heard.append((self.path, self.headers.get("Cookie", "")))
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>prizes</title>")

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()
