"""Memory and folder behind our own server, and a bucket of a real S3 server: the same to their clients."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flyte_bus.meter import Meter
from flyte_dataproxy.core.keys import ArtifactKey
from flyte_dataproxy.http import ArtifactServer
from flyte_dataproxy.measures import TransferMeasures
from flyte_dataproxy.settings import DataproxySettings, S3Settings
from flyte_dataproxy.store.local import LocalStore
from flyte_dataproxy.store.memory import MemoryStore
from flyte_dataproxy.store.port import StoreFailed, StoreUnusable
from flyte_dataproxy.store.s3 import S3Store
from flyte_dataproxy.store.served import ServedLocations
from flyte_schemas.artifacts import PART_BYTES
from testkit.cases.artifact_locations import (
    LARGE,
    SMALL,
    ArtifactLocationsCases,
    client_of,
    content_of,
    send,
)
from testkit.seaweed import BUCKET, SeaweedServer

SECRET = b"s" * 32


class ServedCases(ArtifactLocationsCases):
    """Behind our own server."""

    @pytest.fixture
    async def locations(
        self, keep: MemoryStore | LocalStore, settings: DataproxySettings
    ) -> AsyncIterator[ServedLocations]:
        server = await ArtifactServer.start(keep, SECRET, settings, time.time, TransferMeasures(Meter()))
        yield ServedLocations(keep, SECRET, public_url=server.url, url_ttl_s=60, clock=time.time)
        await server.stop()

    @pytest.fixture
    def damage(self, keep: MemoryStore | LocalStore) -> Callable[[ArtifactKey, bytes], Any]:
        async def write(key: ArtifactKey, content: bytes) -> None:
            await keep.remove(key)
            async with keep.writer(key) as writer:
                await writer.write(content)
                await writer.commit()

        return write


class TestMemory(ServedCases):
    @pytest.fixture
    def keep(self) -> MemoryStore:
        return MemoryStore()


class TestFolder(ServedCases):
    @pytest.fixture
    async def keep(self, tmp_path: Path) -> AsyncIterator[LocalStore]:
        store = LocalStore(tmp_path / "artifacts")
        store.prepare(stale_before=0)
        yield store
        store.close()

    async def test_files_half_written_are_counted_then_removed(
        self, keep: LocalStore, tmp_path: Path
    ) -> None:
        half = tmp_path / "artifacts" / ".incoming" / "half"
        half.write_bytes(b"half")
        assert await keep.remove_unfinished(half.stat().st_mtime - 1, apply=True) == 0
        assert await keep.remove_unfinished(half.stat().st_mtime + 1, apply=False) == 1
        assert half.exists()
        assert await keep.remove_unfinished(half.stat().st_mtime + 1, apply=True) == 1
        assert not half.exists()


@pytest.fixture
def s3(seaweed: SeaweedServer) -> S3Settings:
    """A place of its own in the bucket."""
    return S3Settings(
        bucket=BUCKET,
        prefix=f"{uuid.uuid4().hex}/",
        endpoint_url=seaweed.url,
        region="us-east-1",
        addressing_style="path",
        access_key_id=seaweed.access_key,
        secret_access_key=seaweed.secret_key,
    )


class CuttingProxy:
    """Stands between clients and a server, and cuts the first connections after some bytes, either way."""

    def __init__(self, port: int, *, cuts: int, after_bytes: int) -> None:
        self._port = port
        self._after_bytes = after_bytes
        self._open: set[asyncio.StreamWriter] = set()
        self.cuts = cuts

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, onwards = await asyncio.open_connection("127.0.0.1", self._port)
        self._open |= {writer, onwards}
        ways = (self._pass(reader, onwards, writer), self._pass(there, writer, onwards))
        await asyncio.gather(*ways, return_exceptions=True)

    async def close(self) -> None:
        """Cut what is left: connections that a client keeps for later."""
        for stream in self._open:
            stream.transport.abort()
        await asyncio.gather(*(stream.wait_closed() for stream in self._open), return_exceptions=True)

    async def _pass(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, other: asyncio.StreamWriter
    ) -> None:
        passed = 0
        while chunk := await source.read(1 << 16):
            passed += len(chunk)
            if passed > self._after_bytes and self.cuts:
                self.cuts -= 1
                target.transport.abort()
                other.transport.abort()
                return
            target.write(chunk)
            await target.drain()
        target.transport.abort()
        other.transport.abort()


class TestS3(ArtifactLocationsCases):
    @pytest.fixture
    async def locations(self, s3: S3Settings) -> AsyncIterator[S3Store]:
        async with S3Store.opened(s3, url_ttl_s=60, clock=time.time) as store:
            yield store

    @pytest.fixture
    def keep(self, locations: S3Store) -> S3Store:
        return locations

    @pytest.fixture
    def damage(self, seaweed: SeaweedServer, s3: S3Settings) -> Callable[[ArtifactKey, bytes], Any]:
        async def write(key: ArtifactKey, content: bytes) -> None:
            client = seaweed.client()
            client.put_object(Bucket=s3.bucket, Key=f"{s3.prefix}{key.path}", Body=content)
            client.close()

        return write

    async def test_uploads_that_nobody_completed_are_counted_then_removed(self, locations: S3Store) -> None:
        content = content_of(LARGE)
        upload = await locations.upload(content, None, ())
        assert upload.upload_id is not None
        assert await locations.remove_unfinished(time.time() - 3600, apply=True) == 0
        assert await locations.remove_unfinished(time.time() + 3600, apply=False) == 1
        assert await locations.remove_unfinished(time.time() + 3600, apply=True) == 1
        assert await locations.remove_unfinished(time.time() + 3600, apply=True) == 0

    async def test_a_touched_object_is_young_again_and_the_same(
        self, locations: S3Store, artifacts: Any
    ) -> None:
        stored = await artifacts.put(SMALL, "values")
        before = await locations.stat(content_of(SMALL).key)
        await locations.touch(content_of(SMALL).key)
        after = await locations.stat(content_of(SMALL).key)
        assert before is not None
        assert after is not None
        assert after.modified >= before.modified
        assert await artifacts.get(stored.uri, stored.sha256, stored.size_bytes) == SMALL

    async def test_a_large_object_is_touched_part_by_part(
        self, locations: S3Store, artifacts: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("flyte_dataproxy.store.s3.COPY_LIMIT_BYTES", 1000)
        stored = await artifacts.put(LARGE, "values")
        await locations.touch(content_of(LARGE).key)
        assert await artifacts.get_named(stored.uri) == LARGE
        assert await locations.remove_unfinished(time.time() + 3600, apply=False) == 0

    async def test_lines_that_break_delay_a_large_transfer_and_lose_nothing(self, s3: S3Settings) -> None:
        port = int(str(s3.endpoint_url).rpartition(":")[2])
        proxy = CuttingProxy(port, cuts=5, after_bytes=PART_BYTES // 3)
        async with await asyncio.start_server(proxy.serve, "127.0.0.1", 0) as server:
            public = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            opened = S3Store.opened(replace(s3, public_url=public), url_ttl_s=60, clock=time.time)
            async with opened as store, client_of(store) as artifacts:
                stored = await artifacts.put(LARGE, "values")
                assert (proxy.cuts, stored.uploaded) == (0, True)
                proxy.cuts = 5
                assert await artifacts.get(stored.uri, stored.sha256, stored.size_bytes) == LARGE
                assert proxy.cuts == 0
            await proxy.close()

    async def test_a_url_that_expired_is_good_for_nothing_and_says_so(
        self, s3: S3Settings, artifacts: Any
    ) -> None:
        await artifacts.put(SMALL, "values")
        async with S3Store.opened(s3, url_ttl_s=1, clock=time.time) as hasty:
            location = await hasty.download_location(content_of(SMALL).key, len(SMALL))
        deadline = time.monotonic() + 30
        while (answer := await send("GET", location.url, {}))[0] == 200 and time.monotonic() < deadline:
            pass
        assert answer[0] in (400, 403)
        assert b"xpired" in answer[1]

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"access_key_id": "nobody"}, "FLYTE_AWS_ACCESS_KEY_ID .InvalidAccessKeyId"),
            ({"secret_access_key": "wrong"}, "FLYTE_AWS_SECRET_ACCESS_KEY .SignatureDoesNotMatch"),
            ({"access_key_id": None, "secret_access_key": None}, "there are no keys for it"),
            ({"bucket": "no-such-bucket"}, "create it, or name another one .NoSuchBucket"),
        ],
        ids=["access key", "secret key", "no key", "bucket"],
    )
    async def test_what_can_never_work_is_told_at_the_start(
        self,
        s3: S3Settings,
        changes: dict[str, Any],
        said: str,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
            monkeypatch.delenv(variable, raising=False)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
        with pytest.raises(StoreUnusable, match=said):
            async with S3Store.opened(replace(s3, **changes), url_ttl_s=60, clock=time.time):
                pass

    async def test_an_endpoint_that_is_away_is_no_reason_not_to_start(self, s3: S3Settings) -> None:
        away = replace(s3, endpoint_url="http://127.0.0.1:9")
        async with S3Store.opened(away, url_ttl_s=60, clock=time.time) as store:
            with pytest.raises(StoreFailed, match="cannot be reached"):
                await store.stat(content_of(SMALL).key)

    async def test_clients_may_know_the_endpoint_by_another_address(
        self, s3: S3Settings, artifacts: Any
    ) -> None:
        await artifacts.put(SMALL, "values")
        public = str(s3.endpoint_url).replace("127.0.0.1", "localhost")
        async with S3Store.opened(replace(s3, public_url=public), url_ttl_s=60, clock=time.time) as store:
            location = await store.download_location(content_of(SMALL).key, len(SMALL))
        assert location.url.startswith(public)
        assert await send("GET", location.url, {}) == (200, SMALL)
