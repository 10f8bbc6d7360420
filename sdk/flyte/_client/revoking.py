"""Telling on the bus whose credentials count no more, as the operator of an installation."""

from dataclasses import replace
from typing import TYPE_CHECKING

from flyte._client.bus_settings import bus_settings
from flyte._client.trouble import translated
from flyte._config import ClientConfig
from flyte_bus import revocations
from flyte_bus.jetstream import connect
from flyte_schemas.access import OPERATOR

if TYPE_CHECKING:
    from flyte_bus.identity.keyring import Keyring

PATIENCE_S = 10.0


async def tell_revoked(config: ClientConfig, keyring: "Keyring") -> None:
    """Tell of all that this keyring knows; what was told before does no harm.

    Raises RuntimeSystemError where NATS cannot be reached, or does not know the keyring's operator.
    """
    said = bus_settings(config)
    own = keyring.credentials(OPERATOR.name)
    security = replace(said.security, creds=own, creds_text="", wallet=None)
    settings = replace(said, user="", password="", patience_s=PATIENCE_S, security=security)
    with translated():
        async with await connect(settings) as bus:
            await revocations.tell(bus, keyring.revoked())
