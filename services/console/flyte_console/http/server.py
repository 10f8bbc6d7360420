"""The server: from a request to a row of the table of routes, and from its answer to bytes.

Read-only: nothing but GET and HEAD is taken, except to sign in and out (`door.py`). Everything below `/api/`
but signing in needs a session, and all that names a project and domain one that covers them.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Self

import structlog
from aiohttp import ClientError, ClientSession, ClientTimeout, web

from flyte_bus.errors import BusError
from flyte_bus.listening import Listening, listen
from flyte_bus.tls import http_context
from flyte_console.answers.parts import Problem
from flyte_console.core.asks import Ask
from flyte_console.core.sessions import Session
from flyte_console.http.assets import Asset, load_assets
from flyte_console.http.door import API, MAX_BODY_BYTES, READING, Door
from flyte_console.http.headers import PLAIN, SANDBOXED, STRICT_TRANSPORT
from flyte_console.http.readers import Readers
from flyte_console.http.replies import PRIVATE, is_known, not_modified, sent, takes_gzip, told, whole
from flyte_console.measures import Measures
from flyte_console.problems import Trouble, away, not_found, troubled
from flyte_console.routes import AnyRoute, BytesRoute, DoorRoute, Download, Encoded, JsonRoute, StreamRoute
from flyte_console.sessions import Sessions
from flyte_console.settings import ASSETS, ConsoleSettings
from flyte_console.streams import Sent
from flyte_schemas.trust import CA

STOP_GRACE_S = 2.0
"""How long answers may go on after a stop, in seconds."""
CHUNK_BYTES = 256 * 1024
"""How much of an object is in memory at a time, for each download."""
CONNECT_TIMEOUT_S = 10.0
STORE_TIMEOUT_S = 60.0
"""How long the artifact store may take to be reached, and to go on."""
MAX_URL_BYTES = 64 * 1024
"""Room for the longest texts of all parameters at once, as an address has them: twelve bytes a character."""

AT = "/api/at/{at:[A-Za-z0-9_-]{1,64}}/"
"""Where a browser without TLS asks what it asks below `/api/` else (`door.py`)."""
NOT_BUILT = (
    b"The web page is not part of this installation: `npm ci` and `npm run build` in services/console/web. "
    b"The answers are at /api/openapi.json.\n"
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleServer:
    """A running server, and where it listens."""

    listening: Listening
    runner: web.AppRunner
    handlers: "_Handlers"

    @property
    def url(self) -> str:
        return self.listening.url

    @property
    def port(self) -> int:
        return self.listening.port

    @classmethod
    async def start(
        cls, routes: Sequence[AnyRoute], settings: ConsoleSettings, measures: Measures, sessions: Sessions
    ) -> Self:
        """Bind and serve. Raises PortTaken; ValueError for what vouches for the artifact store."""
        door = Door(settings, sessions)
        handlers = _Handlers(settings, await asyncio.to_thread(load_assets, ASSETS), measures, door)
        handlers.open_doors(route for route in routes if isinstance(route, DoorRoute))
        app = web.Application(middlewares=[handlers.guard], client_max_size=MAX_BODY_BYTES)
        app.on_response_prepare.append(handlers.begun)
        for route in routes:
            if not isinstance(route, DoorRoute):
                for path in (route.path, route.path.replace(API, AT, 1)):
                    app.router.add_route("*", path, handlers.of(route))
        app.router.add_route("*", "/{path:.*}", handlers.asset)
        runner = web.AppRunner(
            app,
            access_log=None,
            shutdown_timeout=STOP_GRACE_S,
            handle_signals=False,
            handler_cancellation=True,
            max_line_size=MAX_URL_BYTES,
        )
        listening = listen(
            settings.host, settings.port, setting="FLYTE_CONSOLE_PORT", certificate=settings.certificate
        )
        await runner.setup()
        for one in listening.sockets:
            await web.SockSite(runner, one, ssl_context=listening.tls).start()
        return cls(listening=listening, runner=runner, handlers=handlers)

    async def stop(self) -> None:
        """End the streams, let other answers end for a moment, then cut them off."""
        await self.handlers.close()
        await self.runner.cleanup()


class _Handlers:
    def __init__(
        self, settings: ConsoleSettings, assets: dict[str, Asset], measures: Measures, door: Door
    ) -> None:
        self._settings = settings
        self._door = door
        self._doors: dict[str, dict[str, Handler]] = {}
        self._assets = assets
        self._measures = measures
        self._readers = Readers(settings.fresh_s)
        self._is_closing = False
        self._http: ClientSession | None = None
        self._trusted = http_context(settings.trusted, CA) if settings.trusted else None

    async def look(self) -> None:
        """Let go of readers who are not let in any more, for ever."""
        await self._readers.look()

    async def close(self) -> None:
        """End every stream: their readers come back to whoever serves next, with their last id."""
        self._is_closing = True
        self._readers.end()
        if self._http is not None:
            await self._http.close()

    async def begun(self, request: web.Request, response: web.StreamResponse) -> None:
        """The head of an answer is about to be sent: count it."""
        self._measures.answered(_template(request), response.status)
        response.headers["Server"] = "flyte-console"
        if self._door.is_secure(request):
            response.headers["Strict-Transport-Security"] = STRICT_TRANSPORT

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse what is not for us, and tell what went wrong."""
        allowed = ", ".join((*READING, *self._doors.get(_template(request), ())))
        try:
            self._door.check(request)
            if request.method not in allowed.split(", "):
                message = f"the console is read-only: {request.method} is not taken"
                raise Trouble(405, Problem(code="MethodNotAllowed", message=message))
            return await handler(request)
        except Trouble as trouble:
            return told(trouble, allowed)
        except web.HTTPException as error:
            return told(Trouble(error.status, Problem(code="BadRequest", message=error.reason)), allowed)
        except Exception:
            log.exception("console.request.failed", path=request.path)
            problem = Problem(code="InternalError", message="the console failed", hint="Its log says why.")
            return told(Trouble(500, problem), allowed)

    def open_doors(self, routes: Iterable[DoorRoute]) -> None:
        """Let people in and out by these."""
        for route in routes:
            handler = self._door.enter if route.method == "POST" else self._door.leave
            self._doors.setdefault(route.path, {})[route.method] = handler

    def of(self, route: JsonRoute | BytesRoute | StreamRoute) -> Handler:
        """The handler of one path."""

        async def handle(request: web.Request) -> web.StreamResponse:
            if door := self._doors.get(route.path, {}).get(request.method):
                with troubled():
                    return await door(request)
            query: dict[str, list[str]] = {}
            for name, text in request.query.items():
                query.setdefault(name, []).append(text)
            if isinstance(route, StreamRoute) and (last := request.headers.get("Last-Event-ID")):
                query["after"] = [last]
            with troubled():
                ask = Ask(dict(request.match_info), query, await self._door.session(request))
                if "project" in ask.path:
                    ask.must_cover(ask.name("project"), ask.name("domain"))
                ask.allow(parameter.name for parameter in route.parameters)
                if isinstance(route, StreamRoute):
                    return await self._stream(request, route, ask)
                with self._measures.timed(route.path):
                    return await self._whole_answer(request, route, ask)

        return handle

    async def _whole_answer(
        self, request: web.Request, route: JsonRoute | BytesRoute, ask: Ask
    ) -> web.StreamResponse:
        if isinstance(route, BytesRoute):
            return await self._bytes(request, await route.answer(ask))
        answer = await route.answer(ask)
        body = answer.body if isinstance(answer, Encoded) else answer.model_dump_json().encode()
        return await sent(request, body)

    async def asset(self, request: web.Request) -> web.StreamResponse:
        """A file of the page; the page itself for each of its own addresses."""
        path = request.path.lstrip("/")
        if request.path.startswith(API):
            raise not_found(
                "NoSuchPage", f"there is no {request.path}", "/api/openapi.json says what there is."
            )
        if path in ("", "login") or path.startswith("projects/"):
            path = "index.html"
            if path not in self._assets:
                return web.Response(status=404, body=NOT_BUILT, content_type="text/plain", headers=PLAIN)
        asset = self._assets.get(path)
        if asset is None:
            raise not_found("NoSuchPage", f"there is no {request.path}")
        headers = {**PLAIN, "Cache-Control": asset.cache, "Content-Type": asset.content_type}
        if is_known(request, asset.digest):
            return not_modified(request, asset.digest, headers)
        zipped = asset.zipped if takes_gzip(request) else None
        return whole(
            asset.body if zipped is None else zipped, asset.digest, headers, is_zipped=zipped is not None
        )

    async def _bytes(self, request: web.Request, found: Download) -> web.StreamResponse:
        """An object, passed on as it comes: a browser may not reach the artifact store."""
        if found.is_page:
            headers = {**SANDBOXED, "Content-Type": "text/html; charset=utf-8", "Cache-Control": PRIVATE}
        else:
            kept = f'attachment; filename="{found.filename}"'
            headers = {**PLAIN, "Content-Type": "application/octet-stream", "Cache-Control": PRIVATE}
            headers["Content-Disposition"] = kept
        response = web.StreamResponse(headers=headers)
        response.content_length = found.size_bytes
        if self._http is None:
            timeout = ClientTimeout(sock_connect=CONNECT_TIMEOUT_S, sock_read=STORE_TIMEOUT_S)
            self._http = ClientSession(timeout=timeout, auto_decompress=False)
        try:
            tls = True if self._trusted is None else self._trusted.current
            async with self._http.get(found.signed_url, headers=found.headers, ssl=tls) as source:
                if source.status != 200:
                    raise away(f"the artifact store answered {source.status}")
                await response.prepare(request)
                if request.method != "HEAD":
                    async for chunk in source.content.iter_chunked(CHUNK_BYTES):
                        await response.write(chunk)
                    await response.write_eof()
        except (ClientError, TimeoutError) as error:
            if not response.prepared:
                raise away(f"the artifact store does not answer: {error}") from error
            log.warning("console.download.broken", error=str(error))
            response.force_close()
        return response

    async def _stream(self, request: web.Request, route: StreamRoute, ask: Ask) -> web.StreamResponse:
        if self._is_closing or len(self._readers) >= self._settings.max_streams:
            raise away(f"{len(self._readers)} browsers follow something, and no more can")
        with (
            self._measures.streaming(route.path),
            self._readers.following(lambda: self._may_go_on(request, ask.session)),
        ):
            return await self._streamed(request, route, ask)

    async def _streamed(self, request: web.Request, route: StreamRoute, ask: Ask) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={
                **PLAIN,
                "Content-Type": "text/event-stream; charset=utf-8",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
            }
        )
        try:
            async with aclosing(route.answer(ask)) as messages:
                first = await anext(messages)
                await response.prepare(request)
                if request.method == "HEAD":
                    return response
                await response.write(first.encoded())
                async for message in messages:
                    if not await self._may_go_on(request, ask.session):
                        break
                    await self._write(response, message)
            await response.write_eof()
        except asyncio.CancelledError:
            if not self._readers.was_let_go() or not response.prepared:
                raise
        except Exception as error:
            if not response.prepared:
                raise
            log.info("console.stream.broken", path=request.path, error=repr(error))
            response.force_close()
        return response

    async def _may_go_on(self, request: web.Request, session: Session) -> bool:
        """Whether who follows is still let in."""
        try:
            return (await self._door.session(request)).places == session.places
        except (Trouble, BusError, TimeoutError):
            return False

    async def _write(self, response: web.StreamResponse, message: Sent) -> None:
        """Raises TimeoutError when the browser takes nothing."""
        try:
            async with asyncio.timeout(self._settings.write_timeout_s):
                await response.write(message.encoded())
        except TimeoutError:
            self._measures.slow_readers.add()
            raise


def _template(request: web.Request) -> str:
    """The path that its route has."""
    resource = request.match_info.route.resource
    return "" if resource is None else resource.canonical.replace("/api/at/{at}/", API, 1)
