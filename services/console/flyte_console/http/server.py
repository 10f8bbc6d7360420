"""The server: from a request to a row of the table of routes, and from its answer to bytes.

Read-only: nothing but GET and HEAD is taken. A request that calls the server by another name than it has is
refused, since a page of somebody else's could have had its name resolved to this machine.
"""

import asyncio
import gzip
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Self

import structlog
from aiohttp import ClientError, ClientSession, ClientTimeout, web

from flyte_bus.listening import Listening, listen
from flyte_bus.tls import http_context
from flyte_console.answers.parts import Problem
from flyte_console.core.asks import Ask
from flyte_console.http.assets import ASK_AGAIN, Asset, digest_of, load_assets
from flyte_console.http.headers import PLAIN, SANDBOXED
from flyte_console.measures import Measures
from flyte_console.problems import Trouble, away, not_found, troubled
from flyte_console.routes import AnyRoute, BytesRoute, Download, Encoded, JsonRoute, StreamRoute
from flyte_console.settings import ASSETS, ConsoleSettings
from flyte_console.streams import Sent
from flyte_schemas.trust import CA

STOP_GRACE_S = 2.0
"""How long answers may go on after a stop, in seconds."""
ZIP_FROM_BYTES = 1024
"""A smaller answer is sent as it is."""
ASIDE_FROM_BYTES = 256 * 1024
"""A larger one is compressed beside the event loop."""
CHUNK_BYTES = 256 * 1024
"""How much of an object is in memory at a time, for each download."""
CONNECT_TIMEOUT_S = 10.0
STORE_TIMEOUT_S = 60.0
"""How long the artifact store may take to be reached, and to go on."""
RETRY_AFTER_S = 2
MAX_URL_BYTES = 8 * 1024

API = "/api/"
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
    async def start(cls, routes: Sequence[AnyRoute], settings: ConsoleSettings, measures: Measures) -> Self:
        """Bind and serve. Raises PortTaken; ValueError for what vouches for the artifact store."""
        handlers = _Handlers(settings, await asyncio.to_thread(load_assets, ASSETS), measures)
        app = web.Application(middlewares=[handlers.guard])
        app.on_response_prepare.append(handlers.begun)
        for route in routes:
            app.router.add_route("*", route.path, handlers.of(route))
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
    def __init__(self, settings: ConsoleSettings, assets: dict[str, Asset], measures: Measures) -> None:
        self._settings = settings
        self._hosts = settings.hosts()
        self._assets = assets
        self._measures = measures
        self._streams: set[asyncio.Task[object]] = set()
        self._is_closing = False
        self._http: ClientSession | None = None
        self._trusted = http_context(settings.trusted, CA) if settings.trusted else None

    async def close(self) -> None:
        """End every stream: their readers come back to whoever serves next, with their last id."""
        self._is_closing = True
        for task in tuple(self._streams):
            task.cancel()
        if self._http is not None:
            await self._http.close()

    async def begun(self, request: web.Request, response: web.StreamResponse) -> None:
        """The head of an answer is about to be sent: count it."""
        resource = request.match_info.route.resource
        self._measures.answered("" if resource is None else resource.canonical, response.status)

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse what is not for us, and tell what went wrong."""
        try:
            self._check(request)
            return await handler(request)
        except Trouble as trouble:
            return _told(trouble)
        except web.HTTPException as error:
            return _told(Trouble(error.status, Problem(code="BadRequest", message=error.reason)))
        except Exception:
            log.exception("console.request.failed", path=request.path)
            problem = Problem(code="InternalError", message="the console failed", hint="Its log says why.")
            return _told(Trouble(500, problem))

    def _check(self, request: web.Request) -> None:
        host, _, port = request.host.rpartition(":")
        name = (host if host and port.isdecimal() else request.host).lower()
        if self._hosts is not None and name not in self._hosts:
            hint = "Add the name to FLYTE_CONSOLE_ALLOWED_HOSTS."
            raise Trouble(
                403, Problem(code="UnknownHost", message=f"the console is not called {name!r}", hint=hint)
            )
        if request.method not in ("GET", "HEAD"):
            message = f"the console is read-only: {request.method} is not taken"
            raise Trouble(405, Problem(code="MethodNotAllowed", message=message))

    def of(self, route: AnyRoute) -> Handler:
        """The handler of one route."""

        async def handle(request: web.Request) -> web.StreamResponse:
            query: dict[str, list[str]] = {}
            for name, text in request.query.items():
                query.setdefault(name, []).append(text)
            if isinstance(route, StreamRoute) and (last := request.headers.get("Last-Event-ID")):
                query["after"] = [last]
            ask = Ask(dict(request.match_info), query)
            with troubled():
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
        return await _sent(request, body)

    async def asset(self, request: web.Request) -> web.StreamResponse:
        """A file of the page; the page itself for each of its own addresses."""
        path = request.path.lstrip("/")
        if request.path.startswith(API):
            raise not_found(
                "NoSuchPage", f"there is no {request.path}", "/api/openapi.json says what there is."
            )
        if path == "" or path.startswith("projects/"):
            path = "index.html"
            if path not in self._assets:
                return web.Response(status=404, body=NOT_BUILT, content_type="text/plain", headers=PLAIN)
        asset = self._assets.get(path)
        if asset is None:
            raise not_found("NoSuchPage", f"there is no {request.path}")
        headers = {**PLAIN, "Cache-Control": asset.cache, "Content-Type": asset.content_type}
        if _is_known(request, asset.digest):
            return _not_modified(request, asset.digest, headers)
        zipped = asset.zipped if _takes_gzip(request) else None
        return _whole(
            asset.body if zipped is None else zipped, asset.digest, headers, is_zipped=zipped is not None
        )

    async def _bytes(self, request: web.Request, found: Download) -> web.StreamResponse:
        """An object, passed on as it comes: a browser may not reach the artifact store."""
        if found.is_page:
            headers = {**SANDBOXED, "Content-Type": "text/html; charset=utf-8", "Cache-Control": ASK_AGAIN}
        else:
            kept = f'attachment; filename="{found.filename}"'
            headers = {**PLAIN, "Content-Type": "application/octet-stream", "Content-Disposition": kept}
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
        if self._is_closing or len(self._streams) >= self._settings.max_streams:
            raise away(f"{len(self._streams)} browsers follow something, and no more can")
        with self._measures.streaming(route.path):
            return await self._streamed(request, route, ask)

    async def _streamed(self, request: web.Request, route: StreamRoute, ask: Ask) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        self._streams.add(task)
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
                    await self._write(response, message)
            await response.write_eof()
        except asyncio.CancelledError:
            if not self._is_closing or not response.prepared:
                raise
        except Exception as error:
            if not response.prepared:
                raise
            log.info("console.stream.broken", path=request.path, error=repr(error))
            response.force_close()
        finally:
            self._streams.discard(task)
        return response

    async def _write(self, response: web.StreamResponse, message: Sent) -> None:
        """Raises TimeoutError when the browser takes nothing."""
        try:
            async with asyncio.timeout(self._settings.write_timeout_s):
                await response.write(message.encoded())
        except TimeoutError:
            self._measures.slow_readers.add()
            raise


def _told(trouble: Trouble) -> web.Response:
    headers = {**PLAIN, "Cache-Control": "no-store"}
    if trouble.status == 503:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    if trouble.status == 405:
        headers["Allow"] = "GET, HEAD"
    body = trouble.problem.model_dump_json().encode()
    return web.Response(status=trouble.status, body=body, content_type="application/json", headers=headers)


async def _sent(request: web.Request, body: bytes) -> web.Response:
    """JSON with its validator, compressed where that is wanted."""
    digest = digest_of(body)
    headers = {**PLAIN, "Cache-Control": ASK_AGAIN, "Content-Type": "application/json"}
    if _is_known(request, digest):
        return _not_modified(request, digest, headers)
    is_zipped = len(body) >= ZIP_FROM_BYTES and _takes_gzip(request)
    if is_zipped and len(body) >= ASIDE_FROM_BYTES:
        body = await asyncio.to_thread(gzip.compress, body, 4, mtime=0)
    elif is_zipped:
        body = gzip.compress(body, 4, mtime=0)
    return _whole(body, digest, headers, is_zipped=is_zipped)


def _whole(body: bytes, digest: str, headers: dict[str, str], *, is_zipped: bool) -> web.Response:
    """A body with the validator of its bytes: compressed ones are others."""
    headers |= {"ETag": f'"{digest}-gzip"' if is_zipped else f'"{digest}"', "Vary": "Accept-Encoding"}
    if is_zipped:
        headers["Content-Encoding"] = "gzip"
    return web.Response(body=body, headers=headers)


def _not_modified(request: web.Request, digest: str, headers: dict[str, str]) -> web.Response:
    etag = f'"{digest}-gzip"' if f"{digest}-gzip" in request.headers["If-None-Match"] else f'"{digest}"'
    return web.Response(status=304, headers={**headers, "ETag": etag, "Vary": "Accept-Encoding"})


def _is_known(request: web.Request, digest: str) -> bool:
    return digest in request.headers.get("If-None-Match", "")


def _takes_gzip(request: web.Request) -> bool:
    return "gzip" in request.headers.get("Accept-Encoding", "")
