"""`flyte-executor`: the executor as a process of its own."""

import sys

from flyte_bus.ports import Bus
from flyte_bus.process_bus import connect
from flyte_bus.service import Service, run_process
from flyte_executor.app import build
from flyte_executor.settings import from_environment


async def _build(bus: Bus) -> Service:
    return await build(bus, from_environment())


def main() -> int:
    """Run until SIGTERM or SIGINT; the exit code says how it went."""
    return run_process("flyte-executor", connect, _build)


if __name__ == "__main__":
    sys.exit(main())
