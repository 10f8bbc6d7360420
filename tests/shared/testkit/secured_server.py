"""A real nats-server that knows roles, with everything provisioned, and credentials of each role."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flyte_bus.identity.credentials import Credentials
from flyte_bus.identity.keyring import ACCOUNTS_FILE, Keyring
from flyte_bus.jetstream import JetStreamBus, connect
from flyte_bus.security import Security
from flyte_bus.settings import BusSettings
from flyte_schemas.access import SERVICES
from testkit.access_rules import ME, OWN, POOL, RUN, SOURCE_RUN, WORKER
from testkit.nats_server import NatsServer

PATIENCE_S = 20.0


class SecuredServer:
    """A nats-server with the accounts of a keyring."""

    def __init__(self, folder: Path) -> None:
        self.keyring = Keyring(folder / "access")
        if not self.keyring.is_there:
            self.keyring.make()
        self.server = NatsServer(
            folder / "nats", without_user=True, more=f'include "../access/{ACCOUNTS_FILE}"\n'
        )

    @property
    def port(self) -> int:
        return self.server.port

    def credentials(self, role: str) -> Credentials:
        """Of a user of this role, in the place OWN; of a service, its own."""
        if role == "operator" or role in {service.name for service in SERVICES}:
            return Credentials.read(self.keyring.credentials(role).read_text())
        project, domain = OWN
        minter = self.keyring.minter(role)
        if role in ("agent", "worker"):
            return minter.mint(
                "agent",
                project=project,
                domain=domain,
                run=RUN,
                source=SOURCE_RUN,
                pool=POOL if role == "worker" else "",
                worker=WORKER if role == "worker" else "",
            )
        return minter.mint(ME, project=project, domain=domain)

    def settings(self, credentials: Credentials, *, patience_s: float = PATIENCE_S) -> BusSettings:
        """How the holder of credentials reaches it."""
        security = Security(creds_text=credentials.text)
        return BusSettings(url=self.server.url, security=security, patience_s=patience_s)

    async def bus(self, role: str) -> JetStreamBus:
        """A bus of this role."""
        return await connect(self.settings(self.credentials(role)))


@contextmanager
def secured_server(folder: Path) -> Iterator[SecuredServer]:
    """One that runs within the block; nothing is provisioned."""
    secured = SecuredServer(folder)
    secured.server.start()
    try:
        yield secured
    finally:
        secured.server.kill()
