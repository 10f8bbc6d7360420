"""An agent's process: fork the runner, then live on an event loop until there is nothing to do for it."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import structlog

from flyte_agent.attempt import Attempt
from flyte_agent.code_folder import code_folder
from flyte_agent.credentials import keep_from_others, kept_valid, taken, wallet_of
from flyte_agent.known import Known
from flyte_agent.lease import LeaseLost
from flyte_agent.process import Forked, RunnerProcess, fork_runner
from flyte_agent.record import recorded
from flyte_agent.settings import AgentSettings, from_environment
from flyte_agent.shared_worker import SharedWorker
from flyte_agent.worker import Worker
from flyte_bus import event_loop
from flyte_bus import settings as bus_settings
from flyte_bus.errors import BusError
from flyte_bus.identity.wallet import Wallet
from flyte_bus.jetstream import connect
from flyte_bus.ports import Bus
from flyte_bus.service import configure_logging
from flyte_schemas.orders import Order, PoolOrder

log = structlog.get_logger()


def run_order(order: Order | PoolOrder, file: str = "") -> int:
    """Do what is ordered in this process; the exit code says whether all was reported. See `connected`."""
    settings = from_environment()
    forked = fork_runner(settings.task_niceness)
    return live(_connect_and_serve(order, file, forked, settings))


def live(agent: Coroutine[Any, Any, None]) -> int:
    """Run an agent on an event loop; the exit code says whether all was reported."""
    configure_logging()
    structlog.contextvars.bind_contextvars(service="flyte-agent")
    try:
        event_loop.run(agent)
    except LeaseLost as error:
        log.warning("agent.lease.lost", error=str(error))
    except BusError as error:
        log.error("agent.bus.lost", error=str(error))
        return 1
    return 0


@dataclass(frozen=True, slots=True)
class Connected:
    """A bus, and the agent's own credentials on it, if it has any."""

    bus: Bus
    wallet: Wallet | None = None


async def connected(settings: AgentSettings, file: str = "", *, keeps_file: bool = False) -> Connected:
    """A connection for an agent, by the credentials in `file`; empty: by what its variables say.

    The file is removed, unless others are to read it, too.

    Raises BusUnavailable, and BusError for an agent that is not let in.
    """
    said = bus_settings.from_environment("flyte-agent", patience_s=settings.patience_s)
    wallet = await taken(Path(file), keeps_file=keeps_file) if file else wallet_of(said.security)
    keep_from_others()
    if wallet is not None:
        own = replace(said.security, creds=None, creds_text="", wallet=wallet)
        said = replace(said, user="", password="", security=own)
    return Connected(await connect(said), wallet)


async def serve(
    ready: Coroutine[Any, Any, Connected] | asyncio.Task[Connected],
    order: Order | PoolOrder,
    forked: Forked,
    settings: AgentSettings,
) -> None:
    """Do what is ordered on a bus, as soon as that is there. Raises LeaseLost and BusUnavailable."""
    if isinstance(order, PoolOrder):
        records = recorded(None, settings.records, pool=order.pool)
        with records as note, code_folder(settings) as folder:
            to = await ready
            async with to.bus as bus, kept_valid(bus, to.wallet, order, settings):
                kind = Worker if order.concurrency == 1 else SharedWorker
                worker = kind(order, bus, forked, settings, folder, note)
                on_signal(worker.stop)
                await worker.run()
        return
    with recorded(order, settings.records), code_folder(settings) as folder:
        to = await ready
        async with to.bus as bus, kept_valid(bus, to.wallet, order, settings):
            structlog.contextvars.bind_contextvars(attempt=str(order.key))
            attempt = Attempt(
                bus,
                order,
                RunnerProcess(forked),
                folder=folder,
                known=Known(bus.log),
                settings=settings,
                pid=os.getpid(),
            )
            on_signal(attempt.stop)
            await attempt.run()


def on_signal(stop: Callable[[], None]) -> None:
    """Have it called when this process is told to end."""
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)


async def _connect_and_serve(
    order: Order | PoolOrder, file: str, forked: Forked, settings: AgentSettings
) -> None:
    await serve(connected(settings, file), order, forked, settings)
