"""The artifact store over HTTPS: whom clients trust, what a refusal says, certificates that are renewed."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from flyte._runtime.signed_http import _pool
from flyte._runtime.transfer import Artifacts, ArtifactUnavailable
from flyte_bus.listening import listen
from flyte_bus.memory import MemoryBus
from flyte_bus.tls import Certificate
from flyte_dataproxy.app import DataproxyService, build
from flyte_dataproxy.settings import DataproxySettings, from_environment
from testkit.cases.artifact_store import CONTENT
from testkit.certificates import Authority

Start = Callable[[Certificate], Awaitable[DataproxyService]]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "certificates")


@pytest.fixture
def impatient(bus: MemoryBus) -> Artifacts:
    return Artifacts(bus.ask, "robots", "development", patience_s=2.0)


@pytest.fixture
async def start(bus: MemoryBus, settings: DataproxySettings) -> AsyncIterator[Start]:
    async with AsyncExitStack() as held:

        async def start(certificate: Certificate) -> DataproxyService:
            service = await build(bus, replace(settings, certificate=certificate))
            held.push_async_callback(service.stop)
            await service.start()
            return service

        yield start
        _pool.close()  # TLS ends a connection by a word from each side


def certificate_of(authority: Authority, *names: str, expired: bool = False) -> Certificate:
    cert, key = authority.issue("dataproxy", *names, expired=expired)
    return Certificate(cert=cert, key=key)


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize("variable", ["FLYTE_CA", "FLYTE_NATS_CA"])
async def test_objects_go_over_tls_for_who_trusts_the_ca(
    start: Start,
    artifacts: Artifacts,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    as_text: bool,
) -> None:
    service = await start(certificate_of(authority, "127.0.0.1"))
    assert urlsplit(service.url).scheme == "https"
    monkeypatch.setenv(variable, authority.ca.read_text() if as_text else str(authority.ca))
    stored = await artifacts.put(CONTENT, "bundle.tar.gz")
    assert await artifacts.get_named(stored.uri) == CONTENT


async def test_a_refusal_is_one_sentence_that_says_what_to_do(
    start: Start, impatient: Artifacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stranger's certificate, one for another name, and one that has expired."""
    for number, (names, expired, trusts, words) in enumerate(
        (
            ("127.0.0.1", False, False, "nobody whom we trust vouches .*: name its CA in FLYTE_CA"),
            ("elsewhere.example", False, True, "is for another name .*127.0.0.1"),
            ("127.0.0.1", True, True, "has expired: have it renewed"),
        )
    ):
        authority = Authority(tmp_path / str(number))
        service = await start(certificate_of(authority, names, expired=expired))
        trusted = authority if trusts else Authority(tmp_path / "stranger")
        monkeypatch.setenv("FLYTE_CA", str(trusted.ca))
        with pytest.raises(ArtifactUnavailable, match=words) as refused:
            await impatient.put(CONTENT, "bundle.tar.gz")
        assert "\n" not in str(refused.value)
        await service.stop()


async def test_what_is_no_ca_is_told_by_its_variable(
    start: Start, impatient: Artifacts, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await start(certificate_of(authority, "127.0.0.1"))
    other = tmp_path / "other"
    other.write_text("nothing of the kind")
    for said, words in ((other, "holds no certificates"), (tmp_path / "none", "cannot be read")):
        monkeypatch.setenv("FLYTE_CA", str(said))
        with pytest.raises(ArtifactUnavailable, match=f"FLYTE_CA.*{words}"):
            await impatient.put(CONTENT, "bundle.tar.gz")


async def served_serial(port: int) -> tuple[bytes, asyncio.StreamReader, asyncio.StreamWriter]:
    """The certificate that a new handshake is given, and the connection that it was made for."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return found, reader, writer


async def test_a_certificate_is_renewed_and_connections_stay(
    start: Start, artifacts: Artifacts, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New handshakes have the new one; half-written files change nothing; what is open goes on."""
    certificate = certificate_of(authority, "127.0.0.1")
    service = await start(certificate)
    port = urlsplit(service.url).port or 0
    monkeypatch.setenv("FLYTE_CA", str(authority.ca))
    await artifacts.put(CONTENT, "bundle.tar.gz")
    first, reader, writer = await served_serial(port)

    certificate.key.write_text("half of a ke")
    half, *_, half_writer = await served_serial(port)
    assert half == first
    certificate_of(authority, "127.0.0.1")
    second, *_, second_writer = await served_serial(port)
    assert second != first
    assert await artifacts.put(CONTENT + b"!", "bundle.tar.gz")

    writer.write(b"GET /artifacts/x HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 403")
    for one in (writer, half_writer, second_writer):
        one.close()
        await one.wait_closed()


def test_settings_name_what_is_wrong_with_a_certificate(authority: Authority, tmp_path: Path) -> None:
    cert, key = authority.issue("dataproxy", "127.0.0.1")
    other, _ = Authority(tmp_path / "other").issue("dataproxy", "127.0.0.1")
    both = {"FLYTE_DATAPROXY_CERT": str(cert), "FLYTE_DATAPROXY_KEY": str(key)}
    assert from_environment(both).certificate == Certificate(cert=cert, key=key)
    for variables, words in (
        ({"FLYTE_DATAPROXY_CERT": str(cert)}, "belong together"),
        (both | {"FLYTE_DATAPROXY_CERT": str(other)}, "no certificate and its key"),
        (both | {"FLYTE_DATAPROXY_KEY": str(tmp_path / "none")}, "no such file that can be read"),
    ):
        with pytest.raises(ValueError, match=words):
            from_environment(variables)


def test_every_address_of_a_name_is_listened_on_at_one_port() -> None:
    listening = listen("localhost", 0, setting="X")
    try:
        assert {one.getsockname()[1] for one in listening.sockets} == {listening.port}
        assert listening.url.startswith("http://") and listening.url.endswith(f":{listening.port}")
    finally:
        listening.close()
