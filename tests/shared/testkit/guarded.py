"""A nats-server with the accounts of the real thing, and connections of users that its keys vouch for."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import flyte_guard.app
from flyte_bus.identity.credentials import Credentials
from flyte_bus.identity.keyring import Keyring
from flyte_bus.jetstream import JetStreamBus, connect
from flyte_bus.security import Security
from flyte_bus.settings import BusSettings
from testkit.nats_server import NatsServer


class GuardedServer:
    """One server with two accounts, its streams, and a guard; connections end with it."""

    def __init__(self, folder: Path, held: AsyncExitStack) -> None:
        self.keyring = Keyring(folder / "access")
        self.keyring.make()
        self.server = NatsServer(folder / "nats", more=self.keyring.accounts(), without_user=True)
        self._held = held

    async def connect(self, security: Security, *, patience_s: float = 20.0) -> JetStreamBus:
        settings = BusSettings(url=self.server.url, security=security, patience_s=patience_s)
        return await self._held.enter_async_context(await connect(settings))

    async def service(self, name: str) -> JetStreamBus:
        return await self.connect(Security(creds=self.keyring.credentials(name)))

    async def user(self, role: str, name: str = "ada", **where: Any) -> JetStreamBus:
        """A user, an agent or a worker; `where` as `Minter.mint` has it."""
        return await self.as_user(self.keyring.minter(role).mint(name, **where))

    async def as_user(self, credentials: Credentials, *, patience_s: float = 20.0) -> JetStreamBus:
        return await self.connect(Security(creds_text=credentials.text), patience_s=patience_s)


@asynccontextmanager
async def guarded_server(folder: Path, *, with_guard: bool = True) -> AsyncIterator[GuardedServer]:
    """Running, provisioned, and guarded unless told otherwise."""
    async with AsyncExitStack() as held:
        guarded = GuardedServer(folder, held)
        guarded.server.start()
        held.callback(guarded.server.kill)
        await (await guarded.service("provisioner")).provision()
        if with_guard:
            guard = flyte_guard.app.build(await guarded.service("guard"))
            await guard.start()
            held.push_async_callback(guard.stop)
        yield guarded
