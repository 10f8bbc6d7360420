"""The registry as a process of its own: `flyte-registry`, configured by the environment."""

import sys

from flyte_bus.ports import Bus
from flyte_bus.process_bus import connect
from flyte_bus.service import run_process
from flyte_registry.app import RegistryService, build
from flyte_registry.settings import from_environment


async def _build(bus: Bus) -> RegistryService:
    return await build(bus, from_environment())


def main() -> int:
    """Run until SIGTERM or SIGINT, and return the exit code."""
    return run_process("flyte-registry", connect, _build)


if __name__ == "__main__":
    sys.exit(main())
