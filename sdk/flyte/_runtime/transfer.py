"""Artifacts: bytes put into the artifact store and got out of it, verified, over signed URLs.

The bus says where (`CREATE_UPLOAD_LOCATION`, `CREATE_DOWNLOAD_LOCATION`); the bytes go by plain HTTP, with
nothing but the standard library, so that the SDK and a user's process load no HTTP framework. A location is
good for one try: when the connection breaks, the URL has expired or the server came back on another port,
the next try asks anew. An object is named by its MD5 and trusted by its SHA-256.
"""

import asyncio
import hashlib
import io
import os
import random
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn, Protocol, TypeVar, TypeVarTuple

from flyte._runtime.signed_http import CHUNK_BYTES, Broken, get_from, put_at, put_file_at
from flyte_schemas.endpoints import (
    CREATE_DOWNLOAD_LOCATION,
    CREATE_UPLOAD_LOCATION,
    AnswerT,
    AskT,
    CreateDownloadLocation,
    CreateUploadLocation,
    Endpoint,
    UploadLocation,
)
from flyte_schemas.failure import Failure, FailureKind

PATIENCE_S = 60.0
"""No new try begins when this much time has passed since the first."""
ANSWER_TIMEOUT_S = 5.0
"""The longest wait for one answer: a question that reached a dataproxy just before it died gets none."""
BACKOFF_S = 0.1
"""The bound of the first pause between tries; it doubles up to `BACKOFF_LIMIT_S`."""
BACKOFF_LIMIT_S = 2.0
TRANSFERS = 8
"""How many transfers of one `Artifacts` go on at a time; more wait for their turn."""

_BUGS = (TypeError, ValueError, AttributeError, LookupError, AssertionError)

ResultT = TypeVar("ResultT")
Ts = TypeVarTuple("Ts")


class Ask(Protocol):
    """The bus's `ask`. An exception that carries a `Failure` as `.failure` is the service's refusal."""

    async def __call__(self, endpoint: Endpoint[AskT, AnswerT], question: AskT, /) -> AnswerT: ...


class ArtifactError(Exception):
    """An artifact could not be put or got; `code` is stable, `hint` says what to do."""

    code = "ArtifactError"
    hint = ""


class ArtifactUnavailable(ArtifactError):
    """The artifact store could not be reached, or did not do what was asked, within the patience."""

    code = "ArtifactUnavailable"
    hint = "Look whether the dataproxy is running and its URL can be reached from here, then try again."


class ArtifactCorrupted(ArtifactError):
    """The bytes in the store are not the bytes that were put: another digest, or another size."""

    code = "ArtifactCorrupted"
    hint = "Have the damaged object removed from the artifact store, then deploy or run once more."

    def __init__(self, uri: str, *, expected: str, actual: str) -> None:
        super().__init__(f"{uri} is corrupted: expected {expected}, got {actual}")
        self.uri = uri
        self.expected = expected
        self.actual = actual


class ArtifactRefused(ArtifactError):
    """The dataproxy said no, and would say so again; `code` is its failure's (`ArtifactNotFound` …)."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.code = failure.code
        self.hint = failure.hint
        self.failure = failure


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """An object in the store; `uploaded` is false when it was already there and no byte was sent."""

    uri: str
    sha256: str
    md5: str
    size_bytes: int
    uploaded: bool


class Artifacts:
    """The artifact store as one project and domain see it. Times in seconds."""

    def __init__(self, ask: Ask, project: str, domain: str, *, patience_s: float = PATIENCE_S) -> None:
        self._ask = ask
        self._project = project
        self._domain = domain
        self._patience_s = patience_s
        # Threads of its own: the loop's shared ones may all be taken by tasks that wait for an artifact.
        self._threads = ThreadPoolExecutor(TRANSFERS, thread_name_prefix="flyte-artifacts")

    async def put(self, data: bytes, filename: str) -> StoredObject:
        """Store `data`, sending it only when no object with its MD5 is there.

        Raises ArtifactUnavailable; ArtifactRefused.
        """
        content = await self._aside(_digests, io.BytesIO(data))
        return await self._store(content, filename, lambda location: put_at(location, data))

    async def put_file(self, path: Path, filename: str | None = None) -> StoredObject:
        """Store the content of a file, which is never in memory as a whole.

        Raises as `put` does; OSError when the file cannot be read.
        """
        content = await self._aside(_digests_of, path)
        return await self._store(content, filename or path.name, lambda location: put_file_at(location, path))

    async def _store(
        self, content: "_Digests", filename: str, send: Callable[[UploadLocation], None]
    ) -> StoredObject:
        question = CreateUploadLocation(
            project=self._project,
            domain=self._domain,
            content_md5=content.md5,
            filename=filename,
            size_bytes=content.size_bytes,
        )

        async def attempt(patience_s: float) -> tuple[str, bool]:
            location = await self._locate(CREATE_UPLOAD_LOCATION, question, patience_s)
            if not location.exists:
                await self._aside(send, location)
            return location.uri, not location.exists

        what = f"could not upload {filename} ({content.size_bytes} bytes)"
        uri, uploaded = await self._persist(what, attempt)
        return StoredObject(
            uri=uri,
            sha256=content.sha256,
            md5=content.md5,
            size_bytes=content.size_bytes,
            uploaded=uploaded,
        )

    async def get(self, uri: str, sha256: str, size_bytes: int) -> bytes:
        """The object's bytes, verified.

        Raises ArtifactCorrupted; ArtifactUnavailable; ArtifactRefused (`ArtifactNotFound`: it is not there).
        """
        sink = io.BytesIO()
        await self._fetch(uri, sha256, size_bytes, sink)
        return sink.getvalue()

    async def get_to_file(self, uri: str, sha256: str, size_bytes: int, path: Path) -> None:
        """Write the verified object to `path`, which appears whole or not at all.

        Raises as `get` does; OSError when the file cannot be written.
        """
        with _whole(path) as sink:
            await self._fetch(uri, sha256, size_bytes, sink)

    async def size_of(self, uri: str) -> int:
        """How many bytes the object has. Raises as `get` does."""
        question = CreateDownloadLocation(uri=uri)

        async def attempt(patience_s: float) -> int:
            return (await self._locate(CREATE_DOWNLOAD_LOCATION, question, patience_s)).size_bytes

        return await self._persist(f"could not look for {uri}", attempt)

    async def get_named_to_file(self, uri: str, path: Path) -> None:
        """The same as `get_to_file` for an object of which only the URI is known, which ends with its MD5.

        Raises as `get_to_file` does.
        """
        size_bytes = await self.size_of(uri)
        with _whole(path) as sink:
            await self._download(uri, size_bytes, sink)
            sink.flush()
            actual = (await self._aside(_digests_of, Path(sink.name))).md5
            if not uri.endswith(f"/{actual}"):
                raise ArtifactCorrupted(uri, expected=f"md5 {uri.rpartition('/')[2]}", actual=f"md5 {actual}")

    async def _fetch(self, uri: str, sha256: str, size_bytes: int, sink: BinaryIO) -> None:
        """Fill `sink` with the object; what an earlier try left in it is dropped."""
        actual = await self._download(uri, size_bytes, sink, sha256)
        if actual != sha256:
            raise ArtifactCorrupted(uri, expected=f"sha256 {sha256}", actual=f"sha256 {actual}")

    async def _download(self, uri: str, size_bytes: int, sink: BinaryIO, sha256: str = "") -> str:
        """Fill `sink` with the object; its SHA-256."""
        question = CreateDownloadLocation(uri=uri)

        async def attempt(patience_s: float) -> str:
            location = await self._locate(CREATE_DOWNLOAD_LOCATION, question, patience_s)
            if location.size_bytes != size_bytes:
                raise ArtifactCorrupted(
                    uri,
                    expected=f"{size_bytes} bytes" + (f" with sha256 {sha256}" if sha256 else ""),
                    actual=f"{location.size_bytes} bytes",
                )
            return await self._aside(get_from, location, sink)

        return await self._persist(f"could not download {uri}", attempt)

    async def _aside(self, work: Callable[[*Ts], ResultT], *args: *Ts) -> ResultT:
        """Do blocking work in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)

    async def _locate(self, endpoint: Endpoint[AskT, AnswerT], question: AskT, patience_s: float) -> AnswerT:
        timeout_s = min(patience_s, ANSWER_TIMEOUT_S)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._ask(endpoint, question)
        except TimeoutError as error:
            raise Broken(f"the dataproxy did not say where within {timeout_s:.1f} s") from error
        except _BUGS:
            raise
        except Exception as error:  # the bus's own errors, which the runtime may not import
            failure = getattr(error, "failure", None)
            if isinstance(failure, Failure) and failure.kind is FailureKind.USER:
                raise ArtifactRefused(failure) from error
            raise Broken(str(error) or type(error).__name__) from error

    async def _persist(self, what: str, attempt: Callable[[float], Awaitable[ResultT]]) -> ResultT:
        """Try again while tries break, with growing jittered pauses, until the patience is over."""
        now = asyncio.get_running_loop().time
        deadline = now() + self._patience_s
        tries = 0
        while True:
            tries += 1
            try:
                return await attempt(max(deadline - now(), 0.0))
            except Broken as broken:
                pause_s = random.uniform(0.5, 1.0) * min(BACKOFF_S * 2 ** min(tries - 1, 16), BACKOFF_LIMIT_S)
                if now() + pause_s >= deadline:
                    self._give_up(what, tries, broken)
            await asyncio.sleep(pause_s)

    def _give_up(self, what: str, tries: int, broken: Broken) -> NoReturn:
        counted = "1 try" if tries == 1 else f"{tries} tries"
        raise ArtifactUnavailable(f"{what} within {self._patience_s:g} s ({counted}): {broken}") from broken


@contextmanager
def _whole(path: Path) -> Iterator[BinaryIO]:
    """A file that takes its name when the block has succeeded, and is gone when it has not."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        with Path(name).open("wb") as sink:
            yield sink
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _Digests:
    """MD5 and SHA-256 of a content, as hex digits, and its size."""

    md5: str
    sha256: str
    size_bytes: int


def _digests(content: BinaryIO) -> _Digests:
    md5, sha256, size_bytes = hashlib.md5(usedforsecurity=False), hashlib.sha256(), 0
    while chunk := content.read(CHUNK_BYTES):
        md5.update(chunk)
        sha256.update(chunk)
        size_bytes += len(chunk)
    return _Digests(md5.hexdigest(), sha256.hexdigest(), size_bytes)


def _digests_of(path: Path) -> _Digests:
    with path.open("rb") as content:
        return _digests(content)
