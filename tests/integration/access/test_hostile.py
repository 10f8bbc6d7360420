"""What a hostile task, or a hostile user of another project, would try: a real server, and our readers."""

import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import flyte_guard.app
from flyte_bus.errors import BusError, NotAllowed
from flyte_bus.identity.credentials import Credentials
from flyte_bus.identity.keyring import Keyring
from flyte_bus.identity.keys import KeyPair
from flyte_bus.identity.tokens import claims_of, signed
from flyte_bus.jetstream import JetStreamBus, connect
from flyte_bus.security import Security
from flyte_bus.settings import BusSettings
from flyte_schemas import streams
from flyte_schemas.endpoints import (
    CREATE_DOWNLOAD_LOCATION,
    CreateDownloadLocation,
    StopAttempt,
    StoppedAttempt,
    stop_attempt_endpoint,
)
from flyte_schemas.envelope import encode
from flyte_schemas.orders import Order
from flyte_schemas.subjects import ActionKey, AttemptKey, RunKey
from testkit.access_rules import EDGE, ME, OTHER_RUN, OWN, RUN, WORKER, Rules, said
from testkit.events import numbered
from testkit.raw_nats import NotLetIn, RawNats
from testkit.secured_server import SecuredServer, secured_server
from testkit.waiting import wait_for

OWN_RUN, SISTER_RUN = (RunKey(*OWN, run) for run in (RUN, OTHER_RUN))
FOREIGN_RUN = RunKey("bank", "prod", RUN)

TARGETS = (
    *(f"flyte.run.{run.project}.{run.domain}.{run.run}.aimed" for run in (OWN_RUN, SISTER_RUN, FOREIGN_RUN)),
    *(f"flyte.{kind}.bank.prod.aimed.aimed" for kind in ("log", "notice", "task", "trigger")),
    *(f"flyte.req.bank.prod.{verb}.aimed.{ME}" for verb in ("run", "deploy", "abort", "signal", "trigger")),
    *("flyte.timer.set.bank.prod.aimed.a0", "flyte.rejected"),
    *(
        "$KV.flyte_leases.bank.prod.aimed.a0.1",
        "$KV.flyte_cache.global.aimed",
        "$KV.flyte_settings.notifications",
    ),
    *(f"$JS.API.STREAM.{call}.FLYTE_RUNS" for call in ("DELETE", "PURGE")),
    "$JS.API.CONSUMER.DELETE.FLYTE_REQUESTS.registry",
)
"""Where an answer must never arrive in CORE, wherever it was aimed."""

Connect = Callable[[str], Awaitable[JetStreamBus]]


@pytest.fixture
async def buses(secured: SecuredServer) -> AsyncIterator[Connect]:
    """Buses of roles, with a guard beside them."""
    async with AsyncExitStack() as held:

        async def connected(role: str) -> JetStreamBus:
            return await held.enter_async_context(await secured.bus(role))

        guard = flyte_guard.app.build(await connected("guard"))
        await guard.start()
        held.push_async_callback(guard.stop)
        yield connected


@pytest.mark.parametrize("role", EDGE)
def test_no_answer_can_be_aimed_at_core(secured: SecuredServer, role: str) -> None:
    allowed = [subject for subject in said() if Rules(role).may_publish(subject)]
    with (
        RawNats(secured.port, secured.credentials("operator")) as spy,
        RawNats(secured.port, secured.credentials(role)) as hostile,
    ):
        for pattern in ("flyte.>", "$KV.>"):
            spy.listen(pattern)
        for target in TARGETS:
            for body in (b"?", b""):  # a direct get of one subject has no body
                assert hostile.refused_publishing(allowed, reply=target, body=body) == set()
        spy.answers(["$JS.API.STREAM.INFO.FLYTE_RUNS"])  # what was said before has arrived by then
        assert {subject for subject, _ in spy.heard} & set(TARGETS) == set()
        there = spy.answers([f"$JS.API.STREAM.INFO.{stream.name}" for stream in streams.STREAMS], body=b"")
        assert all(b'"last_seq"' in info for info in there.values())


AIMED = {"Nats-Schedule": "@every 1s", "Nats-Schedule-Target": "flyte.run.bank.prod.aimed.aimed"}
COMMANDS = (
    *({"Nats-Rollup": which} for which in ("all", "sub")),
    *(AIMED, AIMED | {"Nats-Schedule": "@at 2020-01-01T00:00:00Z"}),
    *({"Nats-Batch-Id": "another's", "Nats-Batch-Sequence": "1"}, {"Nats-Incr": "+1"}),
)
"""Headers that the server takes for commands, where the stream lets it."""


def test_a_header_commands_nothing_where_users_and_agents_write(secured: SecuredServer) -> None:
    theirs = "$KV.flyte_leases.bank.prod.r.a0.1"
    place = ".".join(OWN)
    with (
        RawNats(secured.port, secured.credentials("operator")) as operator,
        RawNats(secured.port, secured.credentials("agent")) as agent,
        RawNats(secured.port, secured.credentials("admin")) as admin,
    ):
        operator.answers([theirs], body=b"worker")
        own = [
            *((agent, f"flyte.{kind}.{place}.{RUN}.commands") for kind in ("run", "log")),
            (agent, f"$KV.flyte_leases.{place}.{RUN}.a0.1"),
            (admin, f"flyte.req.{place}.run.commands.{ME}"),
        ]
        for client, subject in own:
            for headers in COMMANDS:
                assert b'"error"' in client.answer_with(subject, headers), (subject, headers)
        for client, subject in (own[0], own[1], own[3]):
            assert b'"error"' in client.answer_with(subject, {"Nats-TTL": "1s"}), subject
        there = f"$JS.API.DIRECT.GET.KV_flyte_leases.{theirs}"
        assert operator.answers([there], body=b"")[there].endswith(b"worker")


@pytest.mark.parametrize("more", [{}, {"Nats-Trace-Only": "true"}])
@pytest.mark.parametrize("role", EDGE)
def test_no_trace_of_a_message_can_be_aimed_either(
    secured: SecuredServer, role: str, more: dict[str, str]
) -> None:
    allowed = [subject for subject in said() if Rules(role).may_publish(subject)]
    with RawNats(secured.port, secured.credentials(role)) as hostile:
        for target in (*TARGETS, "_INBOX.of.another"):
            if not Rules(role).may_publish(target):
                headers = {"Nats-Trace-Dest": target} | more
                assert hostile.refused_publishing(allowed, headers=headers) == {target}


async def test_what_is_aimed_at_a_reader_is_not_believed(secured: SecuredServer, buses: Connect) -> None:
    agent, viewer, executor = await buses("agent"), await buses("viewer"), await buses("executor")
    theirs = f"flyte.run.{OWN[0]}.{OWN[1]}.{OTHER_RUN}.a0"
    forged, honest = (numbered(theirs, number, id=id) for number, id in ((1, "forged"), (2, "honest")))
    own, raw = f"flyte.run.{OWN[0]}.{OWN[1]}.{RUN}.forger", encode(forged)
    with RawNats(secured.port, secured.credentials("agent")) as hostile:
        hostile.answers([own], body=raw)
        end = await viewer.log.last_sequence(streams.RUNS)
        async with aclosing(viewer.log.follow(streams.RUNS, theirs, after=end)) as entries:
            await executor.log.append(numbered(theirs, 3, id="first"))
            assert b"first" in (await anext(entries)).raw  # from here on it listens
            hostile.refused_publishing(
                [f"$JS.API.DIRECT.GET.FLYTE_RUNS.{own}"],
                reply=theirs.replace("flyte.run", "flyte.live.run"),
                body=b"",
            )
            await executor.log.append(honest)
            assert b"honest" in (await anext(entries)).raw
    with pytest.raises(NotAllowed):
        await agent.log.append(forged)


async def test_what_is_aimed_at_a_worker_stops_nothing(secured: SecuredServer, buses: Connect) -> None:
    worker, executor = await buses("worker"), await buses("executor")
    endpoint, stopped = stop_attempt_endpoint("s1", WORKER), list[str]()

    async def stop(question: StopAttempt) -> StoppedAttempt:
        stopped.append(question.order.action)
        return StoppedAttempt()

    forged, honest = (
        StopAttempt(order=Order.of(AttemptKey(ActionKey(OWN_RUN, name), 1), 1))
        for name in ("forged", "honest")
    )
    await worker.serve(endpoint, stop)
    own = f"flyte.run.{OWN[0]}.{OWN[1]}.{RUN}.order"
    with RawNats(secured.port, secured.credentials("agent")) as hostile:
        hostile.answers([own], body=forged.model_dump_json().encode())
        got = [f"$JS.API.DIRECT.GET.FLYTE_RUNS.{own}"]
        assert b"forged" in hostile.answers(got, body=b"")[got[0]]
        assert hostile.refused_publishing(got, reply=endpoint.subject, body=b"") == set()
    await executor.ask(endpoint, honest)
    assert stopped == ["honest"]


HOSTILE: dict[str, Callable[[JetStreamBus], Awaitable[object]]] = {
    "finish another run's action": lambda bus: bus.log.append(
        numbered(f"flyte.run.{OWN[0]}.{OWN[1]}.{OTHER_RUN}.a0")
    ),
    "finish another project's action": lambda bus: bus.log.append(numbered("flyte.run.bank.prod.r.a0")),
    "forge a deployment": lambda bus: bus.log.append(numbered("flyte.task.shop.prod.env.task")),
    "forge a request": lambda bus: bus.log.append(numbered("flyte.req.shop.prod.deploy.env.boss")),
    "read another run's logs": lambda bus: _all(
        bus, streams.LOGS, f"flyte.log.{OWN[0]}.{OWN[1]}.{OTHER_RUN}.*"
    ),
    "read another project's logs": lambda bus: _all(bus, streams.LOGS, "flyte.log.bank.prod.*.*"),
    "read another project's runs": lambda bus: _all(bus, streams.RUNS, "flyte.run.bank.prod.r.*"),
    "read another project's inputs": lambda bus: bus.ask(
        CREATE_DOWNLOAD_LOCATION, CreateDownloadLocation(uri=f"flyte://artifacts/bank/prod/{'0' * 32}")
    ),
    "take another's lease": lambda bus: bus.bucket(streams.LEASES_BUCKET).put("bank.prod.r.a0.1", b""),
    "read the settings": lambda bus: bus.bucket(streams.SETTINGS_BUCKET).get("notifications"),
    "change the settings": lambda bus: bus.bucket(streams.SETTINGS_BUCKET).put("notifications", b"{}"),
    "put a result into the cache": lambda bus: bus.bucket(streams.CACHE_BUCKET).put("global.x", b"{}"),
}


async def _all(bus: JetStreamBus, stream: streams.StreamSpec, subject: str) -> list[object]:
    async with aclosing(bus.log.read(stream, subject)) as entries:
        return [entry async for entry in entries]


@pytest.mark.parametrize("deed", HOSTILE)
async def test_a_task_is_refused(buses: Connect, deed: str) -> None:
    agent = await buses("agent")
    with pytest.raises(NotAllowed) as refused:
        await HOSTILE[deed](agent)
    assert "may not" in str(refused.value)


def test_a_task_makes_no_other_of_itself(secured: SecuredServer) -> None:
    """Its own token, said anew with more in it, by whatever key a task or the executor could hold."""
    agents = secured.keyring.minter("agent")
    mine = secured.credentials("agent")
    claims = {key: value for key, value in claims_of(mine.jwt).items() if key not in ("iss", "jti")}
    wide = {"pub": {"allow": [">"]}, "sub": {"allow": [">"]}, "subs": -1, "data": -1, "payload": -1}
    by_itself = KeyPair.from_seed(mine.seed)
    by_agents_key = KeyPair.from_seed(agents.signing_seed)
    for key, nats in (
        (by_itself, claims["nats"]),
        (KeyPair.create("account"), claims["nats"]),
        (by_agents_key, claims["nats"] | wide),
        (by_agents_key, claims["nats"] | {"issuer_account": secured.keyring.account("CORE")}),
    ):
        with pytest.raises(NotLetIn):
            RawNats(secured.port, Credentials(signed(claims | {"nats": nats}, key), mine.seed))
    tags = ["role:admin", "place:*.*", "run:*", "user:boss"]
    other = Credentials(signed(claims | {"nats": claims["nats"] | {"tags": tags}}, by_agents_key), mine.seed)
    with RawNats(secured.port, other) as client:  # whoever has the agents' key makes agents, and no more
        asked = [
            "flyte.req.bank.prod.deploy.env.boss",
            "flyte.task.bank.prod.env.task",
            "$JS.API.STREAM.DELETE.X",
        ]
        assert client.refused_publishing(asked) == set(asked)


async def test_credentials_that_are_over_let_nobody_in(secured: SecuredServer) -> None:
    brief = secured.keyring.minter("viewer").mint(ME, project=OWN[0], domain=OWN[1], ttl_s=1)
    with RawNats(secured.port, brief) as client, pytest.raises(NotLetIn, match=r"(?i)expired|closed"):
        client.wait_for_more(0)
    end = brief.identity.expires_at
    assert end is not None
    wait_for("its last second to be over", lambda: datetime.now(UTC) > end + timedelta(seconds=1))
    with pytest.raises(BusError, match="expired at"):
        await connect(secured.settings(brief))


def test_credentials_that_were_taken_back_let_nobody_in(tmp_path: Path) -> None:
    with secured_server(tmp_path) as server:
        keyring, place = server.keyring, [OWN]
        eve, ada = (keyring.create_user(name, "viewer", place) for name in ("eve", "ada"))
        with RawNats(server.port, eve) as let_out, RawNats(server.port, ada) as stays:
            assert keyring.revoke_user("eve") == 1
            server.server.send(signal.SIGHUP)
            wait_for("eve to be let out", lambda: not is_let_in(server, eve))
            with pytest.raises(NotLetIn):
                let_out.wait_for_more(0)
            stays.settle()
        with RawNats(server.port, keyring.create_user("eve", "viewer", place)):
            pass  # a new one is another


def test_a_signing_key_is_another_while_both_are_taken(tmp_path: Path) -> None:
    with secured_server(tmp_path) as server:
        before = server.credentials("agent")
        server.keyring.rotate("agent")
        after = server.credentials("agent")
        assert is_let_in(server, before) and not is_let_in(server, after)
        server.server.send(signal.SIGHUP)
        wait_for("the server to know the new key", lambda: is_let_in(server, after))
        assert is_let_in(server, before)
        with RawNats(server.port, before) as old:
            assert server.keyring.end_previous("agent")
            server.server.send(signal.SIGHUP)
            wait_for("the previous key to be over", lambda: not is_let_in(server, before))
            with pytest.raises(NotLetIn):
                old.wait_for_more(0)
        assert is_let_in(server, after)


async def test_a_service_is_who_it_was_until_it_is_started_again(tmp_path: Path) -> None:
    """Its file holds another user's credentials after a rotation, whose inbox it does not listen to."""
    with secured_server(tmp_path) as server:
        async with await server.bus("provisioner") as provisioner:
            await provisioner.provision()
        file = server.keyring.credentials("executor")
        settings = BusSettings(url=server.server.url, security=Security(creds=file), patience_s=20.0)
        async with await connect(settings) as executor:
            server.keyring.rotate("executor")
            server.server.kill()
            server.server.start()
            subject = f"flyte.run.{OWN[0]}.{OWN[1]}.{RUN}.a0"
            assert await executor.log.append(numbered(subject, 1)) == 1
            server.keyring.end_previous("executor")
            server.server.send(signal.SIGHUP)
            with pytest.raises(BusError, match=r"ended the connection|takes its credentials no longer"):
                while True:
                    await executor.log.append(numbered(subject, 1))
        async with await connect(settings) as again:
            assert await again.log.last_sequence(streams.RUNS) >= 1


async def test_a_new_key_changes_nobodys_name(tmp_path: Path) -> None:
    keyring = Keyring(tmp_path / "access")
    keyring.make(operator="ada")
    for role in ("operator", "executor", "operator"):
        keyring.end_previous(role)
        keyring.rotate(role)
    names = {
        role: Credentials.read(keyring.credentials(role).read_text()).identity.name
        for role in ("operator", "executor")
    }
    assert names == {"operator": "ada", "executor": "executor"}


def is_let_in(server: SecuredServer, credentials: Credentials) -> bool:
    try:
        with RawNats(server.port, credentials) as client:
            client.settle()
    except NotLetIn:
        return False
    return True
