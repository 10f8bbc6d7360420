"""The HTTP server as any client may treat it: signed URLs only, whole objects only."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession

from flyte_bus.listening import PortTaken
from flyte_bus.memory import MemoryBus
from flyte_dataproxy.app import DataproxyService, build
from flyte_dataproxy.settings import DataproxySettings
from testkit.cases.artifact_store import CONTENT, key_of

KEY = key_of(CONTENT)
SIZE = len(CONTENT)


@pytest.fixture
async def client() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


async def send(client: ClientSession, method: str, url: str, body: Any = None) -> tuple[int, str]:
    """Status and code of the answer; the code is empty when there is none."""
    async with client.request(method, url, data=body) as answer:
        if method == "HEAD" or answer.content_type != "application/json":
            return answer.status, ""
        return answer.status, (await answer.json()).get("code", "")


async def until(holds: Callable[[], bool]) -> None:
    """Wait for the disk, which tells nobody, for ten seconds at most."""
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)


async def test_an_object_is_put_and_got(
    dataproxy: DataproxyService, folder: Any, client: ClientSession
) -> None:
    assert await send(client, "PUT", folder.url(dataproxy.url, "PUT", KEY, SIZE), CONTENT) == (201, "")
    assert folder.files() == [KEY.path]
    async with client.get(folder.url(dataproxy.url, "GET", KEY, SIZE)) as answer:
        assert answer.content_length == SIZE
        assert await answer.read() == CONTENT


async def test_a_url_is_good_for_its_method_only(
    dataproxy: DataproxyService, folder: Any, client: ClientSession
) -> None:
    upload = folder.url(dataproxy.url, "PUT", KEY, SIZE)
    download = folder.url(dataproxy.url, "GET", KEY, SIZE)
    assert await send(client, "PUT", download, CONTENT) == (403, "SignatureMismatch")
    await send(client, "PUT", upload, CONTENT)
    for method in ("GET", "HEAD", "DELETE", "POST", "PATCH", "OPTIONS"):
        status, _ = await send(client, method, upload)
        assert status == 403
    assert folder.files() == [KEY.path]


async def test_a_url_is_good_for_its_object_size_and_time_only(
    dataproxy: DataproxyService, folder: Any, client: ClientSession
) -> None:
    url = folder.url(dataproxy.url, "PUT", KEY, SIZE)
    other = key_of(b"other")
    for tampered in (
        url.replace(KEY.path, other.path),
        url.replace("robots/", "humans/"),
        url.replace(f"size={SIZE}", f"size={SIZE + 1}"),
        url.replace("expires=1", "expires=2"),
        url.replace("signature=", "signature=0"),
        url.replace("?", "?x=1&"),
        url.partition("?")[0],
    ):
        assert tampered != url
        assert await send(client, "PUT", tampered, CONTENT) == (403, "SignatureMismatch")
    assert folder.files() == []


async def test_a_url_that_is_used_again_changes_nothing(
    dataproxy: DataproxyService, folder: Any, client: ClientSession
) -> None:
    """Whoever relies on the object keeps what he has, whatever comes by the link that brought it."""
    upload = folder.url(dataproxy.url, "PUT", KEY, SIZE)
    assert await send(client, "PUT", upload, CONTENT) == (201, "")
    stored = folder.root / KEY.path
    inode, other = stored.stat().st_ino, bytes(reversed(CONTENT))
    assert await send(client, "PUT", upload, CONTENT) == (201, "")  # who did not hear the answer asks again
    assert await send(client, "PUT", upload, other) == (422, "Md5Mismatch")
    assert await send(client, "PUT", upload, CONTENT[:-1]) == (400, "SizeMismatch")
    assert await send(client, "PUT", upload, CONTENT + b"!") == (413, "TooLarge")
    assert (stored.stat().st_ino, stored.read_bytes()) == (inode, CONTENT)
    assert folder.files() == [KEY.path]


async def test_a_url_is_over_for_who_has_used_it_before(
    dataproxy: DataproxyService, folder: Any, client: ClientSession
) -> None:
    upload, download = (folder.url(dataproxy.url, method, KEY, SIZE, ttl_s=2) for method in ("PUT", "GET"))
    assert await send(client, "PUT", upload, CONTENT) == (201, "")
    assert await send(client, "GET", download) == (200, "")

    async def answer(method: str, url: str) -> tuple[int, str]:
        return await send(client, method, url, CONTENT if method == "PUT" else None)

    async with asyncio.timeout(10):
        for method, url in (("PUT", upload), ("GET", download)):
            while (said := await answer(method, url))[0] in (200, 201):
                await asyncio.sleep(0.05)
            assert said == (403, "UrlExpired")


async def test_an_expired_url_says_so(
    dataproxy: DataproxyService, folder: Any, client: ClientSession
) -> None:
    url = folder.url(dataproxy.url, "PUT", KEY, SIZE, ttl_s=-1)
    assert await send(client, "PUT", url, CONTENT) == (403, "UrlExpired")
    assert folder.files() == []


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/artifacts/",
        "/artifacts/.secret",
        "/.secret",
        "/artifacts/../.secret",
        "/artifacts/%2e%2e/.secret",
    ],
)
async def test_no_path_leads_out_of_the_objects(dataproxy: DataproxyService, folder: Any, path: str) -> None:
    server = urlsplit(dataproxy.url)
    query = folder.url("", "GET", KEY, SIZE).partition("?")[2]
    request = f"GET {path}?{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    reader, writer = await asyncio.open_connection(server.hostname, server.port)
    writer.write(request.encode())
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 403 ")


async def test_other_content_is_refused_by_its_digest(
    dataproxy: DataproxyService, folder: Any, client: ClientSession
) -> None:
    url = folder.url(dataproxy.url, "PUT", KEY, SIZE)
    assert await send(client, "PUT", url, CONTENT[::-1]) == (422, "Md5Mismatch")
    assert folder.files() == []


async def test_a_body_that_ends_early_is_refused(
    dataproxy: DataproxyService, folder: Any, client: ClientSession
) -> None:
    url = folder.url(dataproxy.url, "PUT", KEY, SIZE)
    assert await send(client, "PUT", url, CONTENT[:-1]) == (400, "SizeMismatch")
    assert folder.files() == []


async def test_a_body_that_announces_too_much_is_refused_unread(
    dataproxy: DataproxyService, folder: Any, client: ClientSession
) -> None:
    url = folder.url(dataproxy.url, "PUT", KEY, SIZE)
    assert await send(client, "PUT", url, CONTENT + b"x") == (413, "TooLarge")
    assert folder.files() == []


async def test_an_endless_body_is_cut_off(dataproxy: DataproxyService, folder: Any) -> None:
    url = urlsplit(folder.url(dataproxy.url, "PUT", KEY, SIZE))
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(
        f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    )
    answered = asyncio.create_task(reader.readline())
    piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with pytest.raises(ConnectionError):
        while True:
            writer.write(piece)
            await writer.drain()
    assert b" 413 " in await answered
    writer.close()
    assert folder.files() == []


async def test_an_upload_that_breaks_off_never_appears(dataproxy: DataproxyService, folder: Any) -> None:
    url = urlsplit(folder.url(dataproxy.url, "PUT", KEY, SIZE))
    head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: x\r\nContent-Length: {SIZE}\r\n\r\n".encode()
    _, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(head + CONTENT[: SIZE // 2])
    await writer.drain()
    await until(lambda: bool(folder.files()))
    assert all(name.startswith(".incoming/") for name in folder.files())
    writer.transport.abort()
    await until(lambda: not folder.files())


async def test_an_upload_that_stands_still_is_dropped(bus: MemoryBus, tmp_path: Path, folder: Any) -> None:
    service = await build(bus, DataproxySettings(root=tmp_path / "artifacts", idle_timeout_s=0.2))
    await service.start()
    try:
        url = urlsplit(folder.url(service.url, "PUT", KEY, SIZE))
        head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: x\r\nContent-Length: {SIZE}\r\n\r\n".encode()
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        writer.write(head + CONTENT[:10])
        async with asyncio.timeout(10):
            assert b" 408 " in await reader.readline()
        writer.close()
        assert folder.files() == []
    finally:
        await service.stop()


async def test_ten_uploads_of_one_object_at_once_all_succeed(
    dataproxy: DataproxyService, folder: Any, client: ClientSession
) -> None:
    url = folder.url(dataproxy.url, "PUT", KEY, SIZE)
    answers = await asyncio.gather(*(send(client, "PUT", url, CONTENT) for _ in range(10)))
    assert answers == [(201, "")] * 10
    assert folder.files() == [KEY.path]


async def test_getting_what_is_not_there_is_a_404(
    dataproxy: DataproxyService, folder: Any, client: ClientSession
) -> None:
    url = folder.url(dataproxy.url, "GET", KEY, SIZE)
    assert await send(client, "GET", url) == (404, "ArtifactNotFound")


async def test_a_taken_port_is_said_with_the_variable_that_changes_it(
    bus: MemoryBus, dataproxy: DataproxyService, tmp_path: Path
) -> None:
    port = urlsplit(dataproxy.url).port
    assert port is not None
    second = await build(bus, DataproxySettings(root=tmp_path / "other", port=port))
    with pytest.raises(PortTaken, match="FLYTE_DATAPROXY_PORT"):
        await second.start()
