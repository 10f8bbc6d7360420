"""Answers as they are sent: with their validators, compressed where that is wanted, and what went wrong."""

import asyncio
import gzip

from aiohttp import web

from flyte_console.http.assets import digest_of
from flyte_console.http.headers import PLAIN
from flyte_console.problems import Trouble

ZIP_FROM_BYTES = 1024
"""A smaller answer is sent as it is."""
ASIDE_FROM_BYTES = 256 * 1024
"""A larger one is compressed beside the event loop."""
RETRY_AFTER_S = 2
WAIT_AFTER_S = 60
"""How long to wait before asking again: when something is away, and after too many wrong codes."""

PRIVATE = "private, no-cache"
"""Of what somebody may see and others may not: nobody keeps it for others, and it is asked for again."""


def told(trouble: Trouble, allowed: str) -> web.Response:
    """Why there is no answer; `allowed`: the methods that could have been."""
    headers = {**PLAIN, "Cache-Control": "no-store"}
    match trouble.status:
        case 401:
            headers["WWW-Authenticate"] = 'Bearer realm="flyte"'
        case 405:
            headers["Allow"] = allowed
        case 429:
            headers["Retry-After"] = str(WAIT_AFTER_S)
        case 503:
            headers["Retry-After"] = str(RETRY_AFTER_S)
    body = trouble.problem.model_dump_json().encode()
    return web.Response(status=trouble.status, body=body, content_type="application/json", headers=headers)


async def sent(request: web.Request, body: bytes) -> web.Response:
    """JSON with its validator, compressed where that is wanted."""
    digest = digest_of(body)
    headers = {**PLAIN, "Cache-Control": PRIVATE, "Content-Type": "application/json"}
    if is_known(request, digest):
        return not_modified(request, digest, headers)
    is_zipped = len(body) >= ZIP_FROM_BYTES and takes_gzip(request)
    if is_zipped and len(body) >= ASIDE_FROM_BYTES:
        body = await asyncio.to_thread(gzip.compress, body, 4, mtime=0)
    elif is_zipped:
        body = gzip.compress(body, 4, mtime=0)
    return whole(body, digest, headers, is_zipped=is_zipped)


def whole(body: bytes, digest: str, headers: dict[str, str], *, is_zipped: bool) -> web.Response:
    """A body with the validator of its bytes: compressed ones are others."""
    headers |= {"ETag": f'"{digest}-gzip"' if is_zipped else f'"{digest}"', "Vary": "Accept-Encoding"}
    if is_zipped:
        headers["Content-Encoding"] = "gzip"
    return web.Response(body=body, headers=headers)


def not_modified(request: web.Request, digest: str, headers: dict[str, str]) -> web.Response:
    """What the asker has is what there is."""
    etag = f'"{digest}-gzip"' if f"{digest}-gzip" in request.headers["If-None-Match"] else f'"{digest}"'
    return web.Response(status=304, headers={**headers, "ETag": etag, "Vary": "Accept-Encoding"})


def is_known(request: web.Request, digest: str) -> bool:
    """Whether the asker says that he has these bytes."""
    return digest in request.headers.get("If-None-Match", "")


def takes_gzip(request: web.Request) -> bool:
    """Whether the asker can unpack."""
    return "gzip" in request.headers.get("Accept-Encoding", "")
