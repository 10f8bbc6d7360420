"""`flyte-guard`: the guard as a process of its own."""

import sys

from flyte_bus.process_bus import JetStreamBus, connect
from flyte_bus.service import Service, run_process
from flyte_guard.app import build


async def _build(bus: JetStreamBus) -> Service:
    return build(bus)


def main() -> int:
    """Run until SIGTERM or SIGINT; the exit code says how it went."""
    return run_process("flyte-guard", connect, _build, provisions=False)


if __name__ == "__main__":
    sys.exit(main())
