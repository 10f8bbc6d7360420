"""The two questions that the dataproxy answers on the bus: where to put an object, where to get it."""

from dataclasses import dataclass

from flyte_bus.errors import Refusal
from flyte_dataproxy.core.keys import ArtifactKey, InvalidKey
from flyte_dataproxy.store.port import ArtifactLocations
from flyte_schemas.endpoints import (
    CreateDownloadLocation,
    CreateUploadLocation,
    DownloadLocation,
    UploadLocation,
)
from flyte_schemas.failure import Failure, FailureKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """The handlers; both raise Refusal with code `InvalidArtifactName` for names that no object can have."""

    locations: ArtifactLocations
    max_object_bytes: int

    async def create_upload_location(self, question: CreateUploadLocation) -> UploadLocation:
        """No URL when the object is there already, in this size. Raises Refusal, code `ArtifactTooLarge`."""
        key = _key_of(question)
        if question.size_bytes > self.max_object_bytes:
            raise _refusal(
                "ArtifactTooLarge",
                f"{question.filename} has {question.size_bytes} bytes; the limit is {self.max_object_bytes}",
                "Keep large files out of the code bundle, or raise FLYTE_DATAPROXY_MAX_OBJECT_BYTES.",
            )
        if await self.locations.stat(key) == question.size_bytes:
            return UploadLocation(uri=key.uri, exists=True)
        location = await self.locations.upload_location(key, question.size_bytes)
        return UploadLocation(
            uri=key.uri,
            exists=False,
            signed_url=location.url,
            headers=location.headers,
            expires_at=location.expires_at,
        )

    async def create_download_location(self, question: CreateDownloadLocation) -> DownloadLocation:
        """Raises Refusal, code `ArtifactNotFound`."""
        key = _key_in(question.uri)
        size_bytes = await self.locations.stat(key)
        if size_bytes is None:
            raise _refusal(
                "ArtifactNotFound",
                f"there is no artifact {question.uri}",
                "Deploy the task, or run it, once more: that uploads what is missing.",
            )
        location = await self.locations.download_location(key, size_bytes)
        return DownloadLocation(
            signed_url=location.url,
            headers=location.headers,
            expires_at=location.expires_at,
            size_bytes=size_bytes,
        )


def _key_of(question: CreateUploadLocation) -> ArtifactKey:
    try:
        return ArtifactKey(project=question.project, domain=question.domain, md5=question.content_md5)
    except InvalidKey as error:
        raise _invalid(error) from error


def _key_in(uri: str) -> ArtifactKey:
    try:
        return ArtifactKey.from_uri(uri)
    except InvalidKey as error:
        raise _invalid(error) from error


def _invalid(error: InvalidKey) -> Refusal:
    return _refusal("InvalidArtifactName", str(error), "Choose another name for the project or the domain.")


def _refusal(code: str, message: str, hint: str) -> Refusal:
    return Refusal(Failure(code=code, kind=FailureKind.USER, message=message, hint=hint))
