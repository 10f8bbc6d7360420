"""Locations on our own HTTP server, for stores that cannot serve their objects themselves."""

import math
from collections.abc import Callable
from datetime import UTC, datetime

from flyte_dataproxy.core.keys import ArtifactKey, Content
from flyte_dataproxy.core.signing import Grant, Method, sign, to_query
from flyte_dataproxy.store.port import ArtifactStore, Kept, Location, Upload, UploadLost

PATH_PREFIX = "/artifacts/"


class ServedLocations:
    """`ArtifactLocations` that point to `public_url`; `clock` gives seconds since the epoch."""

    def __init__(
        self,
        store: ArtifactStore,
        secret: bytes,
        *,
        public_url: str,
        url_ttl_s: float,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._secret = secret
        self._public_url = public_url.rstrip("/")
        self._url_ttl_s = url_ttl_s
        self._clock = clock

    async def stat(self, key: ArtifactKey) -> Kept | None:
        """See `ArtifactLocations`."""
        return await self._store.stat(key)

    async def touch(self, key: ArtifactKey) -> None:
        """See `ArtifactLocations`."""
        await self._store.touch(key)

    async def upload(self, content: Content, upload_id: str | None, wanted: tuple[int, ...]) -> Upload:
        """See `ArtifactLocations`. The server hashes as it receives: an object of any size comes at once."""
        headers = {"Content-Type": "application/octet-stream"}
        return Upload(location=self._location("PUT", content.key, content.size_bytes, headers))

    async def complete(self, content: Content, upload_id: str) -> None:
        """See `ArtifactLocations`: no upload here has parts."""
        raise UploadLost("this store takes objects at once")

    async def download_location(self, key: ArtifactKey, size_bytes: int) -> Location:
        """See `ArtifactLocations`."""
        return self._location("GET", key, size_bytes, {})

    def _location(self, method: Method, key: ArtifactKey, size: int, headers: dict[str, str]) -> Location:
        expires_at = math.ceil(self._clock() + self._url_ttl_s)
        signed = sign(self._secret, Grant(method=method, key=key, size_bytes=size, expires_at=expires_at))
        return Location(
            url=f"{self._public_url}{PATH_PREFIX}{key.path}?{to_query(signed)}",
            headers=headers,
            expires_at=datetime.fromtimestamp(expires_at, UTC),
        )
