"""One secured server for the tests of this folder, which leave its streams as they are."""

import asyncio
from collections.abc import Iterator

import pytest

from testkit.secured_server import SecuredServer, secured_server


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredServer]:
    """A server that knows roles, provisioned by the provisioner."""
    with secured_server(tmp_path_factory.mktemp("secured")) as server:
        asyncio.run(_provision(server))
        yield server


async def _provision(server: SecuredServer) -> None:
    async with await server.bus("provisioner") as bus:
        await bus.provision()
