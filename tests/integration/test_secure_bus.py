"""Connections that are encrypted and verified: each setting has its effect, and nothing less is accepted."""

import asyncio
import contextlib
import shutil
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from flyte_bus.errors import BusError, BusUnavailable, NotAllowed
from flyte_bus.glance import last_messages
from flyte_bus.jetstream import connect
from flyte_bus.security import Security
from flyte_bus.settings import BusSettings
from flyte_schemas.streams import RUNS
from testkit.certificates import Authority
from testkit.events import action, numbered
from testkit.nats_server import NatsServer
from testkit.nats_users import Operator

LONG_S = 25.0
"""Far longer than a refusal takes; who waits for it has not understood that it is one."""

Start = Callable[..., NatsServer]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "certificates")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with contextlib.ExitStack() as held:

        def start(more: str = "", *, without_user: bool = False) -> NatsServer:
            server = NatsServer(tmp_path / "nats", more=more, without_user=without_user)
            server.start()
            held.callback(server.kill)
            return server

        yield start


def settings(server: NatsServer, security: Security, *, scheme: str = "nats") -> BusSettings:
    return BusSettings(
        url=server.url.replace("nats", scheme),
        user=server.user,
        password=server.password,
        patience_s=LONG_S,
        security=security,
    )


async def works(bus_settings: BusSettings) -> None:
    async with await connect(bus_settings) as bus:
        await bus.provision()
        before = await bus.log.last_sequence(RUNS)
        assert await bus.log.append(numbered(action(f"a{before}"), before + 1)) == before + 1


async def is_refused(bus_settings: BusSettings, words: str, error: type[BusError] = BusUnavailable) -> None:
    """At once: the patience is for what may go away."""
    async with asyncio.timeout(LONG_S):
        with pytest.raises(error, match=words):
            async with await connect(bus_settings):
                pass


async def test_a_server_is_trusted_by_whom_it_is_vouched_for(start: Start, authority: Authority) -> None:
    server = start(authority.server_config("127.0.0.1"))
    await works(settings(server, Security(ca=authority.ca)))
    await works(settings(server, Security(ca=authority.ca), scheme="tls"))
    await works(settings(server, Security(ca_text=authority.ca.read_text())))
    await is_refused(
        settings(server, Security()), "nobody whom we trust vouches .*: name its CA in FLYTE_NATS_CA"
    )


async def test_a_server_with_a_strangers_certificate_or_another_name_is_refused(
    start: Start, authority: Authority, tmp_path: Path
) -> None:
    server = start(authority.server_config("elsewhere.example"))
    await is_refused(settings(server, Security(ca=authority.ca)), "is for another name .*127.0.0.1")
    stranger = Authority(tmp_path / "stranger")
    await is_refused(settings(server, Security(ca=stranger.ca)), "nobody whom we trust vouches")


async def test_an_expired_certificate_is_called_so(start: Start, authority: Authority) -> None:
    server = start(authority.server_config("127.0.0.1", expired=True))
    await is_refused(settings(server, Security(ca=authority.ca)), "has expired: have it renewed")


async def test_a_server_that_verifies_clients_knows_them_by_their_certificates(
    start: Start, authority: Authority, tmp_path: Path
) -> None:
    server = start(authority.server_config("127.0.0.1", verify=True))
    cert, key = authority.issue("client", "client.example")
    await works(settings(server, Security(ca=authority.ca, cert=cert, key=key)))
    await is_refused(settings(server, Security(ca=authority.ca)), "certificate required.*FLYTE_NATS_CERT")
    other, its_key = Authority(tmp_path / "stranger").issue("client", "client.example")
    strange = Security(ca=authority.ca, cert=other, key=its_key)
    await is_refused(settings(server, strange), "refuses our own certificate.*FLYTE_NATS_CERT")


async def test_certificates_are_renewed_under_a_client_that_stays(
    start: Start, authority: Authority, tmp_path: Path
) -> None:
    """The server's when it reads its configuration anew, the client's and its CA at the next handshake.

    Both CAs are trusted while they change. The server may end connections when it reads its configuration.
    """
    server = start(authority.server_config("127.0.0.1", verify=True))
    files = tmp_path / "client"
    files.mkdir()
    mine = Security(ca=files / "ca.crt", cert=files / "client.crt", key=files / "client.key")
    put_there(authority, files)
    old = authority.ca.read_text()
    async with await connect(settings(server, mine)) as bus:
        await bus.provision()
        assert await bus.log.append(numbered(action("a0"), 1)) == 1
        renewed = Authority(authority.ca.parent)
        new = renewed.ca.read_text()
        for ca in (renewed.ca, files / "ca.crt"):
            ca.write_text(old + new)
        renewed.server_config("127.0.0.1", verify=True)
        server.send(signal.SIGHUP)
        assert await bus.log.append(numbered(action("a0"), 2)) == 2
        renewed.ca.write_text(new)
        put_there(renewed, files)
        server.kill()
        server.start()
        assert await bus.log.append(numbered(action("a0"), 3)) == 3
    await is_refused(settings(server, Security(ca_text=old)), "nobody whom we trust vouches")


def put_there(authority: Authority, folder: Path) -> None:
    """A client's files, as whoever renews certificates leaves them."""
    cert, key = authority.issue("client", "client.example")
    for file in (cert, key, authority.ca):
        shutil.copy(file, folder / file.name)


async def test_credentials_stand_for_user_and_password(start: Start, tmp_path: Path) -> None:
    operator = Operator()
    server = start(operator.config, without_user=True)
    await works(
        BusSettings(
            url=server.url,
            patience_s=LONG_S,
            security=Security(creds=operator.issue(tmp_path / "user.creds")),
        )
    )
    foreign = Security(creds=Operator().issue(tmp_path / "foreign.creds"))
    await is_refused(
        BusSettings(url=server.url, patience_s=LONG_S, security=foreign), "(?i)authorization", NotAllowed
    )


@contextlib.asynccontextmanager
async def open_server() -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that takes everybody without TLS, and what it was told."""
    told: list[bytes] = []
    over = asyncio.Event()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id":"x","version":"2.15.0","max_payload":1048576}\r\n')
        told.append(b"")
        with contextlib.suppress(ConnectionError):
            told.append(await reader.read(65_536))
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        over.set()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", told
        await over.wait()


@pytest.mark.parametrize("scheme", ["nats", "tls"])
async def test_who_wants_tls_tells_nothing_to_a_server_without(scheme: str, authority: Authority) -> None:
    security = Security(ca=authority.ca) if scheme == "nats" else Security()
    async with open_server() as (place, told):
        url = f"{scheme}://{place}"
        await is_refused(
            BusSettings(url=url, user="u", password="hush", patience_s=LONG_S, security=security), "TLS"
        )
    assert told and b"hush" not in b"".join(told)


async def test_a_glance_leaves_it_to_the_bus(start: Start, authority: Authority) -> None:
    server = start(authority.server_config("127.0.0.1"))
    secured = settings(server, Security(ca=authority.ca))
    await works(secured)
    assert await asyncio.to_thread(last_messages, secured, RUNS.name, [action("a0")]) is None


async def test_files_that_hold_something_else_are_told_by_their_variables(
    authority: Authority, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.write_text("nothing of the kind\n")
    cert, _ = authority.issue("client", "client.example")
    for security, variable in (
        (Security(ca=other), "FLYTE_NATS_CA"),
        (Security(ca_text="-----BEGIN CERTIFICATE-----\nno\n"), "FLYTE_NATS_CA"),
        (Security(cert=cert, key=other), "FLYTE_NATS_CERT"),
        (Security(creds=other), "FLYTE_NATS_CREDS"),
    ):
        with pytest.raises(BusError, match=variable):
            await connect(BusSettings(url="nats://127.0.0.1:1", patience_s=0.1, security=security))
