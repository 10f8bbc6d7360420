"""Into the console on a server that knows roles: a session is for the places of one's credentials."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import orjson
import pytest
from nats.aio.msg import Msg

from flyte._client.console import open_session
from flyte._client.revoking import tell_revoked
from flyte._config import ClientConfig
from flyte.errors import RuntimeUserError
from flyte_bus import revocations
from flyte_bus.answers import read_answer
from flyte_bus.errors import BusError, NotAllowed
from flyte_bus.identity.credentials import Credentials
from flyte_bus.identity.minting import CannotMint
from flyte_bus.jetstream import JetStreamBus, connect
from flyte_console.app import ConsoleService, build
from flyte_console.settings import ConsoleSettings
from flyte_schemas.sessions import ANY, OPEN_SESSION, OpenSession
from flyte_schemas.streams import SESSIONS_BUCKET
from testkit.access_rules import OWN
from testkit.cases.harness import GUARD_S
from testkit.secured_server import SecuredServer


@pytest.fixture
async def console(secured: SecuredServer) -> AsyncIterator[ConsoleService]:
    async with await secured.bus("console") as bus:
        console = await build(bus, ConsoleSettings(fresh_s=0.05, heartbeat_s=600.0))
        await console.start()
        yield console
        await console.stop()


async def token_of(secured: SecuredServer, credentials: Credentials, folder: Path) -> str:
    """What `flyte console --token` prints for whoever has these."""
    file = folder / "user.creds"
    file.write_text(credentials.text)
    config = ClientConfig(endpoint=secured.server.url, creds_file=str(file))
    async with await connect(secured.settings(credentials)) as bus:
        return (await open_session(bus, config, lasting=True)).secret


async def test_a_session_is_for_the_places_of_ones_credentials(
    secured: SecuredServer, console: ConsoleService, tmp_path: Path
) -> None:
    places = [("shop", "prod"), ("bank", "*")]
    viewer = secured.keyring.minter("viewer").mint("ann@x", places=places)
    token = await token_of(secured, viewer, tmp_path)
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as http:
        async with http.get(f"{console.url}/api/v1/session") as response:
            said = await response.json()
        assert (said["user"], said["places"]) == (
            "ann@x",
            [{"project": "shop", "domain": "prod"}, {"project": "bank", "domain": ANY}],
        )
        async with http.get(f"{console.url}/api/v1/projects/shop/domains/dev/runs") as response:
            assert response.status == 403

    operator = await token_of(secured, secured.credentials("operator"), tmp_path)
    headers = {"Authorization": f"Bearer {operator}"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.get(f"{console.url}/api/v1/session") as response,
    ):
        assert (await response.json())["places"] == [{"project": ANY, "domain": ANY}]


@pytest.mark.parametrize("place", [("shop", "dev"), ("bank", "prod"), (OWN[0], ANY), (ANY, ANY)])
async def test_nobody_asks_for_more_than_they_may_see(
    secured: SecuredServer, console: ConsoleService, place: tuple[str, str]
) -> None:
    project, domain = place
    for role in ("viewer", "admin"):
        async with await secured.bus(role) as bus:
            with pytest.raises(NotAllowed):
                await bus.ask(OPEN_SESSION, OpenSession(project=project, domain=domain))


async def test_a_task_gets_no_session_of_its_own_place_either(
    secured: SecuredServer, console: ConsoleService
) -> None:
    for role in ("agent", "worker"):
        async with await secured.bus(role) as bus:
            with pytest.raises(BusError):
                await bus.ask(OPEN_SESSION, OpenSession(project=OWN[0], domain=OWN[1]))


async def test_sessions_end_when_their_credentials_are_taken_back(
    secured: SecuredServer, console: ConsoleService, tmp_path: Path
) -> None:
    keyring = secured.keyring
    ann = keyring.create_user("ann@x", "viewer", [("shop", "prod")])
    bob = keyring.create_user("bob@x", "viewer", [("shop", "prod")])
    tokens = {user: await token_of(secured, user, tmp_path) for user in (ann, bob)}
    stream = f"{console.url}/api/v1/projects/shop/domains/prod/stream"
    async with aiohttp.ClientSession() as http:
        async with http.get(stream, headers=bearer(tokens[ann])) as followed:
            assert await followed.content.readany()
            assert keyring.revoke_user("ann@x") == 1
            config = ClientConfig(endpoint=secured.server.url)
            await tell_revoked(config, keyring)
            async with asyncio.timeout(GUARD_S):
                await followed.read()  # it ends, though nothing happens that could be told
        for user, status in ((ann, 401), (bob, 200)):
            async with http.get(f"{console.url}/api/v1/session", headers=bearer(tokens[user])) as response:
                assert response.status == status
    with pytest.raises(
        RuntimeUserError, match="were taken back"
    ):  # the server has not read accounts.conf yet
        await token_of(secured, ann, tmp_path)
    again = keyring.create_user("ann@x", "viewer", [("bank", "prod")])
    assert await token_of(secured, again, tmp_path)


async def test_sessions_end_with_the_signing_key_of_their_role(
    secured: SecuredServer, console: ConsoleService, tmp_path: Path
) -> None:
    """Also the operator's, whom the server says nothing of: it is in the services' account."""
    token = await token_of(secured, secured.credentials("operator"), tmp_path)
    previous = secured.credentials("operator").identity.issuer
    async with aiohttp.ClientSession(headers=bearer(token)) as http:
        async with http.get(f"{console.url}/api/v1/session") as response:
            assert response.status == 200
        async with await secured.bus("operator") as bus:
            await revocations.tell(bus, [revocations.Revoked(previous)])
            async with asyncio.timeout(GUARD_S):
                while (await http.get(f"{console.url}/api/v1/session")).status == 200:
                    await asyncio.sleep(0.02)
            await bus.bucket(SESSIONS_BUCKET).delete(f"revoked.{previous}")


async def test_nobody_asks_in_anothers_name(
    secured: SecuredServer, console: ConsoleService, tmp_path: Path
) -> None:
    """The server takes out what an asker writes where it says who asks, and the question is not believed."""
    minter = secured.keyring.minter("viewer")
    eve, ann = (minter.mint(name, places=[("shop", "prod")]) for name in ("eve@x", "ann@x"))
    forged = orjson.dumps({"jwt": ann.jwt}).decode()
    question = OpenSession(project="shop", domain="prod", user="ann@x", token=ann.jwt, lasting=True)
    heads = (
        {"Nats-Request-Info": forged},
        {"nats-request-info": forged, "Nats-Request-Info": forged},
        {"Nats-Request-Info ": forged, " Nats-Request-Info": forged},
        {"X": f"y\r\nNats-Request-Info: {forged}\r\nNats-Request-Info:{forged}"},
    )
    async with await connect(secured.settings(eve)) as bus, aiohttp.ClientSession() as http:
        for head in heads:
            lines = "".join(f"{name}: {text}\r\n" for name, text in head.items())
            secret = await asked_raw(bus, question, f"NATS/1.0\r\n{lines}\r\n".encode())
            async with http.get(f"{console.url}/api/v1/session", headers=bearer(secret)) as response:
                assert (await response.json())["user"] == "eve@x", head


async def asked_raw(bus: JetStreamBus, question: OpenSession, head: bytes) -> str:
    """Ask with these bytes as headers; the secret in the answer."""
    client = bus._connection.client
    inbox, answers = client.new_inbox(), asyncio.Queue[Msg]()
    await client.subscribe(inbox, cb=answers.put)
    body, subject = question.model_dump_json().encode(), OPEN_SESSION.address(question)
    whole = head + body
    sent = f"HPUB {subject} {inbox} {len(head)} {len(whole)}\r\n".encode() + whole + b"\r\n"
    await client._send_command(sent)
    await client.flush()
    async with asyncio.timeout(GUARD_S):
        return read_answer(OPEN_SESSION, (await answers.get()).data).secret


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_no_credentials_are_for_what_stands_for_all_places(secured: SecuredServer) -> None:
    for project, domain in ((ANY, "prod"), ("shop", ANY)):
        with pytest.raises(CannotMint, match="is ~"):
            secured.keyring.minter("viewer").mint("ann", project=project, domain=domain)
