"""The questions that the dataproxy answers on the bus: where to put an object, where to get it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from flyte_bus.errors import Refusal
from flyte_dataproxy.core.keys import ArtifactKey, Content, InvalidKey, InvalidParts
from flyte_dataproxy.rooms import Rooms
from flyte_dataproxy.settings import REQUIRED_YOUTH_S
from flyte_dataproxy.store.port import ArtifactLocations, Kept, StoreFailed, Upload, UploadLost
from flyte_schemas.endpoints import (
    CompleteUpload,
    CreateDownloadLocation,
    CreateUploadLocation,
    DownloadLocation,
    PartLocation,
    UploadCompleted,
    UploadLocation,
)
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.failure_codes import ARTIFACT_NOT_FOUND
from flyte_schemas.limits import Place
from flyte_schemas.usage import GetStored, StoredNow

_UPLOADS_ANEW = "Deploy the task, or run it, once more: that uploads what is missing."


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """The handlers. All raise Refusal with code `InvalidArtifactName` for names that no object can have, and
    `ArtifactStoreFailed` when the store does not answer: it may, later. `clock`: seconds since the epoch.
    """

    locations: ArtifactLocations
    rooms: Rooms
    max_object_bytes: int
    clock: Callable[[], float]

    async def create_upload_location(self, question: CreateUploadLocation) -> UploadLocation:
        """No URL when the object is there already, in this size.

        Raises Refusal, code `InvalidQuestion`, `ArtifactTooLarge` or `ArtifactLimitExceeded`.
        """
        content = _content_of(question)
        wanted = _numbers(content, question.wanted)
        if question.size_bytes > self.max_object_bytes:
            raise _refusal(
                "ArtifactTooLarge",
                f"{question.filename} has {question.size_bytes} bytes; the limit is {self.max_object_bytes}",
                "Keep large files out of the code bundle, or raise FLYTE_DATAPROXY_MAX_OBJECT_BYTES.",
            )
        with telling():
            kept = await self.locations.stat(content.key)
            if kept is not None and kept.size_bytes == content.size_bytes:
                await self._keep_young(kept)
                return UploadLocation(uri=content.key.uri, exists=True)
            await self.rooms.take(content.key, content.size_bytes)
            upload = await self.locations.upload(content, question.upload_id, wanted)
        return _told(content.key, upload)

    async def _keep_young(self, kept: Kept) -> None:
        """Whoever is told that an object is there relies on it: it must not be old enough to be tidied up."""
        if kept.modified < self.clock() - REQUIRED_YOUTH_S:
            await self.locations.touch(kept.key)

    async def get_stored(self, question: GetStored) -> StoredNow:
        """How much a place keeps."""
        with telling():
            return StoredNow(artifact_bytes=await self.rooms.stored(Place(question.project, question.domain)))

    async def complete_upload(self, question: CompleteUpload) -> UploadCompleted:
        """Raises Refusal, code `UploadLost` or `ArtifactLimitExceeded`."""
        content = _content_of(question)
        with telling():
            await self.rooms.take(content.key, content.size_bytes)
            try:
                await self.locations.complete(content, question.upload_id)
            except UploadLost as error:
                raise _refusal("UploadLost", f"the upload must begin anew: {error}", "") from error
        return UploadCompleted(uri=content.key.uri)

    async def create_download_location(self, question: CreateDownloadLocation) -> DownloadLocation:
        """Raises Refusal, code `ArtifactNotFound`."""
        key = _key_in(question.uri)
        with telling():
            kept = await self.locations.stat(key)
            if kept is None:
                raise _refusal(ARTIFACT_NOT_FOUND, f"there is no artifact {question.uri}", _UPLOADS_ANEW)
            location = await self.locations.download_location(key, kept.size_bytes)
        return DownloadLocation(
            signed_url=location.url,
            headers=location.headers,
            expires_at=location.expires_at,
            size_bytes=kept.size_bytes,
        )


def _told(key: ArtifactKey, upload: Upload) -> UploadLocation:
    if upload.location is not None:
        return UploadLocation(
            uri=key.uri,
            exists=False,
            signed_url=upload.location.url,
            headers=upload.location.headers,
            expires_at=upload.location.expires_at,
        )
    parts = tuple(
        PartLocation(number=part.number, signed_url=part.location.url, headers=part.location.headers)
        for part in upload.parts
    )
    return UploadLocation(
        uri=key.uri, exists=False, upload_id=upload.upload_id, parts=parts, expires_at=upload.expires_at
    )


@contextmanager
def telling() -> Iterator[None]:
    """Raises Refusal for a store that failed: whoever asked may ask again."""
    try:
        yield
    except (StoreFailed, OSError) as error:
        raise Refusal(
            Failure(
                code="ArtifactStoreFailed",
                kind=FailureKind.SYSTEM,
                message=f"the artifact store failed: {error or type(error).__name__}",
                hint="it is asked again for a while; if it stays, look at the store and the dataproxy's log",
            )
        ) from error


def _content_of(question: CreateUploadLocation | CompleteUpload) -> Content:
    """What shall be put. A content of one part needs no other digest than its name."""
    try:
        key = ArtifactKey(project=question.project, domain=question.domain, md5=question.content_md5)
        part_md5s = question.part_md5s or (question.content_md5,)
        return Content(key=key, size_bytes=question.size_bytes, part_md5s=part_md5s)
    except InvalidKey as error:
        raise _invalid(error) from error


def _numbers(content: Content, wanted: tuple[int, ...]) -> tuple[int, ...]:
    try:
        return content.numbers(wanted)
    except InvalidParts as error:
        raise _refusal("InvalidQuestion", str(error), "Name each part that is missing once.") from error


def _key_in(uri: str) -> ArtifactKey:
    try:
        return ArtifactKey.from_uri(uri)
    except InvalidKey as error:
        raise _invalid(error) from error


def _invalid(error: InvalidKey) -> Refusal:
    return _refusal("InvalidArtifactName", str(error), "Choose another name for the project or the domain.")


def _refusal(code: str, message: str, hint: str) -> Refusal:
    return Refusal(Failure(code=code, kind=FailureKind.USER, message=message, hint=hint))
