"""The HTTP server of objects that are ours to serve: PUT and GET at signed URLs.

Only this module imports aiohttp. What it refuses leaves nothing behind, and is answered with a JSON body
`{"code", "message"}`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Self

import structlog
from aiohttp import ClientPayloadError, web

from flyte_bus.listening import Listening, listen
from flyte_dataproxy.core.signing import Grant, Verdict, from_request, verify
from flyte_dataproxy.measures import TransferMeasures
from flyte_dataproxy.reception import Unwelcome, receive, too_large
from flyte_dataproxy.settings import CHUNK_BYTES, DataproxySettings
from flyte_dataproxy.store.port import ArtifactStore
from flyte_dataproxy.store.served import PATH_PREFIX
from flyte_schemas.failure_codes import ARTIFACT_NOT_FOUND

LINGER_S = 1.0
"""How long a client that was refused may go on sending, to have time to read why, in seconds."""
STOP_GRACE_S = 2.0
"""How long transfers may go on after a stop, in seconds."""

_STATUS = {"TooLarge": 413, "SizeMismatch": 400, "Md5Mismatch": 422}
_NEEDS_SIGNATURE = Unwelcome("SignatureMismatch", "the URL is not one that the dataproxy signed")
_TOO_LATE = Unwelcome("UrlExpired", "the URL has expired: ask the dataproxy for a new one")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactServer:
    """A running server, and where it listens."""

    listening: Listening
    runner: web.AppRunner

    @property
    def url(self) -> str:
        return self.listening.url

    @classmethod
    async def start(
        cls,
        store: ArtifactStore,
        secret: bytes,
        settings: DataproxySettings,
        clock: Callable[[], float],
        measures: TransferMeasures,
    ) -> Self:
        """Bind and serve. Raises PortTaken."""
        handlers = _Handlers(store, secret, settings, clock, measures)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handlers.handle)
        runner = web.AppRunner(
            app, access_log=None, lingering_time=LINGER_S, shutdown_timeout=STOP_GRACE_S, handle_signals=False
        )
        listening = listen(
            settings.host, settings.port, setting="FLYTE_DATAPROXY_PORT", certificate=settings.certificate
        )
        await runner.setup()
        for one in listening.sockets:
            await web.SockSite(runner, one, ssl_context=listening.tls).start()
        return cls(listening=listening, runner=runner)

    async def stop(self) -> None:
        """Let running transfers end for a moment, then cut them off."""
        await self.runner.cleanup()


class _Handlers:
    def __init__(
        self,
        store: ArtifactStore,
        secret: bytes,
        settings: DataproxySettings,
        clock: Callable[[], float],
        measures: TransferMeasures,
    ) -> None:
        self._measures = measures
        self._store = store
        self._secret = secret
        self._idle_timeout_s = settings.idle_timeout_s
        self._clock = clock

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Any request. The path is taken as it was sent, undecoded: a key has nothing to decode."""
        raw_path, _, query = request.raw_path.partition("?")
        signed = None
        if raw_path.startswith(PATH_PREFIX):
            signed = from_request(request.method, raw_path.removeprefix(PATH_PREFIX), query)
        verdict = Verdict.FORGED if signed is None else verify(self._secret, signed, self._clock())
        if signed is None or verdict is Verdict.FORGED:
            return self._refuse(request, 403, _NEEDS_SIGNATURE)
        if verdict is Verdict.EXPIRED:
            return self._refuse(request, 403, _TOO_LATE)
        with self._measures.timed(signed.grant.method):
            if signed.grant.method == "PUT":
                return await self._put(request, signed.grant)
            return await self._get(request, signed.grant)

    async def _put(self, request: web.Request, grant: Grant) -> web.Response:
        if (request.content_length or 0) > grant.size_bytes:
            return self._refuse(request, 413, too_large(grant.size_bytes))
        try:
            unwelcome = await receive(self._store, grant.key, grant.size_bytes, self._body(request))
        except TimeoutError:
            return self._refuse(request, 408, Unwelcome("UploadIdle", "the upload stood still for too long"))
        except (ConnectionError, ClientPayloadError, web.RequestPayloadError) as error:
            return self._refuse(request, 400, Unwelcome("UploadBroken", f"the upload broke off: {error}"))
        except OSError as error:
            log.error("dataproxy.store.failed", key=grant.key.path, error=str(error))
            return self._refuse(request, 507, Unwelcome("StoreFailed", "the object could not be written"))
        if unwelcome is not None:
            return self._refuse(request, _STATUS[unwelcome.code], unwelcome)
        log.info("dataproxy.object.stored", key=grant.key.path, size_bytes=grant.size_bytes)
        return web.json_response({"uri": grant.key.uri, "size_bytes": grant.size_bytes}, status=201)

    async def _body(self, request: web.Request) -> AsyncIterator[bytes]:
        """The request's body as it comes. Raises TimeoutError when nothing does."""
        while True:
            async with asyncio.timeout(self._idle_timeout_s):
                chunk = await request.content.read(CHUNK_BYTES)
            if not chunk:
                return
            self._measures.received.value += len(chunk)
            yield chunk

    async def _get(self, request: web.Request, grant: Grant) -> web.StreamResponse:
        kept = await self._store.stat(grant.key)
        if kept is None:
            return self._refuse(
                request, 404, Unwelcome(ARTIFACT_NOT_FOUND, "the object is not there any more")
            )
        try:
            start, end = _wanted(request, kept.size_bytes)
        except ValueError:
            return self._refuse(request, 416, Unwelcome("InvalidRange", f"it has {kept.size_bytes} bytes"))
        response = web.StreamResponse(
            headers={"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes"}
        )
        if "Range" in request.headers:
            response.set_status(206)
            response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{kept.size_bytes}"
        response.content_length = end - start
        await response.prepare(request)
        try:
            async for chunk in self._store.read(grant.key, start, end):
                await response.write(chunk)
                self._measures.sent.value += len(chunk)
            await response.write_eof()
        except ConnectionError as error:
            log.info("dataproxy.download.broken", key=grant.key.path, error=str(error))
        return response

    def _refuse(self, request: web.Request, status: int, unwelcome: Unwelcome) -> web.Response:
        """Say why, and hang up: whatever is still being sent is not wanted."""
        self._measures.refused(unwelcome.code)
        log.warning(
            "dataproxy.request.refused", method=request.method, path=request.path, code=unwelcome.code
        )
        response = web.json_response({"code": unwelcome.code, "message": unwelcome.message}, status=status)
        response.force_close()
        return response


def _wanted(request: web.Request, size_bytes: int) -> tuple[int, int]:
    """From where and up to where an object is wanted. Raises ValueError for what it does not have."""
    if "Range" not in request.headers:
        return 0, size_bytes
    asked = request.http_range  # raises ValueError
    start, end, _ = slice(asked.start, asked.stop).indices(size_bytes)
    if start >= end:
        raise ValueError("none of it is there")
    return start, end
