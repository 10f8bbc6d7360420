"""An agent's process: fork the runner, then live on an event loop until the attempt is over."""

import os

import structlog

from flyte_agent.attempt import Attempt
from flyte_agent.order import Order, recorded
from flyte_agent.process import Forked, fork_runner
from flyte_agent.settings import AgentSettings, from_environment
from flyte_bus import event_loop
from flyte_bus import settings as bus_settings
from flyte_bus.errors import BusUnavailable
from flyte_bus.jetstream import connect
from flyte_bus.service import configure_logging

log = structlog.get_logger()


def run_attempt(order: Order) -> int:
    """Run the attempt in this process; the exit code says whether it was reported."""
    settings = from_environment()
    with recorded(order, settings.records):
        forked = fork_runner()
        configure_logging()
        structlog.contextvars.bind_contextvars(service="flyte-agent", attempt=str(order.key))
        try:
            event_loop.run(_run(order, forked, settings))
        except BusUnavailable as error:
            log.error("agent.bus.lost", error=str(error))
            return 1
        return 0


async def _run(order: Order, forked: Forked, settings: AgentSettings) -> None:
    where = bus_settings.from_environment("flyte-agent", patience_s=settings.patience_s)
    async with await connect(where) as bus:
        await Attempt(bus, order, forked, settings, os.getpid()).run()
