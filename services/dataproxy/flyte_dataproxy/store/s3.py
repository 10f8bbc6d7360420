"""Objects in an S3 bucket: clients send and fetch the bytes by URLs that S3 itself verifies.

What a URL permits is signed with it: the object, its length and its MD5. S3 refuses everything else, and
shows an object when it is whole. A large object is sent in parts, each with its own MD5, and its name follows
from these (`flyte_schemas.artifacts`): a store that has verified the parts has verified the object.

Only this module imports aioboto3, and it is imported when a bucket is named.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import aioboto3
import structlog
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    PartialCredentialsError,
)

from flyte_dataproxy.core.keys import ArtifactKey, Content, InvalidKey
from flyte_dataproxy.settings import S3Settings
from flyte_dataproxy.store.port import Kept, Location, Part, StoreFailed, StoreUnusable, Upload, UploadLost
from flyte_schemas.artifacts import part_count, part_range

log = structlog.get_logger()

CONNECT_TIMEOUT_S = 2.0
READ_TIMEOUT_S = 4.0
SLOW_TIMEOUT_S = 300.0
"""For what takes S3 long: to make one object of many parts, to copy a large one."""
COPY_LIMIT_BYTES = 1024**3
"""A larger object is copied part by part: S3 copies 5 GiB at once at most."""
TRIES = 3
"""How often S3 is asked; the pauses between grow and are jittered (botocore's standard mode)."""
BREATH = 16
"""So many URLs are signed (half a millisecond each, and no await that waits) before others have a turn."""

_ABSENT = ("404", "NoSuchKey", "NotFound")
_LOST = ("NoSuchUpload", "404", "InvalidPart", "InvalidPartOrder", "EntityTooSmall")
_HINTS = {
    "NoSuchBucket": "there is no such bucket: create it, or name another one",
    "InvalidAccessKeyId": "S3 does not know this access key: set FLYTE_AWS_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "the secret key is not the access key's: set FLYTE_AWS_SECRET_ACCESS_KEY",
    "RequestTimeTooSkewed": "the clock of this machine is wrong by minutes: set it right (NTP)",
    "ExpiredToken": "the session's token has expired: renew the credentials",
    "AccessDenied": "these keys may not use the bucket: they need s3:GetObject, PutObject, ListBucket, "
    "DeleteObject, AbortMultipartUpload and ListMultipartUploadParts on it",
    "403": "these keys may not use the bucket, or are wrong",
    "PermanentRedirect": "the bucket is in another region: name it with AWS_REGION",
    "AuthorizationHeaderMalformed": "the bucket is in another region: name it with AWS_REGION",
    "IllegalLocationConstraintException": "the bucket is in another region: name it with AWS_REGION",
}


_NOBODYS = ArtifactKey(project="flyte", domain="health", md5="0" * 32)


class S3Store:
    """`ArtifactLocations` and `ArtifactKeep` in a bucket; `clock` gives seconds since the epoch."""

    def __init__(
        self, settings: S3Settings, *, url_ttl_s: float, clock: Callable[[], float], held: AsyncExitStack
    ) -> None:
        self._settings = settings
        self._url_ttl_s = int(url_ttl_s)
        self._clock = clock
        self._held = held
        self._client: Any = None
        self._patient: Any = None
        self._signer: Any = None

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, settings: S3Settings, *, url_ttl_s: float, clock: Callable[[], float]
    ) -> AsyncIterator[Self]:
        """A store that is connected within the block.

        Raises StoreUnusable when S3 refuses the keys or has no such bucket; when S3 cannot be reached, that
        is for later: it may come back.
        """
        async with AsyncExitStack() as held:
            store = cls(settings, url_ttl_s=url_ttl_s, clock=clock, held=held)
            await store._connect()
            yield store

    async def _connect(self) -> None:
        settings = self._settings
        session = aioboto3.Session(
            aws_access_key_id=settings.access_key_id,
            aws_secret_access_key=settings.secret_access_key,
            region_name=settings.region,
        )
        config = Config(
            signature_version=UNSIGNED if settings.anonymous else "s3v4",
            s3={"addressing_style": settings.addressing_style},
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            retries={"mode": "standard", "total_max_attempts": TRIES},
            request_checksum_calculation="when_required",  # what speaks S3's language may not know CRCs
            response_checksum_validation="when_required",
        )
        patient = config.merge(Config(read_timeout=SLOW_TIMEOUT_S))

        async def connected(url: str | None, config: Config) -> Any:
            return await self._held.enter_async_context(session.client("s3", endpoint_url=url, config=config))

        with _named(settings.bucket):
            self._client = self._signer = await connected(settings.endpoint_url, config)
            self._patient = await connected(settings.endpoint_url, patient)
            if settings.public_url is not None:
                self._signer = await connected(settings.public_url, config)
        await self._try()

    async def _try(self) -> None:
        """Whether the keys and the bucket are good for anything."""
        try:
            await self._client.list_objects_v2(
                Bucket=self._settings.bucket, Prefix=self._settings.prefix, MaxKeys=1
            )
        except ClientError as error:
            code = _code(error)
            if code in _HINTS:
                raise StoreUnusable(f"s3://{self._settings.bucket}: {_HINTS[code]} ({code})") from error
        except (NoCredentialsError, PartialCredentialsError) as error:
            raise StoreUnusable(
                f"s3://{self._settings.bucket}: there are no keys for it: set FLYTE_AWS_ACCESS_KEY_ID "
                "and FLYTE_AWS_SECRET_ACCESS_KEY, or FLYTE_DATAPROXY_S3_ANONYMOUS=1 for a public bucket"
            ) from error
        except BotoCoreError as error:  # it may come back, and clients ask again until it has
            log.warning("dataproxy.store.away", bucket=self._settings.bucket, error=str(error))

    async def trouble(self) -> str:
        """See `ArtifactKeep`: S3 has to say that an object which nobody stored is not there."""
        await self.stat(_NOBODYS)
        return ""

    async def stat(self, key: ArtifactKey) -> Kept | None:
        """See `ArtifactLocations`."""
        with _named(self._settings.bucket):
            try:
                answer = await self._client.head_object(**self._named(key))
            except ClientError as error:
                if _code(error) in _ABSENT:
                    return None
                raise
        return Kept(key, int(answer["ContentLength"]), answer["LastModified"].timestamp())

    async def touch(self, key: ArtifactKey) -> None:
        """See `ArtifactLocations`. S3 gives an object that is copied onto itself a new time."""
        kept = await self.stat(key)
        with _named(self._settings.bucket):
            try:
                if kept is not None and kept.size_bytes > COPY_LIMIT_BYTES:
                    await self._copy_in_parts(kept)
                elif kept is not None:
                    await self._patient.copy_object(
                        **self._named(key),
                        CopySource=self._named(key),
                        MetadataDirective="REPLACE",
                        ContentType="application/octet-stream",
                    )
            except ClientError as error:
                if _code(error) not in _ABSENT:
                    raise

    async def _copy_in_parts(self, kept: Kept) -> None:
        upload_id = await self._begin(kept.key)
        for number in range(1, part_count(kept.size_bytes) + 1):
            start, end = part_range(kept.size_bytes, number)
            await self._patient.upload_part_copy(
                **self._named(kept.key),
                UploadId=upload_id,
                PartNumber=number,
                CopySource=self._named(kept.key),
                CopySourceRange=f"bytes={start}-{end - 1}",
            )
        await self._join(kept.key, upload_id, await self._parts(kept.key, upload_id))

    async def upload(self, content: Content, upload_id: str | None, wanted: tuple[int, ...]) -> Upload:
        """See `ArtifactLocations`."""
        with _named(self._settings.bucket):
            if len(content.part_md5s) == 1:
                location = await self._put(content, content.part_md5s[0], content.size_bytes, "put_object")
                return Upload(location=location)
            upload_id = upload_id or await self._begin(content.key)
            parts: list[Part] = []
            for number in content.numbers(wanted):
                parts.append(Part(number, await self._put_part(content, upload_id, number)))
                if not len(parts) % BREATH:
                    await asyncio.sleep(0)
        return Upload(upload_id=upload_id, parts=tuple(parts), expires_at=self._expiry())

    async def complete(self, content: Content, upload_id: str) -> None:
        """See `ArtifactLocations`."""
        with _named(self._settings.bucket):
            try:
                parts = await self._parts(content.key, upload_id)
                if set(parts) != set(range(1, len(content.part_md5s) + 1)):
                    raise UploadLost(f"{len(parts)} of {len(content.part_md5s)} parts are there")
                await self._join(content.key, upload_id, parts)
            except ClientError as error:
                if _code(error) not in _LOST:
                    raise
                there = await self.stat(content.key)
                if there is None or there.size_bytes != content.size_bytes:
                    raise UploadLost(f"S3 knows nothing of the upload any more ({_code(error)})") from error

    async def download_location(self, key: ArtifactKey, size_bytes: int) -> Location:
        """See `ArtifactLocations`."""
        with _named(self._settings.bucket):
            return Location(url=await self._signed("get_object", self._named(key)), expires_at=self._expiry())

    async def kept(self, after: str = "") -> AsyncIterator[Kept]:
        """See `ArtifactKeep`."""
        with _named(self._settings.bucket):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._settings.bucket,
                Prefix=self._settings.prefix,
                StartAfter=f"{self._settings.prefix}{after}",
            )
            async for page in pages:
                for found in page.get("Contents", ()):
                    key = self._key_of(found["Key"])
                    if key is not None:
                        yield Kept(key, int(found["Size"]), found["LastModified"].timestamp())

    async def remove(self, key: ArtifactKey) -> None:
        """See `ArtifactKeep`."""
        with _named(self._settings.bucket):
            await self._client.delete_object(**self._named(key))

    async def remove_unfinished(self, before: float, *, apply: bool) -> int:
        """See `ArtifactKeep`."""
        count = 0
        with _named(self._settings.bucket):
            pages = self._client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self._settings.bucket, Prefix=self._settings.prefix
            )
            uploads = [found async for page in pages for found in page.get("Uploads", ())]
            for found in uploads:
                if self._key_of(found["Key"]) is None or found["Initiated"].timestamp() >= before:
                    continue
                count += 1
                if apply:
                    await self._client.abort_multipart_upload(
                        Bucket=self._settings.bucket, Key=found["Key"], UploadId=found["UploadId"]
                    )
        return count

    async def _begin(self, key: ArtifactKey) -> str:
        answer = await self._client.create_multipart_upload(
            **self._named(key), ContentType="application/octet-stream"
        )
        return str(answer["UploadId"])

    async def _join(self, key: ArtifactKey, upload_id: str, parts: dict[int, str]) -> None:
        listed = [{"PartNumber": number, "ETag": parts[number]} for number in sorted(parts)]
        await self._patient.complete_multipart_upload(
            **self._named(key), UploadId=upload_id, MultipartUpload={"Parts": listed}
        )

    async def _parts(self, key: ArtifactKey, upload_id: str) -> dict[int, str]:
        """The ETags of the parts that are there, by number."""
        pages = self._client.get_paginator("list_parts").paginate(**self._named(key), UploadId=upload_id)
        return {part["PartNumber"]: part["ETag"] async for page in pages for part in page.get("Parts", ())}

    async def _put_part(self, content: Content, upload_id: str, number: int) -> Location:
        start, end = part_range(content.size_bytes, number)
        return await self._put(
            content,
            content.part_md5s[number - 1],
            end - start,
            "upload_part",
            UploadId=upload_id,
            PartNumber=number,
        )

    async def _put(self, content: Content, md5: str, size: int, method: str, **more: Any) -> Location:
        digest = base64.b64encode(bytes.fromhex(md5)).decode()
        parameters = {**self._named(content.key), "ContentMD5": digest, "ContentLength": size, **more}
        headers = {"Content-MD5": digest}
        if method == "put_object":
            parameters["ContentType"] = headers["Content-Type"] = "application/octet-stream"
        return Location(
            url=await self._signed(method, parameters), headers=headers, expires_at=self._expiry()
        )

    async def _signed(self, method: str, parameters: dict[str, Any]) -> str:
        url: str = await self._signer.generate_presigned_url(
            method, Params=parameters, ExpiresIn=self._url_ttl_s
        )
        return url

    def _expiry(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC) + timedelta(seconds=self._url_ttl_s)

    def _named(self, key: ArtifactKey) -> dict[str, Any]:
        return {"Bucket": self._settings.bucket, "Key": f"{self._settings.prefix}{key.path}"}

    def _key_of(self, name: str) -> ArtifactKey | None:
        """What an object of the bucket is to us; None when it is not ours."""
        try:
            return ArtifactKey.from_path(name.removeprefix(self._settings.prefix))
        except InvalidKey:
            return None


@contextmanager
def _named(bucket: str) -> Iterator[None]:
    """S3's errors as ours."""
    try:
        yield
    except ClientError as error:
        code = _code(error)
        said = _HINTS.get(code) or error.response.get("Error", {}).get("Message") or "no reason was given"
        raise StoreFailed(f"s3://{bucket}: {said} ({code})") from error
    except (BotoCoreError, OSError) as error:
        raise StoreFailed(f"s3://{bucket} cannot be reached: {error or type(error).__name__}") from error


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
