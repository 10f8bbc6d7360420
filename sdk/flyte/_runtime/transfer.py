"""Artifacts: bytes put into the artifact store and got out of it, verified, over signed URLs.

The bus says where (`CREATE_UPLOAD_LOCATION`, `CREATE_DOWNLOAD_LOCATION`); the bytes go by plain HTTP, with
nothing but the standard library, so that the SDK and a user's process load no HTTP framework. A location is
good for one try: when the connection breaks, the URL has expired or the server came back on another port,
the next try asks anew, and goes on where the last one broke off. Large objects travel in parts, several at a
time. An object is named by its MD5 (`flyte_schemas.artifacts`) and trusted by its SHA-256.
"""

import asyncio
import functools
import os
import random
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Protocol, TypeVar, TypeVarTuple

from flyte._runtime.artifact_errors import (
    ArtifactCorrupted,
    ArtifactError,
    ArtifactRefused,
    ArtifactUnavailable,
)
from flyte._runtime.contents import (
    BytesSource,
    Digests,
    FileSink,
    FileSource,
    MemorySink,
    Sink,
    Source,
    part_md5,
    sha256_of,
)
from flyte._runtime.downloading import Downloading
from flyte._runtime.signed_http import Broken, get_range
from flyte._runtime.uploading import Uploading
from flyte_schemas.artifacts import content_name, part_count
from flyte_schemas.endpoints import (
    CREATE_DOWNLOAD_LOCATION,
    AnswerT,
    AskT,
    CreateDownloadLocation,
    DownloadLocation,
    Endpoint,
)
from flyte_schemas.failure import Failure, FailureKind

__all__ = [
    "ANSWER_TIMEOUT_S",
    "PATIENCE_S",
    "ArtifactCorrupted",
    "ArtifactError",
    "ArtifactRefused",
    "ArtifactUnavailable",
    "Artifacts",
    "Ask",
    "StoredObject",
]

PATIENCE_S = 60.0
"""No new try begins when this much time has passed since the first, or since something last went well."""
ANSWER_TIMEOUT_S = 5.0
"""The longest wait for one answer: a question that reached a dataproxy just before it died gets none."""
BACKOFF_S = 0.1
"""The bound of the first pause between tries; it doubles up to `BACKOFF_LIMIT_S`."""
BACKOFF_LIMIT_S = 2.0
TRANSFERS = 8
"""How many transfers of one `Artifacts` go on at a time; more wait for their turn."""
REMEMBERED_PLACES = 64
"""Of objects of which parts are read."""

_BUGS = (TypeError, ValueError, AttributeError, LookupError, AssertionError)

ResultT = TypeVar("ResultT")
Ts = TypeVarTuple("Ts")


class Ask(Protocol):
    """The bus's `ask`. An exception that carries a `Failure` as `.failure` is the service's refusal."""

    async def __call__(self, endpoint: Endpoint[AskT, AnswerT], question: AskT, /) -> AnswerT: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """An object in the store; `uploaded` is false when it was already there and no byte was sent.

    `md5`: of an object of several parts, that of the parts' MD5s, with their number (`…-64`).
    """

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
        self._known: dict[str, DownloadLocation] = {}

    async def put(self, data: bytes | memoryview, filename: str) -> StoredObject:
        """Store `data`, sending it only when no object with its name is there.

        Raises ArtifactUnavailable; ArtifactRefused.
        """
        return await self.put_source(BytesSource(data), filename)

    async def put_file(self, path: Path, filename: str | None = None) -> StoredObject:
        """Store the content of a file, which is never in memory as a whole.

        Raises as `put` does; OSError when the file cannot be read, or changes meanwhile.
        """
        return await self.put_source(await self._aside(FileSource, path), filename or path.name)

    async def digests(self, source: Source) -> Digests:
        """What a content is known by; its parts are read side by side. Raises OSError."""
        numbers = range(1, part_count(source.size_bytes) + 1)
        sha256, *md5s = await asyncio.gather(
            self._aside(sha256_of, source, source.size_bytes),
            *(self._aside(part_md5, source, source.size_bytes, number) for number in numbers),
        )
        return Digests(tuple(md5s), sha256, source.size_bytes)

    async def put_source(self, source: Source, filename: str, digests: Digests | None = None) -> StoredObject:
        """Store a content, whose `digests` may be known already. Raises as `put_file` does."""
        digests = digests or await self.digests(source)
        upload = Uploading(self, source, filename, digests, self._project, self._domain)
        what = f"could not upload {filename} ({digests.size_bytes} bytes)"
        uri, uploaded = await self._persist(what, upload.attempt, upload.progress)
        return StoredObject(
            uri=uri,
            sha256=digests.sha256,
            md5=digests.name,
            size_bytes=digests.size_bytes,
            uploaded=uploaded,
        )

    async def get(self, uri: str, sha256: str, size_bytes: int) -> bytes:
        """The object's bytes, verified.

        Raises ArtifactCorrupted; ArtifactUnavailable; ArtifactRefused (`ArtifactNotFound`: it is not there).
        """
        sink = MemorySink()
        await self._fetch(uri, size_bytes, sink, sha256=sha256)
        return sink.taken()

    async def get_into(self, uri: str, sha256: str, size_bytes: int, sink: Sink) -> None:
        """Fill `sink` with the object, and verify it there. Raises as `get` does; what the sink raises."""
        await self._fetch(uri, size_bytes, sink, sha256=sha256)

    async def get_to_file(self, uri: str, sha256: str, size_bytes: int, path: Path) -> None:
        """Write the verified object to `path`, which appears whole or not at all.

        Raises as `get` does; OSError when the file cannot be written.
        """
        with _whole(path) as sink:
            await self._fetch(uri, size_bytes, sink, sha256=sha256)

    async def size_of(self, uri: str) -> int:
        """How many bytes the object has. Raises as `get` does."""
        return (await self.download_location(uri)).size_bytes

    async def get_named(self, uri: str) -> bytes:
        """The same as `get` for an object of which only the URI is known, which ends with its name."""
        location, sink = await self.download_location(uri), MemorySink()
        await self._fetch(uri, location.size_bytes, sink, location=location)
        return sink.taken()

    async def get_named_to_file(self, uri: str, path: Path) -> None:
        """The same as `get_to_file` for an object of which only the URI is known, which ends with its name.

        Raises as `get_to_file` does.
        """
        location = await self.download_location(uri)
        with _whole(path) as sink:
            await self._fetch(uri, location.size_bytes, sink, location=location)

    async def download_location(self, uri: str) -> DownloadLocation:
        """From where the object can be got, for a while. Raises as `get` does."""
        question = CreateDownloadLocation(uri=uri)

        async def attempt(patience_s: float) -> DownloadLocation:
            return await self.locate(CREATE_DOWNLOAD_LOCATION, question, patience_s)

        return await self._persist(f"could not look for {uri}", attempt)

    async def get_range(self, uri: str, start: int, end: int) -> bytes:
        """The object's bytes from `start` up to and without `end`, which it must have; not verified.

        Raises ArtifactUnavailable; ArtifactRefused.
        """
        got = bytearray()

        async def attempt(patience_s: float) -> bytes:
            location = await self._place_of(uri, patience_s)
            try:
                await self._aside(get_range, location, start + len(got), end, got.extend)
            except Broken:
                self._known.pop(uri, None)
                raise
            return bytes(got)

        return await self._persist(f"could not read {uri}", attempt, got.__len__)

    async def _place_of(self, uri: str, patience_s: float) -> DownloadLocation:
        """Where the object is, which is asked once as long as the answer serves."""
        if uri not in self._known:
            while len(self._known) >= REMEMBERED_PLACES:
                self._known.pop(next(iter(self._known)))
            self._known[uri] = await self.locate(
                CREATE_DOWNLOAD_LOCATION, CreateDownloadLocation(uri=uri), patience_s
            )
        return self._known[uri]

    async def _fetch(
        self,
        uri: str,
        size_bytes: int,
        sink: Sink,
        *,
        sha256: str = "",
        location: DownloadLocation | None = None,
    ) -> None:
        """Fill `sink` with the object; verify it by its SHA-256, or by its name when that is not known."""
        download = Downloading(self, uri, size_bytes, sink, sha256=sha256, location=location)
        await self._persist(f"could not download {uri}", download.attempt, download.progress)
        if sha256:
            actual = await self._aside(sha256_of, sink, size_bytes)
            if actual != sha256:
                raise ArtifactCorrupted(uri, expected=f"sha256 {sha256}", actual=f"sha256 {actual}")
            return
        numbers = range(1, part_count(size_bytes) + 1)
        md5s = await asyncio.gather(*(self._aside(part_md5, sink, size_bytes, number) for number in numbers))
        name = content_name(tuple(md5s))
        if not uri.endswith(f"/{name}"):
            raise ArtifactCorrupted(uri, expected=f"md5 {uri.rpartition('/')[2]}", actual=f"md5 {name}")

    @functools.cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(TRANSFERS, thread_name_prefix="flyte-artifacts")

    async def _aside(self, work: Callable[[*Ts], ResultT], *args: *Ts) -> ResultT:
        """Do blocking work in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)

    async def in_parts(self, works: list[Callable[[], None]]) -> None:
        """Do blocking works in threads, all of them to their end. Raises what the first to fail raised."""
        results = await asyncio.gather(*(self._aside(work) for work in works), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def locate(self, endpoint: Endpoint[AskT, AnswerT], question: AskT, patience_s: float) -> AnswerT:
        """Ask the dataproxy once. Raises Broken; ArtifactRefused."""
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

    async def _persist(
        self,
        what: str,
        attempt: Callable[[float], Awaitable[ResultT]],
        progress: Callable[[], int] = lambda: 0,
    ) -> ResultT:
        """Try again while tries break, with growing jittered pauses, until the patience is over.

        Whenever `progress` has grown, it begins anew.
        """
        now = asyncio.get_running_loop().time
        deadline, reached, tries, pauses = now() + self._patience_s, progress(), 0, 0
        while True:
            tries += 1
            try:
                return await attempt(max(deadline - now(), 0.0))
            except Broken as broken:
                if progress() > reached:
                    deadline, reached, pauses = now() + self._patience_s, progress(), 0
                pause_s = random.uniform(0.5, 1.0) * min(BACKOFF_S * 2 ** min(pauses, 16), BACKOFF_LIMIT_S)
                pauses += 1
                if now() + pause_s >= deadline:
                    self._give_up(what, tries, broken)
            await asyncio.sleep(pause_s)

    def _give_up(self, what: str, tries: int, broken: Broken) -> NoReturn:
        counted = "1 try" if tries == 1 else f"{tries} tries"
        raise ArtifactUnavailable(f"{what} within {self._patience_s:g} s ({counted}): {broken}") from broken


@contextmanager
def _whole(path: Path) -> Iterator[FileSink]:
    """A file that takes its name when the block has succeeded, and is gone when it has not."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        try:
            yield FileSink(handle)
        finally:
            os.close(handle)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
