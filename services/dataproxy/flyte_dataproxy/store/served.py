"""Locations on our own HTTP server, for stores that cannot serve their objects themselves."""

import math
from collections.abc import Callable
from datetime import UTC, datetime

from flyte_dataproxy.core.keys import ArtifactKey
from flyte_dataproxy.core.signing import Grant, Method, sign, to_query
from flyte_dataproxy.store.port import ArtifactStore, Location

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

    async def stat(self, key: ArtifactKey) -> int | None:
        """See `ArtifactLocations`."""
        return await self._store.stat(key)

    async def upload_location(self, key: ArtifactKey, size_bytes: int) -> Location:
        """See `ArtifactLocations`."""
        return self._location("PUT", key, size_bytes, {"Content-Type": "application/octet-stream"})

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
