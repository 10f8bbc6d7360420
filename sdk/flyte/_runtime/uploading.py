"""One content on its way into the artifact store: at once, or in parts that are sent side by side.

What has arrived stays: a try that breaks off is followed by one that sends what is missing.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from flyte._runtime.artifact_errors import ArtifactRefused
from flyte._runtime.contents import Digests, Source
from flyte._runtime.signed_http import Broken, put_at
from flyte_schemas.artifacts import part_range
from flyte_schemas.endpoints import (
    COMPLETE_UPLOAD,
    CREATE_UPLOAD_LOCATION,
    CompleteUpload,
    CreateUploadLocation,
    PartLocation,
    UploadLocation,
)

if TYPE_CHECKING:
    from flyte._runtime.transfer import Artifacts


class Uploading:
    """One content, over as many tries as it takes; `attempt` is one."""

    def __init__(
        self, store: "Artifacts", source: Source, filename: str, digests: Digests, project: str, domain: str
    ) -> None:
        self._store = store
        self._source = source
        self._digests = digests
        parts = digests.part_md5s if len(digests.part_md5s) > 1 else ()
        self._question = CreateUploadLocation(
            project=project,
            domain=domain,
            content_md5=digests.name,
            filename=filename,
            size_bytes=digests.size_bytes,
            part_md5s=parts,
        )
        self._upload_id: str | None = None
        self._sent: set[int] = set()

    def progress(self) -> int:
        """How many parts are there."""
        return len(self._sent)

    async def attempt(self, patience_s: float) -> tuple[str, bool]:
        """One try; the URI, and whether anything was sent. Raises Broken."""
        location = await self._store.locate(CREATE_UPLOAD_LOCATION, self._next_question(), patience_s)
        if location.exists:
            return location.uri, bool(self._sent)
        if location.upload_id is None:
            await self._store.in_parts([lambda: self._send_whole(location)])
            return location.uri, True
        if location.upload_id != self._upload_id:
            self._upload_id = location.upload_id
            self._sent.clear()
        wanted = [part for part in location.parts if part.number not in self._sent]
        await self._store.in_parts([self._sending(part) for part in wanted])
        await self._complete(location.upload_id, patience_s)
        return location.uri, True

    def _next_question(self) -> CreateUploadLocation:
        if self._upload_id is None:
            return self._question
        count = len(self._digests.part_md5s)
        missing = tuple(number for number in range(1, count + 1) if number not in self._sent)
        # Of an upload whose parts are all there one part is named: no wish would mean all.
        changes = {"upload_id": self._upload_id, "wanted": missing or (1,)}
        return self._question.model_copy(update=changes)

    def _send_whole(self, location: UploadLocation) -> None:
        if location.signed_url is None:
            raise Broken("the dataproxy named neither an object nor a place to put it")
        size = self._digests.size_bytes
        put_at(location.signed_url, location.headers, lambda: self._source.pieces(0, size), size)

    def _sending(self, part: PartLocation) -> Callable[[], None]:
        start, end = part_range(self._digests.size_bytes, part.number)

        def send() -> None:
            put_at(part.signed_url, part.headers, lambda: self._source.pieces(start, end), end - start)
            self._sent.add(part.number)

        return send

    async def _complete(self, upload_id: str, patience_s: float) -> None:
        asked = self._question
        question = CompleteUpload(
            project=asked.project,
            domain=asked.domain,
            content_md5=asked.content_md5,
            size_bytes=asked.size_bytes,
            part_md5s=asked.part_md5s,
            upload_id=upload_id,
        )
        try:
            await self._store.locate(COMPLETE_UPLOAD, question, patience_s)
        except ArtifactRefused as error:
            if error.code != "UploadLost":
                raise
            self._upload_id = None
            self._sent.clear()
            raise Broken(str(error)) from error
