"""One object on its way out of the artifact store, its parts side by side.

What has come stays: a try that breaks off is followed by one that fetches what is missing.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from flyte._runtime.artifact_errors import ArtifactCorrupted
from flyte._runtime.contents import Sink
from flyte._runtime.signed_http import get_range
from flyte_schemas.artifacts import part_count, part_range
from flyte_schemas.endpoints import CREATE_DOWNLOAD_LOCATION, CreateDownloadLocation, DownloadLocation

if TYPE_CHECKING:
    from flyte._runtime.transfer import Artifacts


class Downloading:
    """One object, over as many tries as it takes; `attempt` is one, and the first may know a `location`."""

    def __init__(
        self,
        store: "Artifacts",
        uri: str,
        size_bytes: int,
        sink: Sink,
        *,
        sha256: str = "",
        location: DownloadLocation | None = None,
    ) -> None:
        self._store = store
        self._question = CreateDownloadLocation(uri=uri)
        self._size_bytes = size_bytes
        self._sink = sink
        self._sha256 = sha256
        self._location = location
        self._got = dict.fromkeys(range(1, part_count(size_bytes) + 1), 0)

    def progress(self) -> int:
        """How many bytes are there."""
        return sum(self._got.values())

    async def attempt(self, patience_s: float) -> None:
        """One try. Raises Broken; ArtifactCorrupted."""
        location, self._location = self._location, None
        if location is None:
            location = await self._store.locate(CREATE_DOWNLOAD_LOCATION, self._question, patience_s)
        if location.size_bytes != self._size_bytes:
            known = f" with sha256 {self._sha256}" if self._sha256 else ""
            raise ArtifactCorrupted(
                self._question.uri,
                expected=f"{self._size_bytes} bytes{known}",
                actual=f"{location.size_bytes} bytes",
            )
        self._sink.prepare(self._size_bytes)
        await self._store.in_parts([self._fetching(location, number) for number in self._got])

    def _fetching(self, location: DownloadLocation, number: int) -> Callable[[], None]:
        start, end = part_range(self._size_bytes, number)

        def take(piece: memoryview) -> None:
            self._sink.write_at(start + self._got[number], piece)
            self._got[number] += len(piece)

        def fetch() -> None:
            get_range(location, start + self._got[number], end, take)

        return fetch
