"""A nats-server that knows roles, with a guard, and connections of users that end with it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import flyte_guard.app
from flyte_bus.identity.credentials import Credentials
from flyte_bus.identity.keyring import Keyring
from flyte_bus.jetstream import JetStreamBus, connect
from testkit.secured_server import PATIENCE_S, SecuredServer, secured_server


class GuardedServer:
    """One server with its streams, and who is connected to it."""

    def __init__(self, secured: SecuredServer, held: AsyncExitStack) -> None:
        self._secured = secured
        self._held = held

    @property
    def keyring(self) -> Keyring:
        return self._secured.keyring

    async def service(self, name: str) -> JetStreamBus:
        return await self.as_user(self._secured.credentials(name))

    async def user(self, role: str, name: str = "ada", **where: Any) -> JetStreamBus:
        """A user, an agent or a worker; `where` as `Minter.mint` has it."""
        return await self.as_user(self.keyring.minter(role).mint(name, **where))

    async def as_user(self, credentials: Credentials, *, patience_s: float = PATIENCE_S) -> JetStreamBus:
        settings = self._secured.settings(credentials, patience_s=patience_s)
        return await self._held.enter_async_context(await connect(settings))

    def restart(self) -> None:
        """As a server that has read the accounts anew."""
        self._secured.server.kill()
        self._secured.server.start()


@asynccontextmanager
async def guarded_server(folder: Path, *, with_guard: bool = True) -> AsyncIterator[GuardedServer]:
    """Running, provisioned, and guarded unless told otherwise."""
    async with AsyncExitStack() as held:
        guarded = GuardedServer(held.enter_context(secured_server(folder)), held)
        await (await guarded.service("provisioner")).provision()
        if with_guard:
            guard = flyte_guard.app.build(await guarded.service("guard"))
            await guard.start()
            held.push_async_callback(guard.stop)
        yield guarded
