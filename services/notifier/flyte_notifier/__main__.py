"""`flyte-notifier`: the notifier as a process of its own."""

import sys

from flyte_bus.jetstream import connect
from flyte_bus.ports import Bus
from flyte_bus.service import Service, run_process
from flyte_notifier.app import build
from flyte_notifier.settings import from_environment


async def _build(bus: Bus) -> Service:
    return build(bus, from_environment())


def main() -> int:
    """Run until SIGTERM or SIGINT; the exit code says how it went."""
    return run_process("flyte-notifier", connect, _build)


if __name__ == "__main__":
    sys.exit(main())
