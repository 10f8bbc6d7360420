"""The console as a process of its own: `flyte-console`, configured by the environment."""

import sys

from flyte_bus.jetstream import connect
from flyte_bus.ports import Bus
from flyte_bus.service import run_process
from flyte_console.app import ConsoleService, build
from flyte_console.settings import from_environment


def main() -> int:
    """Run until SIGTERM or SIGINT; the exit code says how it ended (`flyte_bus.service.run_process`)."""
    try:
        settings = from_environment()
    except ValueError as error:
        sys.stderr.write(f"flyte-console: {error}\n")
        return 2

    async def build_here(bus: Bus) -> ConsoleService:
        return await build(bus, settings)

    return run_process("flyte-console", connect, build_here)


if __name__ == "__main__":
    sys.exit(main())
