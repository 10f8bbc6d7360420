"""The console script `flyte-dataproxy`: the dataproxy as a process of its own."""

import sys

from flyte_bus.jetstream import connect
from flyte_bus.ports import Bus
from flyte_bus.service import run_process
from flyte_dataproxy.app import DataproxyService, build
from flyte_dataproxy.settings import from_environment


def main() -> int:
    """Run until SIGTERM or SIGINT; the exit code says how it ended (`flyte_bus.service.run_process`)."""
    try:
        settings = from_environment()
    except ValueError as error:
        sys.stderr.write(f"flyte-dataproxy: {error}\n")
        return 2

    async def build_here(bus: Bus) -> DataproxyService:
        return await build(bus, settings)

    return run_process("flyte-dataproxy", connect, build_here)


if __name__ == "__main__":
    sys.exit(main())
