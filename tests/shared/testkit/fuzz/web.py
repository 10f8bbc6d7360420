"""The two HTTP servers, as anybody reaches them: the dataproxy's signed URLs and the console's pages."""

import asyncio
import hashlib
import time
from typing import ClassVar
from urllib.parse import quote

import aiohttp

from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_console import app as console
from flyte_console.settings import ConsoleSettings
from flyte_dataproxy import app as dataproxy
from flyte_dataproxy.core.keys import ArtifactKey
from flyte_dataproxy.core.signing import Grant, Method, sign, to_query
from flyte_dataproxy.settings import DataproxySettings
from flyte_dataproxy.store.secret import load_or_make
from testkit.fuzz.chooser import Chooser
from testkit.fuzz.entry import Broken, Entry
from testkit.registry import registry

VERSIONS = ("HTTP/1.1", "HTTP/1.0")
METHODS = ("GET", "PUT", "HEAD", "POST", "DELETE", "OPTIONS", "PATCH", "TRACE", "get", "G\x00T")
HEADERS = (
    "Range: bytes=0-1", "Range: bytes=-1", "Range: bytes=5-2", "Range: bytes=0-99999999999999999999",
    "Range: x", "Range: bytes=0-0,1-1", "Content-Length: -1", "Content-Length: 5",
    "Transfer-Encoding: chunked", "Expect: 100-continue", "Content-Encoding: gzip", "Host: evil",
    "Origin: http://evil", "X-Forwarded-For: 1", "Connection: upgrade", "Upgrade: websocket",
    "If-None-Match: *", "Accept: text/event-stream", "Last-Event-ID: x",
    "Last-Event-ID: 99999999999999999999", "Cookie: a=b; a=c", "Authorization: Bearer x",
    "Content-Type: application/json", "Content-Length: 5, 5",
)  # fmt: skip


def _quoted(chooser: Chooser) -> str:
    return quote(chooser.text().encode("utf-8", "surrogatepass"))


SLOW_S = 5.0
"""A stream of events does not end by itself: after so long without an end it is left."""


class Web(Entry):
    """Any request is answered, never with a fault of the server's, and the next one after it too."""

    gains_files = 20
    url: str

    async def request(
        self, chooser: Chooser, target: str, *, method: str = "GET", body: bytes = b""
    ) -> tuple[int, bytes]:
        """Send a request as bytes, perhaps with its end cut off; the status (0: hung up) and the answer."""
        method = chooser.pick(METHODS) if chooser.one_in(3) else method
        host, _, port = self.url.removeprefix("http://").partition(":")
        lines = [
            f"{method} {target} {VERSIONS[chooser.one_in(12)]}",
            f"Host: {host}",
        ]
        for _ in range(max(0, chooser.below(6) - 3)):
            lines.append(
                chooser.pick(HEADERS) if not chooser.one_in(5) else f"{chooser.text(6)}: {chooser.text()}"
            )
        if body and not chooser.one_in(4):
            lines.append(f"Content-Length: {len(body) + chooser.below(3)}")
        head = "\r\n".join([*lines, "Connection: close", "", ""]).encode("utf-8", "surrogateescape")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(head + body)
            if chooser.one_in(20):
                writer.write_eof()  # most servers take that for the end of the whole connection
            async with asyncio.timeout(SLOW_S):
                answer = await reader.read(1 << 20)
        except TimeoutError:
            return 200, b""
        except ConnectionError:
            return 0, b""
        finally:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
        status = answer.split(b" ", 2)[1:2]
        return (int(status[0]) if status and status[0].isdigit() else 0), answer

    def judge(self, status: int, answer: bytes, target: str) -> None:
        """Raises Broken for a fault of the server's."""
        if (status >= 500 and status != 501) or b"Traceback (most recent" in answer:
            raise Broken(f"{target!r} was answered {status}: {answer[:300]!r}")


class Dataproxy(Web):
    """Only what was signed is read or written; nothing beside its folder, nothing half."""

    name = "dataproxy"
    KEY: ClassVar = ArtifactKey(project="p", domain="d", md5=hashlib.md5(b"content").hexdigest())

    async def open(self) -> None:
        bus = await self.stack.enter_async_context(MemoryBus(MemoryServer()))
        await bus.provision()
        self.root = self.folder / "artifacts"
        service = await dataproxy.build(bus, DataproxySettings(root=self.root, idle_timeout_s=0.3))
        await service.start()
        self.stack.push_async_callback(service.stop)
        self.url = service.url
        self.secret = load_or_make(self.root / ".secret")
        async with aiohttp.ClientSession() as http:
            await (await http.put(self.url + "?".join(self._signed("PUT")), data=b"content")).read()

    async def feed(self, chooser: Chooser) -> None:
        method: Method = chooser.pick(("GET", "PUT"))
        signed = path, query = self._signed(method)
        if chooser.one_in(4):
            path, query = self._signed(method, -1)
        elif not chooser.one_in(4):
            which = chooser.below(3)
            path = path if which == 0 else self._other(chooser, path)
            query = query if which == 1 else self._other(chooser, query)
        before = self._files()
        body = chooser.pick((b"", b"content", b"other", b"contents"))
        target = f"{path}?{query}"
        status, answer = await self.request(chooser, target, method=method, body=body)
        self.judge(status, answer, target)
        after = self._files()
        changed = {name for name in before | after if before.get(name) != after.get(name)}
        if not changed <= {self.KEY.path} or any(one not in (b"content",) for one in after.values()):
            raise Broken(f"{target!r} has changed {changed} to {[after.get(name) for name in changed]}")
        if 200 <= status < 300 and (path, query) != signed and target.encode().isascii():
            raise Broken(f"{target!r} was not signed, and answered {status}")

    def _signed(self, method: Method, ttl_s: int = 60) -> tuple[str, str]:
        """The path and the query of a URL that is good for so long."""
        grant = Grant(method=method, key=self.KEY, size_bytes=7, expires_at=int(time.time()) + ttl_s)
        return f"/artifacts/{self.KEY.path}", to_query(sign(self.secret, grant))

    def _other(self, chooser: Chooser, text: str) -> str:
        """A part of the target with something else in it, or the same."""
        place = chooser.below(len(text) + 1)
        if chooser.one_in(3):
            return text[:place] + chooser.pick("0123456789abcdef") + text[place + 1 :]
        end = place + chooser.below(6)
        new = chooser.pick(
            ("", "..", "/../", "%2e%2e/", "//", "%00", "&method=PUT", "\\", ".secret", _quoted(chooser))
        )
        return (text[:place] + new + text[end:]).replace(" ", "%20")

    def _files(self) -> dict[str, bytes]:
        names = (path for path in self.root.rglob("*") if path.is_file() and path.name != ".secret")
        found = {str(path.relative_to(self.root)): path for path in names}
        return {name: path.read_bytes() for name, path in found.items() if not name.startswith(".")}


class Console(Web):
    """Any address of the console's, with any query and headers, is answered without a fault."""

    name = "console"

    async def open(self) -> None:
        bus = await self.stack.enter_async_context(MemoryBus(MemoryServer()))
        await bus.provision()
        service = await console.build(bus, ConsoleSettings(ask_patience_s=2.0, heartbeat_s=0.2))
        await self.stack.enter_async_context(registry(bus, self.folder))
        await service.start()
        self.stack.push_async_callback(service.stop)
        self.url = service.url
        self.paths = [route.path for route in service.routes]

    async def feed(self, chooser: Chooser) -> None:
        parts = chooser.pick(self.paths).split("/")
        for place, part in enumerate(parts):
            if part.startswith("{") or chooser.one_in(20):
                parts[place] = chooser.pick(
                    ("p", "d", "a0", "r1", "..", "%2e%2e", "%00", _quoted(chooser), "x" * 500)
                )
        asked = "&".join(f"{chooser.pick(QUERIES)}={_quoted(chooser)}" for _ in range(chooser.below(4)))
        target = "/".join(parts) + (f"?{asked}" if asked else "")
        status, answer = await self.request(chooser, target)
        self.judge(status, answer, target)


QUERIES = (
    "after",
    "limit",
    "phase",
    "text",
    "at",
    "level",
    "attempt",
    "cursor",
    "uri",
    "name",
    "task",
    "since",
    "order",
    "%00",
)
