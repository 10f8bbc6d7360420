"""Credentials of an attempt on a real server: they end, and are renewed for their holder while it lasts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flyte_agent.credentials import kept_valid
from flyte_agent.settings import AgentSettings
from flyte_bus.errors import BusError, NotAllowed, Refusal
from flyte_bus.identity.credentials import Credentials
from flyte_bus.identity.wallet import Wallet
from flyte_bus.jetstream import JetStreamBus, connect
from flyte_bus.security import Security
from flyte_bus.settings import BusSettings
from flyte_executor.credentials import Issuer
from flyte_executor.renewals import Renewals
from flyte_schemas.events import ActionAborted, ActionQueued, ActionRequested, AttemptPlaced
from flyte_schemas.orders import Order, PoolOrder
from flyte_schemas.renewing import RENEW_CREDENTIAL, RENEW_WORKER, RenewCredential, RenewWorker
from flyte_schemas.subjects import ActionKey, AttemptKey, RunKey, action_subject
from flyte_schemas.task import TaskReference
from testkit.cases.harness import until
from testkit.events import event, numbered
from testkit.secured_server import SecuredServer, secured_server

RUN = RunKey("robots", "prod", "run1")
ATTEMPT = AttemptKey(RUN.action("a0"), 1)
ORDER = Order.of(ATTEMPT, 1)
POOL = PoolOrder(pool="env-1", owner="e1", site="s1", idle_ttl_s=60.0)
WORKER = "123-456"
BRIEF_S = 3.0
"""How long credentials are good here; the server knows whole seconds."""


class Place:
    """A secured server, an executor's answers, and agents by what they are given."""

    def __init__(self, server: SecuredServer, held: AsyncExitStack, executor: JetStreamBus) -> None:
        self._server = server
        self._held = held
        self.executor = executor
        agents, workers = (server.keyring.minter(role) for role in ("agent", "worker"))
        self.issuer = Issuer(agents=lambda: agents, workers=lambda: workers, ttl_s=BRIEF_S)

    async def agent(self, credentials: Credentials) -> tuple[JetStreamBus, Wallet]:
        wallet = Wallet(credentials)
        settings = BusSettings(url=self._server.server.url, security=Security(wallet=wallet), patience_s=20.0)
        return await self._held.enter_async_context(await connect(settings)), wallet

    async def say(self, attempt: AttemptKey, *words: object, begin: int = 1) -> None:
        subject = action_subject(attempt.action)
        for number, word in enumerate(words, begin):
            await self.executor.log.append(event(subject, word, id=f"{subject}.{number}"))  # type: ignore[arg-type]

    async def begin(self, attempt: AttemptKey = ATTEMPT) -> None:
        """An attempt that a worker has."""
        task = TaskReference(name="my_env.my_task", version="v1")
        placed = AttemptPlaced(attempt=1, worker="w")
        await self.say(attempt, ActionRequested(task=task), ActionQueued(attempt=1, pool="process"), placed)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with AsyncExitStack() as held:
        server = held.enter_context(secured_server(tmp_path))
        async with await server.bus("provisioner") as bus:
            await bus.provision()
        executor = await held.enter_async_context(await server.bus("executor"))
        place = Place(server, held, executor)
        renewals = Renewals(executor, place.issuer)
        await renewals.start()
        held.push_async_callback(renewals.stop)
        yield place


async def over(credentials: Credentials) -> None:
    """Return when the server takes these no more."""
    expires_at = credentials.identity.expires_at
    assert expires_at is not None
    await asyncio.sleep(max(0.0, (expires_at - datetime.now(UTC)).total_seconds() + 0.1))


async def test_an_agent_that_renews_its_credentials_outlasts_them(place: Place, tmp_path: Path) -> None:
    await place.begin()
    first = place.issuer.for_attempt(ATTEMPT)
    bus, wallet = await place.agent(first)
    settings = AgentSettings(home=tmp_path)
    async with kept_valid(bus, wallet, ORDER, settings):
        await until(lambda: wallet.current != first)
        await over(first)
        for number in range(4, 8):
            subject = action_subject(ATTEMPT.action)
            assert await bus.log.append(numbered(subject, number)) == number
    assert wallet.current.seed == first.seed


async def test_one_that_does_not_is_shut_out(place: Place) -> None:
    await place.begin()
    first = place.issuer.for_attempt(ATTEMPT)
    bus, _ = await place.agent(first)
    assert await bus.log.append(numbered(action_subject(ATTEMPT.action), 4)) == 4
    await over(first)
    number = 4
    with pytest.raises(NotAllowed, match="its credentials expired at"):
        async with asyncio.timeout(20.0):
            while number := number + 1:
                await bus.log.append(numbered(action_subject(ATTEMPT.action), number))
                await asyncio.sleep(0.05)
    await asyncio.sleep(1.0)  # it counts whole seconds
    with pytest.raises(BusError, match="is not let in: its credentials expired"):
        await place.agent(first)


async def test_a_worker_renews_its_own_and_nobody_elses(place: Place, tmp_path: Path) -> None:
    given = place.issuer.for_worker((RUN.project, RUN.domain), POOL.pool, WORKER)
    bus, wallet = await place.agent(given)
    async with kept_valid(bus, wallet, POOL, AgentSettings(home=tmp_path, worker=WORKER)):
        await until(lambda: wallet.current != given)
    for pool, worker in ((POOL.pool, "other"), ("other", WORKER)):
        theirs = RenewWorker(project=RUN.project, domain=RUN.domain, pool=pool, worker=worker)
        with pytest.raises(NotAllowed):
            await bus.ask(RENEW_WORKER, theirs)


async def test_credentials_are_renewed_for_ones_own_run_while_the_attempt_lasts(place: Place) -> None:
    other = AttemptKey(ActionKey(RunKey(RUN.project, RUN.domain, "run2"), "a0"), 1)
    await place.begin()
    await place.begin(other)
    bus, _ = await place.agent(place.issuer.for_attempt(ATTEMPT))
    assert (await bus.ask(RENEW_CREDENTIAL, question(ATTEMPT))).jwt
    with pytest.raises(NotAllowed):
        await bus.ask(RENEW_CREDENTIAL, question(other))
    await place.say(ATTEMPT, ActionAborted(reason="enough"), begin=4)
    with pytest.raises(Refusal, match="is over, or was never begun"):
        await bus.ask(RENEW_CREDENTIAL, question(ATTEMPT))


async def test_a_wallet_takes_only_a_later_token_of_its_own_key(place: Place) -> None:
    first = place.issuer.for_attempt(ATTEMPT)
    wallet = Wallet(first)
    other = place.issuer.for_attempt(AttemptKey(RUN.action("a1"), 1))
    with pytest.raises(ValueError, match="for another key"):
        await wallet.exchange(other.jwt)
    await over(first)
    with pytest.raises(ValueError, match="is over already"):
        await wallet.exchange(first.jwt)


def question(attempt: AttemptKey) -> RenewCredential:
    run = attempt.action.run
    return RenewCredential(
        project=run.project,
        domain=run.domain,
        run=run.run,
        action=attempt.action.action,
        attempt=attempt.attempt,
    )
