"""Sessions as the bus keeps them, while time goes by."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from flyte_bus import revocations
from flyte_bus.asker import HEADER, answers_to
from flyte_bus.errors import Refusal
from flyte_bus.identity.credentials import Credentials
from flyte_bus.identity.keys import KeyPair
from flyte_bus.identity.minting import Minter
from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_console.core.allowance import Allowance
from flyte_console.sessions import Sessions
from flyte_console.settings import ConsoleSettings
from flyte_schemas.sessions import OpenSession
from flyte_schemas.streams import SESSIONS_BUCKET


@pytest.fixture
def limits() -> ConsoleSettings:
    return ConsoleSettings(fresh_s=0.0, code_s=60, idle_s=3600, session_s=7200, max_opened=3)


@pytest.fixture
def clock() -> list[datetime]:
    return [datetime(2026, 1, 1, tzinfo=UTC)]


def a_minter() -> Minter:
    account, role = KeyPair.create("account"), KeyPair.create("account")
    return Minter(account_public=account.public, signing_seed=role.seed, role="viewer")


@pytest.fixture
def minter() -> Minter:
    return a_minter()


@pytest.fixture
async def sessions(bus: MemoryBus, limits: ConsoleSettings, clock: list[datetime]) -> Sessions:
    return Sessions(bus, limits, lambda: clock[0])


@pytest.fixture
async def bus() -> AsyncIterator[MemoryBus]:
    async with MemoryBus(MemoryServer()) as bus:
        await bus.provision()
        yield bus


async def test_a_code_and_a_session_end_by_themselves(sessions: Sessions, clock: list[datetime]) -> None:
    late = await sessions.open(OpenSession(project="p", domain="d"))
    code = await sessions.open(OpenSession(project="p", domain="d"))
    clock[0] += timedelta(seconds=59)
    found = await sessions.enter(code.secret, with_path=False)
    assert found is not None
    clock[0] += timedelta(seconds=2)
    assert await sessions.enter(late.secret, with_path=False) is None
    secret = found[0]
    for _ in range(3):
        clock[0] += timedelta(minutes=30)
        assert await sessions.find(secret), "it is used"
    clock[0] += timedelta(minutes=61)
    assert await sessions.find(secret) is None, "nobody used it for an hour"


async def test_it_ends_however_often_it_is_used(sessions: Sessions, clock: list[datetime]) -> None:
    token = (await sessions.open(OpenSession(project="p", domain="d", lasting=True))).secret
    for _ in range(5):
        assert await sessions.find(token)
        clock[0] += timedelta(minutes=24)
    assert await sessions.find(token) is None


async def test_another_console_knows_it_until_it_is_ended(
    bus: MemoryBus, sessions: Sessions, limits: ConsoleSettings, clock: list[datetime]
) -> None:
    token = (await sessions.open(OpenSession(project="p", domain="d", lasting=True))).secret
    other = Sessions(bus, limits, lambda: clock[0])
    assert await other.find(token)
    await sessions.end(token)
    assert await other.find(token) is None


async def test_a_secret_that_was_joined_is_used_up(sessions: Sessions) -> None:
    first = (await sessions.open(OpenSession(project="p", domain="d"))).secret
    await sessions.open(OpenSession(project="q", domain="d", joined=first))
    assert await sessions.enter(first, with_path=False) is None
    with pytest.raises(Refusal, match="used up"):
        await sessions.open(OpenSession(project="r", domain="d", joined=first))


async def test_a_token_opens_no_browser_and_a_code_answers_no_program(sessions: Sessions) -> None:
    token = (await sessions.open(OpenSession(project="p", domain="d", lasting=True))).secret
    code = (await sessions.open(OpenSession(project="p", domain="d"))).secret
    assert await sessions.enter(token, with_path=False) is None
    assert await sessions.find(code) is None


async def test_one_place_cannot_ask_for_all_there_is_room_for(sessions: Sessions) -> None:
    for _ in range(3):
        await sessions.open(OpenSession(project="p", domain="d"))
    with pytest.raises(Refusal, match="more than 3 sessions a minute"):
        await sessions.open(OpenSession(project="p", domain="d"))
    await sessions.open(OpenSession(project="q", domain="d"))


async def test_nobody_who_reads_the_bucket_has_a_session(bus: MemoryBus, sessions: Sessions) -> None:
    token = (await sessions.open(OpenSession(project="p", domain="d", lasting=True))).secret
    async with aclosing(bus.bucket(SESSIONS_BUCKET).watch()) as entries:
        entry = await anext(entries)
    assert token not in entry.key + str(entry.value)


def credentials(minter: Minter, ttl_s: float | None = None) -> Credentials:
    return minter.mint("ann@x", project="p", domain="d", ttl_s=ttl_s)


def asking(made: Credentials, *, lasting: bool = False, **words: Any) -> OpenSession:
    """A question that says by what who asks was let in; of somebody in our own account it is believed."""
    return OpenSession(**({"project": "p", "domain": "d", "token": made.jwt, "lasting": lasting} | words))


async def test_a_session_ends_with_the_credentials_that_it_was_made_by(
    sessions: Sessions, minter: Minter, clock: list[datetime]
) -> None:
    clock[0] = datetime.now(UTC)
    made = credentials(minter, ttl_s=600)
    code, token = await sessions.open(asking(made)), await sessions.open(asking(made, lasting=True))
    entered = await sessions.enter(code.secret, with_path=False)
    assert entered and made.identity.expires_at == entered[2].ends_at == token.ends_at
    assert entered[2].user == "ann@x"
    clock[0] += timedelta(seconds=590)
    assert await sessions.find(entered[0]) and await sessions.find(token.secret)
    clock[0] += timedelta(seconds=20)
    assert await sessions.find(entered[0]) is None and await sessions.find(token.secret) is None


@pytest.mark.parametrize("which", ["the user's", "that of who made it"])
async def test_a_session_ends_when_a_key_that_it_was_made_by_counts_no_more(
    bus: MemoryBus, sessions: Sessions, minter: Minter, which: str
) -> None:
    made, other = credentials(minter), credentials(a_minter())
    token = (await sessions.open(asking(made, lasting=True))).secret
    code = (await sessions.open(asking(made))).secret
    others = (await sessions.open(asking(other, lasting=True, project="q"))).secret
    assert await sessions.find(token)
    key = made.identity.public if which == "the user's" else made.identity.issuer
    assert await revocations.tell(bus, [revocations.Revoked(key)]) == 1
    assert await sessions.find(token) is None
    assert await sessions.enter(code, with_path=False) is None
    with pytest.raises(Refusal, match="credentials of ann@x were taken back"):
        await sessions.open(asking(made, project="r"))
    assert await sessions.find(others), "others' sessions go on"


async def test_what_is_over_anyway_is_not_told(bus: MemoryBus) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=1)
    assert await revocations.tell(bus, [revocations.Revoked("UOLD", long_ago)]) == 0
    assert not await revocations.any_revoked(bus.bucket(SESSIONS_BUCKET), ["UOLD"])


async def test_a_session_is_not_put_together_of_several_credentials(
    sessions: Sessions, minter: Minter
) -> None:
    first = (await sessions.open(asking(credentials(minter)))).secret
    with pytest.raises(Refusal, match="other credentials"):
        await sessions.open(asking(credentials(minter), project="q", joined=first))


async def test_who_is_of_another_account_is_who_the_server_says(sessions: Sessions, minter: Minter) -> None:
    own, stolen = credentials(minter), minter.mint("eve@x", project="p", domain="d")
    said = orjson.dumps({"jwt": own.jwt}).decode()
    answers_to("_R_.abc.def", {HEADER: said})
    token = (await sessions.open(asking(stolen, lasting=True, user="eve@x"))).secret
    found = await sessions.find(token)
    assert found and (found.user, found.keys[0]) == ("ann@x", own.identity.public)
    for headers in (None, {}, {HEADER: "forged"}, {HEADER: "[]"}, {HEADER: '{"user":"U"}'}):
        answers_to("_R_.abc.def", headers)
        with pytest.raises(Refusal, match="accounts are of an earlier version"):
            await sessions.open(asking(own, project="q"))


async def test_a_token_that_is_none_is_told(sessions: Sessions) -> None:
    with pytest.raises(Refusal, match="no token of NATS"):
        await sessions.open(OpenSession(project="p", domain="d", token="x.y.z"))


def test_an_allowance_is_each_ones_own_and_comes_back() -> None:
    allowance = Allowance(2, 60.0)
    assert [allowance.take("ann", now) for now in (0.0, 1.0, 2.0, 59.9, 60.0, 60.5)] == [
        True,
        True,
        False,
        False,
        True,
        False,
    ]
    assert allowance.take("bob", 2.0)
