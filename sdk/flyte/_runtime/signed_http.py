"""One HTTP request to a signed URL, with the standard library: an object sent, or an object fetched.

It blocks, and is run in a thread. Whatever goes wrong is `Broken`: one try is over, and the caller decides
about the next.
"""

import hashlib
import http.client
import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from flyte_schemas.endpoints import DownloadLocation, UploadLocation

SOCKET_TIMEOUT_S = 30.0
"""The longest silence of the server within one try."""
CHUNK_BYTES = 1024 * 1024
ERROR_BODY_LIMIT_BYTES = 64 * 1024

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Broken(Exception):
    """One try failed; another may not."""


def put_at(location: UploadLocation, data: bytes) -> None:
    """Send `data` in one request. Raises Broken."""
    _put(location, data, location.headers)


def put_file_at(location: UploadLocation, path: Path) -> None:
    """Send the content of a file in one request, a piece at a time. Raises Broken; OSError."""
    with path.open("rb") as content:
        length = str(os.fstat(content.fileno()).st_size)
        _put(location, content, {**location.headers, "Content-Length": length})


def _put(location: UploadLocation, data: bytes | BinaryIO, headers: Mapping[str, str]) -> None:
    if location.signed_url is None:
        raise Broken("the dataproxy named neither an object nor a place to put it")
    with _open(location.signed_url, "PUT", headers, data):
        pass


def get_from(location: DownloadLocation, sink: BinaryIO) -> str:
    """Copy the object into `sink` and return its SHA-256. Raises Broken when not all of it came."""
    sink.seek(0)
    sink.truncate()
    digest = hashlib.sha256()
    missing = location.size_bytes
    with _open(location.signed_url, "GET", location.headers) as answer:
        while missing and (chunk := _read(answer, min(CHUNK_BYTES, missing))):
            sink.write(chunk)
            digest.update(chunk)
            missing -= len(chunk)
    if missing:
        raise Broken(f"the download ended {missing} bytes early")
    return digest.hexdigest()


def _read(answer: http.client.HTTPResponse, size_bytes: int) -> bytes:
    try:
        return answer.read(size_bytes)
    except (OSError, http.client.HTTPException) as error:
        raise Broken(f"the download broke off: {error or type(error).__name__}") from error


def _open(
    url: str, method: str, headers: Mapping[str, str], data: bytes | BinaryIO | None = None
) -> http.client.HTTPResponse:
    """The server's answer, when it is a success. Raises Broken."""
    request = urllib.request.Request(url, data=data, headers=dict(headers), method=method)
    if data is not None and not request.has_header("Content-type"):
        request.add_header("Content-type", "application/octet-stream")
    server = urlsplit(url)
    direct = [urllib.request.ProxyHandler({})] if server.hostname in _LOOPBACK else []
    try:
        answer: http.client.HTTPResponse = urllib.request.build_opener(*direct).open(
            request, timeout=SOCKET_TIMEOUT_S
        )
        return answer
    except urllib.error.HTTPError as error:
        with error:
            raise Broken(f"{server.netloc} answered {_explain(error)}") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise Broken(f"{server.netloc}: {reason or type(reason).__name__}") from error


def _explain(error: urllib.error.HTTPError) -> str:
    """The status, with the code and sentence of our own servers when the body has them."""
    try:
        body = json.loads(error.read(ERROR_BODY_LIMIT_BYTES))
        return f"{error.code} {body['code']}: {body['message']}"
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError):
        return f"{error.code} {error.reason}"
