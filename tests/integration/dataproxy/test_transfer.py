"""The client's side: put and get through a real server, through all that can go wrong between them."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from flyte._runtime.transfer import ArtifactCorrupted, ArtifactRefused, Artifacts, ArtifactUnavailable
from flyte_bus.memory import MemoryBus
from flyte_dataproxy.app import DataproxyService, build
from flyte_dataproxy.settings import DataproxySettings
from flyte_schemas.endpoints import CreateUploadLocation, Ping, UploadLocation, ping_endpoint
from testkit.cases.artifact_store import CONTENT, key_of

KEY = key_of(CONTENT)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
LARGE = os.urandom(8 * 1024**2)


class Asked:
    """A bus's `ask` that first lets `meddle` see and change each answer."""

    def __init__(self, bus: MemoryBus, meddle: Callable[[int, Any], Awaitable[Any]] | None = None) -> None:
        self._bus = bus
        self._meddle = meddle
        self.count = 0

    async def __call__(self, endpoint: Any, question: Any, /) -> Any:
        answer = await self._bus.ask(endpoint, question)
        self.count += 1
        return answer if self._meddle is None else await self._meddle(self.count, answer)


@asynccontextmanager
async def breaking_server(url: str, after_bytes: int) -> AsyncIterator[str]:
    """A stand-in for the server of `url`: it reads that many bytes of each request, then cuts the line."""

    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(after_bytes)
        writer.transport.abort()

    server = await asyncio.start_server(cut, "127.0.0.1", 0)
    async with server:
        yield url.replace(str(urlsplit(url).port), str(server.sockets[0].getsockname()[1]))


async def test_bytes_are_put_once_and_got_back(
    dataproxy: DataproxyService, artifacts: Artifacts, folder: Any
) -> None:
    stored = await artifacts.put(CONTENT, "bundle.tar.gz")
    assert (stored.uri, stored.sha256, stored.md5) == (KEY.uri, SHA256, KEY.md5)
    assert (stored.size_bytes, stored.uploaded) == (len(CONTENT), True)
    assert folder.files() == [KEY.path]
    assert await artifacts.get(stored.uri, stored.sha256, stored.size_bytes) == CONTENT


async def test_what_is_there_is_not_sent_again(dataproxy: DataproxyService, artifacts: Artifacts) -> None:
    first = await artifacts.put(CONTENT, "bundle.tar.gz")
    assert await artifacts.put(CONTENT, "other-name.tar.gz") == replace(first, uploaded=False)


async def test_nothing_and_much_travel_alike(dataproxy: DataproxyService, artifacts: Artifacts) -> None:
    for content in (b"", b"x", LARGE):
        stored = await artifacts.put(content, "values.json")
        assert await artifacts.get(stored.uri, stored.sha256, stored.size_bytes) == content


async def test_twenty_puts_and_gets_at_once(dataproxy: DataproxyService, artifacts: Artifacts) -> None:
    async def there_and_back(number: int) -> None:
        content = b"%d" % (number % 5) * 100_000
        stored = await artifacts.put(content, "values.json")
        assert await artifacts.get(stored.uri, stored.sha256, stored.size_bytes) == content

    await asyncio.gather(*(there_and_back(number) for number in range(20)))


async def test_a_file_appears_whole(
    dataproxy: DataproxyService, artifacts: Artifacts, tmp_path: Path
) -> None:
    stored = await artifacts.put(LARGE, "bundle.tar.gz")
    (tmp_path / "cache").mkdir()
    await artifacts.get_to_file(stored.uri, stored.sha256, stored.size_bytes, tmp_path / "cache" / "bundle")
    assert (tmp_path / "cache" / "bundle").read_bytes() == LARGE
    assert len(list((tmp_path / "cache").iterdir())) == 1


async def test_damage_in_the_store_is_found_by_digest_and_leaves_no_file(
    dataproxy: DataproxyService, artifacts: Artifacts, folder: Any, tmp_path: Path
) -> None:
    stored = await artifacts.put(CONTENT, "bundle.tar.gz")
    damaged = CONTENT[:-1] + b"X"
    (folder.root / KEY.path).write_bytes(damaged)
    with pytest.raises(ArtifactCorrupted) as caught:
        await artifacts.get(stored.uri, stored.sha256, stored.size_bytes)
    assert SHA256 in str(caught.value)
    assert hashlib.sha256(damaged).hexdigest() in str(caught.value)
    (tmp_path / "cache").mkdir()
    with pytest.raises(ArtifactCorrupted):
        await artifacts.get_to_file(
            stored.uri, stored.sha256, stored.size_bytes, tmp_path / "cache" / "bundle"
        )
    assert list((tmp_path / "cache").iterdir()) == []


async def test_a_truncated_object_is_found_and_healed_by_the_next_put(
    dataproxy: DataproxyService, artifacts: Artifacts, folder: Any
) -> None:
    stored = await artifacts.put(CONTENT, "bundle.tar.gz")
    (folder.root / KEY.path).write_bytes(CONTENT[:10])
    with pytest.raises(ArtifactCorrupted, match="10 bytes"):
        await artifacts.get(stored.uri, stored.sha256, stored.size_bytes)
    assert (await artifacts.put(CONTENT, "bundle.tar.gz")).uploaded
    assert await artifacts.get(stored.uri, stored.sha256, stored.size_bytes) == CONTENT


async def test_what_is_not_there_is_refused_at_once(
    dataproxy: DataproxyService, artifacts: Artifacts
) -> None:
    with pytest.raises(ArtifactRefused, match="there is no artifact") as caught:
        await artifacts.get(KEY.uri, SHA256, len(CONTENT))
    assert caught.value.code == "ArtifactNotFound"
    assert caught.value.hint


@pytest.mark.parametrize("uri", ["flyte://artifacts/../../etc/passwd", "s3://bucket/key", "/etc/passwd"])
async def test_a_uri_that_names_no_object_is_refused(
    dataproxy: DataproxyService, artifacts: Artifacts, uri: str
) -> None:
    with pytest.raises(ArtifactRefused) as caught:
        await artifacts.get(uri, SHA256, len(CONTENT))
    assert caught.value.code == "InvalidQuestion"
    assert "not the URI of an artifact" in str(caught.value)


async def test_a_project_that_could_be_a_path_is_refused(dataproxy: DataproxyService, bus: MemoryBus) -> None:
    with pytest.raises(ArtifactRefused) as caught:
        await Artifacts(bus.ask, "robots/x", "development").put(CONTENT, "bundle.tar.gz")
    assert caught.value.code == "InvalidArtifactName"


async def test_what_is_larger_than_the_limit_is_refused_before_it_is_sent(
    dataproxy: DataproxyService, bus: MemoryBus, settings: DataproxySettings, folder: Any
) -> None:
    artifacts = Artifacts(bus.ask, "robots", "development")
    with pytest.raises(ArtifactRefused, match="the limit is") as caught:
        await artifacts.put(b"\0" * (settings.max_object_bytes + 1), "bundle.tar.gz")
    assert caught.value.code == "ArtifactTooLarge"
    assert folder.files() == []


async def test_an_expired_url_is_asked_for_anew(
    dataproxy: DataproxyService, bus: MemoryBus, folder: Any
) -> None:
    async def expire_first(count: int, answer: UploadLocation) -> UploadLocation:
        if count > 1:
            return answer
        url = folder.url(dataproxy.url, "PUT", KEY, len(CONTENT), ttl_s=-1)
        return answer.model_copy(update={"signed_url": url})

    ask = Asked(bus, expire_first)
    assert (await Artifacts(ask, "robots", "development").put(CONTENT, "bundle.tar.gz")).uploaded
    assert ask.count == 2


async def test_a_line_that_breaks_in_the_middle_of_a_put_is_tried_again(
    dataproxy: DataproxyService, bus: MemoryBus
) -> None:
    async with breaking_server(dataproxy.url, after_bytes=100_000) as broken_url:

        async def break_first(count: int, answer: UploadLocation) -> UploadLocation:
            if count > 2 or answer.signed_url is None:
                return answer
            url = answer.signed_url.replace(dataproxy.url, broken_url)
            return answer.model_copy(update={"signed_url": url})

        ask = Asked(bus, break_first)
        stored = await Artifacts(ask, "robots", "development").put(LARGE, "bundle.tar.gz")
    assert ask.count == 3
    artifacts = Artifacts(bus.ask, "robots", "development")
    assert await artifacts.get(stored.uri, stored.sha256, stored.size_bytes) == LARGE


async def test_a_get_that_ends_early_is_tried_again(dataproxy: DataproxyService, bus: MemoryBus) -> None:
    stored = await Artifacts(bus.ask, "robots", "development").put(CONTENT, "bundle.tar.gz")

    async def answer_half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(CONTENT)}\r\n\r\n".encode() + CONTENT[:100])
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer_half, "127.0.0.1", 0) as half:
        half_url = f"http://127.0.0.1:{half.sockets[0].getsockname()[1]}/"

        async def half_first(count: int, answer: Any) -> Any:
            return answer.model_copy(update={"signed_url": half_url}) if count == 1 else answer

        ask = Asked(bus, half_first)
        artifacts = Artifacts(ask, "robots", "development")
        assert await artifacts.get(stored.uri, stored.sha256, stored.size_bytes) == CONTENT
    assert ask.count == 2


async def test_a_restart_on_another_port_between_asking_and_putting_is_survived(
    bus: MemoryBus, settings: DataproxySettings
) -> None:
    first = await build(bus, settings)
    second = await build(bus, settings)
    await first.start()
    urls: list[str] = []

    async def restart_once(count: int, answer: UploadLocation) -> UploadLocation:
        urls.append(answer.signed_url or "")
        if count == 1:
            await first.stop()
            await second.start()
        return answer

    try:
        stored = await Artifacts(Asked(bus, restart_once), "robots", "development").put(
            LARGE, "bundle.tar.gz"
        )
        artifacts = Artifacts(bus.ask, "robots", "development")
        assert await artifacts.get(stored.uri, stored.sha256, stored.size_bytes) == LARGE
    finally:
        await second.stop()
    assert len({urlsplit(url).port for url in urls}) == 2


async def test_a_put_before_the_dataproxy_is_there_waits_for_it(
    bus: MemoryBus, settings: DataproxySettings, artifacts: Artifacts
) -> None:
    putting = asyncio.create_task(artifacts.put(CONTENT, "bundle.tar.gz"))
    await asyncio.sleep(0)
    service = await build(bus, settings)
    await service.start()
    try:
        assert (await putting).uploaded
    finally:
        await service.stop()


async def test_when_nobody_answers_the_patience_ends_in_a_sentence(bus: MemoryBus) -> None:
    artifacts = Artifacts(bus.ask, "robots", "development", patience_s=0.3)
    with pytest.raises(ArtifactUnavailable, match=r"could not upload bundle.tar.gz .* within 0.3 s"):
        await artifacts.put(CONTENT, "bundle.tar.gz")


async def test_when_the_server_cannot_be_reached_the_sentence_says_where(
    dataproxy: DataproxyService, bus: MemoryBus
) -> None:
    async def misdirect(count: int, answer: UploadLocation) -> UploadLocation:
        return answer.model_copy(update={"signed_url": "http://127.0.0.1:9/artifacts/x"})

    artifacts = Artifacts(Asked(bus, misdirect), "robots", "development", patience_s=0.3)
    with pytest.raises(ArtifactUnavailable, match=r"127\.0\.0\.1:9: .*refused"):
        await artifacts.put(CONTENT, "bundle.tar.gz")


async def test_a_fault_in_asking_is_not_taken_for_an_outage() -> None:
    async def faulty(endpoint: Any, question: Any, /) -> Any:
        raise TypeError("a bug")

    with pytest.raises(TypeError, match="a bug"):
        await Artifacts(faulty, "robots", "development").put(CONTENT, "bundle.tar.gz")


async def test_the_question_names_what_is_about_to_come(dataproxy: DataproxyService, bus: MemoryBus) -> None:
    questions: list[CreateUploadLocation] = []

    async def listen(endpoint: Any, question: Any, /) -> Any:
        questions.append(question)
        return await bus.ask(endpoint, question)

    await Artifacts(listen, "robots", "development").put(CONTENT, "bundle.tar.gz")
    assert questions == [
        CreateUploadLocation(
            project="robots",
            domain="development",
            content_md5=KEY.md5,
            filename="bundle.tar.gz",
            size_bytes=len(CONTENT),
        )
    ]


async def test_the_dataproxy_answers_a_ping(dataproxy: DataproxyService, bus: MemoryBus) -> None:
    pong = await bus.ask(ping_endpoint("dataproxy"), Ping())
    assert (pong.service, pong.pid) == ("dataproxy", os.getpid())


async def test_a_dataproxy_that_was_stopped_answers_nothing(
    bus: MemoryBus, settings: DataproxySettings
) -> None:
    service = await build(bus, settings)
    await service.start()
    await service.stop()
    await service.stop()
    await service.wait()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", urlsplit(service.url).port)


async def test_a_file_is_put_in_pieces_and_got_by_its_name_alone(
    dataproxy: DataproxyService, artifacts: Artifacts, tmp_path: Path
) -> None:
    source, target = tmp_path / "large.bin", tmp_path / "got.bin"
    source.write_bytes(LARGE)
    stored = await artifacts.put_file(source)
    assert (stored.size_bytes, stored.uploaded) == (len(LARGE), True)
    assert not (await artifacts.put_file(source, "other.name")).uploaded
    assert await artifacts.size_of(stored.uri) == len(LARGE)
    await artifacts.get_named_to_file(stored.uri, target)
    assert target.read_bytes() == LARGE


async def test_damage_is_found_by_the_name_too(
    dataproxy: DataproxyService, artifacts: Artifacts, folder: Any, tmp_path: Path
) -> None:
    stored = await artifacts.put(CONTENT, "x")
    (folder.root / KEY.path).write_bytes(b"!" * len(CONTENT))
    with pytest.raises(ArtifactCorrupted, match="expected md5"):
        await artifacts.get_named_to_file(stored.uri, tmp_path / "got.bin")
    assert not list(tmp_path.glob("*got*"))
    with pytest.raises(ArtifactRefused) as caught:
        await artifacts.size_of(stored.uri[:-4] + "0000")
    assert caught.value.code == "ArtifactNotFound"
