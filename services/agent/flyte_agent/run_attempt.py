"""An agent's process: fork the runner, then live on an event loop until the attempt is over."""

import os
from collections.abc import Coroutine
from typing import Any

import structlog

from flyte_agent.attempt import Attempt
from flyte_agent.lease import LeaseLost
from flyte_agent.order import Order, recorded
from flyte_agent.process import Forked, fork_runner
from flyte_agent.settings import AgentSettings, from_environment
from flyte_bus import event_loop
from flyte_bus import settings as bus_settings
from flyte_bus.errors import BusUnavailable
from flyte_bus.jetstream import connect
from flyte_bus.ports import Bus
from flyte_bus.service import configure_logging

log = structlog.get_logger()


def run_attempt(order: Order) -> int:
    """Run the attempt in this process; the exit code says whether it was reported."""
    settings = from_environment()
    with recorded(order, settings.records):
        forked = fork_runner()
        return live(_connect_and_serve(order, forked, settings))


def live(agent: Coroutine[Any, Any, None]) -> int:
    """Run an agent on an event loop; the exit code says whether its attempt was reported."""
    configure_logging()
    structlog.contextvars.bind_contextvars(service="flyte-agent")
    try:
        event_loop.run(agent)
    except LeaseLost as error:
        log.warning("agent.lease.lost", error=str(error))
    except BusUnavailable as error:
        log.error("agent.bus.lost", error=str(error))
        return 1
    return 0


async def connected(settings: AgentSettings) -> Bus:
    """A connection for an agent. Raises BusUnavailable."""
    return await connect(bus_settings.from_environment("flyte-agent", patience_s=settings.patience_s))


async def serve(bus: Bus, order: Order, forked: Forked, settings: AgentSettings) -> None:
    """Run the attempt on a bus that is there."""
    structlog.contextvars.bind_contextvars(attempt=str(order.key))
    await Attempt(bus, order, forked, settings, os.getpid()).run()


async def _connect_and_serve(order: Order, forked: Forked, settings: AgentSettings) -> None:
    async with await connected(settings) as bus:
        await serve(bus, order, forked, settings)
