"""`flyte-provisioner`: makes the streams and buckets of a control plane, or brings them up to date.

Where the server knows roles, no service may do that; this one has the provisioner's credentials. Run it
before the services of a new version, as a job or an init container; they wait until it has been there.
"""

import asyncio
import os
import sys

import structlog

from flyte_bus.errors import BusError
from flyte_bus.process_bus import connect
from flyte_bus.service import configure_logging
from flyte_bus.settings import BusSettings, from_environment
from flyte_schemas.access import PROVISIONER

PATIENCE_S = 600.0
"""How long it waits for a server that is not there yet."""

log = structlog.get_logger()


def main() -> int:
    """Exit codes: 0 all is there, 1 the server refused or was not there, 2 the environment is wrong."""
    configure_logging()
    try:
        patience_s = float(os.environ.get("FLYTE_PROVISIONER_PATIENCE_S") or PATIENCE_S)
        settings = from_environment(f"flyte-{PROVISIONER.name}", patience_s=patience_s)
    except ValueError as error:
        log.error("process.misconfigured", error=str(error))
        return 2
    try:
        asyncio.run(_provision(settings))
    except BusError as error:
        log.error("provisioner.failed", error=str(error))
        return 1
    log.info("provisioner.done", nats=settings.shown_url)
    return 0


async def _provision(settings: BusSettings) -> None:
    async with await connect(settings) as bus:
        await bus.provision()


if __name__ == "__main__":
    sys.exit(main())
