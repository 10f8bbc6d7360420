"""What every place of artifacts does for a client that has its signed URLs, whoever serves them."""

import asyncio
import hashlib
import os
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from flyte._runtime.contents import BytesSource, Digests, digests_of
from flyte._runtime.transfer import ArtifactCorrupted, Artifacts
from flyte_bus.known_limits import KnownLimits
from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_bus.ports import Bus
from flyte_dataproxy.core.keys import ArtifactKey, Content
from flyte_dataproxy.endpoints import Endpoints
from flyte_dataproxy.rooms import Rooms
from flyte_dataproxy.store.memory import MemoryStore
from flyte_dataproxy.store.port import ArtifactKeep, ArtifactLocations, UploadLost
from flyte_schemas.artifacts import PART_BYTES
from flyte_schemas.endpoints import COMPLETE_UPLOAD, CREATE_DOWNLOAD_LOCATION, CREATE_UPLOAD_LOCATION

SMALL = b"some bytes" * 1000
LARGE = os.urandom(1024) * (2 * 1024**2 // 1024) + b"\0" * (PART_BYTES * 2 - 1024**2)
"""Two parts and a part of a third."""


def digests(content: bytes) -> Digests:
    """What a content is known by."""
    return digests_of(BytesSource(content))


def content_of(content: bytes, project: str = "robots") -> Content:
    """What a client would announce."""
    known = digests(content)
    key = ArtifactKey(project=project, domain="development", md5=known.name)
    return Content(key=key, size_bytes=len(content), part_md5s=known.part_md5s)


async def send(
    method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
) -> tuple[int, bytes]:
    """Status and body of the answer."""
    return await asyncio.to_thread(_send, method, url, headers, body)


def _send(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> tuple[int, bytes]:
    request = urllib.request.Request(url, data=body, headers=dict(headers), method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def rooms_of(keep: ArtifactKeep, bus: Bus, clock: Callable[[], float] = time.time) -> Rooms:
    """What projects keep in this store, on a bus where limits may be set."""
    return Rooms(keep=keep, limits=KnownLimits(bus), clock=clock, meter=bus.meter, url_ttl_s=600)


@asynccontextmanager
async def client_of(locations: ArtifactLocations) -> AsyncIterator[Artifacts]:
    """A client of these locations."""
    async with MemoryBus(MemoryServer()) as bus:
        rooms = rooms_of(MemoryStore(), bus)
        endpoints = Endpoints(locations=locations, rooms=rooms, max_object_bytes=1024**3, clock=lambda: 0.0)
        for endpoint, handler in (
            (CREATE_UPLOAD_LOCATION, endpoints.create_upload_location),
            (COMPLETE_UPLOAD, endpoints.complete_upload),
            (CREATE_DOWNLOAD_LOCATION, endpoints.create_download_location),
        ):
            serve: Any = bus.serve
            await serve(endpoint, handler)
        yield Artifacts(bus.ask, "robots", "development", patience_s=20.0)


class ArtifactLocationsCases:
    """Inherit, and give fixtures `locations` (empty), `keep` (the same store, for those who tidy up) and
    `damage`, which puts another content under a key.
    """

    @pytest.fixture
    async def artifacts(self, locations: ArtifactLocations) -> AsyncIterator[Artifacts]:
        """A client of these locations."""
        async with client_of(locations) as artifacts:
            yield artifacts

    @pytest.mark.parametrize("content", [b"", b"x", SMALL, LARGE], ids=["empty", "byte", "small", "large"])
    async def test_what_was_put_is_got_back(self, artifacts: Artifacts, content: bytes) -> None:
        stored = await artifacts.put(content, "values")
        assert (stored.uploaded, stored.size_bytes) == (True, len(content))
        assert stored.sha256 == hashlib.sha256(content).hexdigest()
        assert await artifacts.get(stored.uri, stored.sha256, stored.size_bytes) == content
        assert await artifacts.get_named(stored.uri) == content
        assert not (await artifacts.put(content, "values")).uploaded

    async def test_any_range_is_got(self, artifacts: Artifacts) -> None:
        stored = await artifacts.put(LARGE, "values")
        size = len(LARGE)
        for start, end in ((0, 10), (PART_BYTES - 5, PART_BYTES + 5), (size - 1, size), (7, 7)):
            assert await artifacts.get_range(stored.uri, start, end) == LARGE[start:end]

    async def test_what_is_not_there_has_no_size(self, locations: ArtifactLocations) -> None:
        assert await locations.stat(content_of(SMALL).key) is None
        await locations.touch(content_of(SMALL).key)
        assert await locations.stat(content_of(SMALL).key) is None

    async def test_projects_do_not_share_objects(
        self, locations: ArtifactLocations, artifacts: Artifacts
    ) -> None:
        await artifacts.put(SMALL, "values")
        assert await locations.stat(content_of(SMALL).key) is not None
        assert await locations.stat(content_of(SMALL, "humans").key) is None

    @pytest.mark.parametrize(
        "body", [SMALL[::-1], SMALL[:-1], SMALL + b"x", b""], ids=["other", "short", "long", "empty"]
    )
    async def test_a_url_takes_its_content_and_no_other(
        self, locations: ArtifactLocations, body: bytes
    ) -> None:
        content = content_of(SMALL)
        location = (await locations.upload(content, None, ())).location
        assert location is not None
        status, _ = await send("PUT", location.url, location.headers, body)
        assert status >= 400
        assert await locations.stat(content.key) is None

    @pytest.mark.parametrize(
        "tamper",
        [
            lambda url: url.replace("/robots/", "/humans/"),
            lambda url: url.replace(content_of(SMALL).key.md5, content_of(b"other").key.md5),
            lambda url: url.partition("?")[0],
            lambda url: url.replace("xpires=", "xpires=9"),
            lambda url: url.replace("ignature=", "ignature=0"),
        ],
        ids=["project", "object", "no signature", "expiry", "signature"],
    )
    async def test_a_url_that_was_tampered_with_is_good_for_nothing(
        self, locations: ArtifactLocations, artifacts: Artifacts, tamper: Callable[[str], str]
    ) -> None:
        content = content_of(SMALL)
        location = (await locations.upload(content, None, ())).location
        assert location is not None
        assert tamper(location.url) != location.url
        status, _ = await send("PUT", tamper(location.url), location.headers, SMALL)
        assert status in (400, 403)
        await artifacts.put(SMALL, "values")
        there = await locations.download_location(content.key, len(SMALL))
        status, body = await send("GET", tamper(there.url), {})
        assert status in (400, 403)
        assert SMALL[:100] not in body

    async def test_a_url_is_good_for_its_method_only(
        self, locations: ArtifactLocations, artifacts: Artifacts
    ) -> None:
        content = content_of(SMALL)
        upload = (await locations.upload(content, None, ())).location
        assert upload is not None
        await artifacts.put(SMALL, "values")
        there = await locations.download_location(content.key, len(SMALL))
        for method, url in (
            ("PUT", there.url),
            ("DELETE", there.url),
            ("GET", upload.url),
            ("DELETE", upload.url),
        ):
            status, _ = await send(method, url, {}, SMALL if method == "PUT" else None)
            assert status in (400, 403), (method, status)
        kept = await locations.stat(content.key)
        assert kept is not None
        assert kept.size_bytes == len(SMALL)

    async def test_a_large_object_appears_when_it_is_whole(self, locations: ArtifactLocations) -> None:
        content = content_of(LARGE)
        upload = await locations.upload(content, None, ())
        if upload.location is not None:
            status, _ = await send("PUT", upload.location.url, upload.location.headers, LARGE[:-1])
            assert status >= 400
            assert await locations.stat(content.key) is None
            return
        assert upload.upload_id is not None
        for part in upload.parts[:-1]:
            body = LARGE[(part.number - 1) * PART_BYTES : part.number * PART_BYTES]
            assert (await send("PUT", part.location.url, part.location.headers, body[:-1] + b"!"))[0] >= 400
            assert (await send("PUT", part.location.url, part.location.headers, body))[0] == 200
        with pytest.raises(UploadLost):
            await locations.complete(content, upload.upload_id)
        assert await locations.stat(content.key) is None
        again = await locations.upload(content, upload.upload_id, (3,))
        assert [part.number for part in again.parts] == [3]
        last = again.parts[0].location
        assert (await send("PUT", last.url, last.headers, LARGE[2 * PART_BYTES :]))[0] == 200
        for _ in range(2):  # asked twice, it is done once
            await locations.complete(content, upload.upload_id)
        kept = await locations.stat(content.key)
        assert kept is not None
        assert kept.size_bytes == len(LARGE)

    async def test_an_upload_that_nobody_knows_is_lost(self, locations: ArtifactLocations) -> None:
        with pytest.raises(UploadLost):
            await locations.complete(content_of(LARGE), "no-such-upload")

    async def test_what_is_kept_is_listed_and_removed(self, keep: ArtifactKeep, artifacts: Artifacts) -> None:
        contents = [SMALL, b"", b"x"]
        for content in contents:
            await artifacts.put(content, "values")
        found = [kept async for kept in keep.kept()]
        assert {kept.key for kept in found} == {content_of(content).key for content in contents}
        assert {kept.size_bytes for kept in found} == {len(content) for content in contents}
        assert [kept.key.path for kept in found] == sorted(kept.key.path for kept in found)
        for _ in range(2):
            await keep.remove(content_of(SMALL).key)
        assert len([kept async for kept in keep.kept()]) == 2
        assert await keep.stat(content_of(SMALL).key) is None

    async def test_damage_is_found_by_the_name(
        self, artifacts: Artifacts, damage: Callable[[ArtifactKey, bytes], Any]
    ) -> None:
        stored = await artifacts.put(LARGE, "values")
        await damage(content_of(LARGE).key, LARGE[:-1] + b"!")
        with pytest.raises(ArtifactCorrupted, match="expected md5"):
            await artifacts.get_named(stored.uri)
        with pytest.raises(ArtifactCorrupted, match="expected sha256"):
            await artifacts.get(stored.uri, stored.sha256, stored.size_bytes)
