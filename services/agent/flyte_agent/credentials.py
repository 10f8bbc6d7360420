"""Who an agent is on the bus: credentials of its own, which it takes, renews, and keeps from the user's code.

They are read after the user's process was forked, so that one has them nowhere in its memory.
"""

import asyncio
import contextlib
import ctypes
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import structlog

from flyte_agent.settings import AgentSettings, worker_name
from flyte_bus.errors import BusError, BusUnavailable, Refusal
from flyte_bus.identity.credentials import Credentials
from flyte_bus.identity.wallet import Wallet
from flyte_bus.ports import Bus
from flyte_bus.security import CERT, CREDS, KEY, PASSWORD, USER, Security
from flyte_schemas.orders import SPARE_CREDENTIALS, Order, PoolOrder
from flyte_schemas.renewing import RENEW_CREDENTIAL, RENEW_WORKER, RenewCredential, RenewWorker

log = structlog.get_logger()

FILE_PATIENCE_S = 30.0
"""How long the file may take to be there: a worker's is written when it is known by which name it asks."""
LOOK_S = 0.005
RENEW_AGAIN_S = 15.0
"""The longest pause before it is asked again for later credentials that nobody gave."""
ANSWER_S = 10.0
_PR_SET_DUMPABLE = 4
_OF_THE_AGENT = (USER, PASSWORD, CREDS, CERT, KEY, SPARE_CREDENTIALS)


async def taken(file: Path, *, keeps_file: bool = False) -> Wallet:
    """What a file holds, which is removed then, unless others are to read it.

    Raises BusUnavailable when it does not come.
    """
    deadline = asyncio.get_running_loop().time() + FILE_PATIENCE_S
    while (text := _read(file, keeps_file=keeps_file)) is None:
        if asyncio.get_running_loop().time() > deadline:
            raise BusUnavailable(f"nobody gave this agent its credentials: there is no {file}")
        await asyncio.sleep(LOOK_S)
    return Wallet(Credentials.read(text))


def _read(file: Path, *, keeps_file: bool) -> str | None:
    try:
        text = file.read_text("ascii")
    except FileNotFoundError:
        return None
    if not keeps_file:
        file.unlink(missing_ok=True)
    return text


def wallet_of(security: Security) -> Wallet | None:
    """The credentials that an agent's variables hold themselves, as in a pod. Raises ValueError."""
    return Wallet(Credentials.read(security.creds_text)) if security.creds_text else None


@asynccontextmanager
async def kept_valid(
    bus: Bus, wallet: Wallet | None, order: Order | PoolOrder, settings: AgentSettings
) -> AsyncIterator[None]:
    """Renew the credentials as long as the block runs, each time when half of their time is over."""
    if wallet is None or wallet.left_s(datetime.now(UTC)) is None:
        yield
        return
    renewing = asyncio.create_task(_renew(bus, wallet, order, settings), name="renew credentials")
    try:
        yield
    finally:
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)


async def _renew(bus: Bus, wallet: Wallet, order: Order | PoolOrder, settings: AgentSettings) -> None:
    while True:
        left_s = wallet.left_s(datetime.now(UTC)) or 0.0
        await asyncio.sleep(max(left_s / 2, 0.0))
        try:
            await wallet.exchange(await _asked(bus, wallet, order, settings))
            log.info("agent.credentials.renewed", left_s=wallet.left_s(datetime.now(UTC)))
        except Refusal as error:
            log.warning("agent.credentials.not_renewed", reason=str(error))
            return  # the attempt is over, and its agent about to hear of it
        except (BusError, ValueError) as error:
            log.warning("agent.credentials.not_renewed", reason=str(error))
            await asyncio.sleep(min(RENEW_AGAIN_S, max(left_s / 10, 0.1)))


async def _asked(bus: Bus, wallet: Wallet, order: Order | PoolOrder, settings: AgentSettings) -> str:
    """A later token. Raises BusError."""
    if isinstance(order, Order):
        place = {"project": order.project, "domain": order.domain, "run": order.run}
        question = RenewCredential(**place, action=order.action, attempt=order.attempt)
        return (await bus.ask(RENEW_CREDENTIAL, question, timeout_s=ANSWER_S)).jwt
    project, _, domain = wallet.current.identity.places[0].partition(".")
    worker = RenewWorker(project=project, domain=domain, pool=order.pool, worker=worker_name(settings))
    return (await bus.ask(RENEW_WORKER, worker, timeout_s=ANSWER_S)).jwt


def keep_from_others() -> None:
    """Have no other process of the same user look into this one's memory or environment (Linux)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0)


def forget() -> None:
    """In the user's process: drop what the agent was told of the bus, also from what the kernel shows."""
    library = ctypes.CDLL(None)
    library.getenv.restype = ctypes.c_void_p
    for name in _OF_THE_AGENT:
        if name in os.environ:
            if place := library.getenv(name.encode()):
                ctypes.memset(place, 0, len(os.environb[name.encode()]))
            del os.environ[name]
