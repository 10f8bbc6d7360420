"""Into the console on a server that knows roles: a session is for the places of one's credentials."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from flyte._client.console import open_session
from flyte._config import ClientConfig
from flyte_bus.errors import BusError, NotAllowed
from flyte_bus.identity.credentials import Credentials
from flyte_bus.identity.minting import CannotMint
from flyte_bus.jetstream import connect
from flyte_console.app import ConsoleService, build
from flyte_console.settings import ConsoleSettings
from flyte_schemas.sessions import ANY, OPEN_SESSION, OpenSession
from testkit.access_rules import OWN
from testkit.secured_server import SecuredServer


@pytest.fixture
async def console(secured: SecuredServer) -> AsyncIterator[ConsoleService]:
    async with await secured.bus("console") as bus:
        console = await build(bus, ConsoleSettings())
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


def test_no_credentials_are_for_what_stands_for_all_places(secured: SecuredServer) -> None:
    for project, domain in ((ANY, "prod"), ("shop", ANY)):
        with pytest.raises(CannotMint, match="is ~"):
            secured.keyring.minter("viewer").mint("ann", project=project, domain=domain)
