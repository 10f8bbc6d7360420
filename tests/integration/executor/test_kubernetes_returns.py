"""Watches that break off, and executors that come back: nothing is launched twice, nothing is lost."""

import asyncio
import random

import pytest
from aiohttp import web

from flyte_executor.backends.kubernetes.api import ClusterUnusable
from flyte_executor.backends.kubernetes.settings import KubernetesSettings
from flyte_schemas.events import ActionAborted
from flyte_schemas.phase import ActionPhase
from flyte_schemas.subjects import action_subject
from testkit.cases.harness import until
from testkit.executor_plane import running
from testkit.kubernetes.api_server import break_off
from testkit.kubernetes.place import Place
from testkit.kubernetes.store import Refused
from testkit.scripted_backend import TASK, Agent, idle, succeed

P = ActionPhase


async def test_a_watch_that_breaks_off_goes_on_where_it_was(place: Place) -> None:
    place.script = idle
    await place.executor()
    run = await place.plane.start()
    await place.plane.until(run, lambda fold: running(fold, "a0"))
    await until(lambda: place.server.watching == 1)
    lists = sum(call.startswith("GET") for call in place.server.calls)
    place.server.drop_watches()
    place.node.container(place.node.running[0]).end(137, "OOMKilled")
    root = await place.plane.settled(run)
    assert root.failure is not None and root.failure.code == "OOMKilled"
    assert sum(call.startswith("GET") for call in place.server.calls) == lists


async def test_what_happened_while_the_server_forgot_is_found_by_listing(place: Place) -> None:
    place.script = idle
    await place.executor()
    run = await place.plane.start()
    await place.plane.until(run, lambda fold: running(fold, "a0"))
    place.server.trouble("WATCH", *[Refused(503, "ServiceUnavailable", "not now")] * 3)
    place.server.drop_watches()
    place.script = succeed
    place.store.delete("flyte", (await place.pod())["metadata"]["name"])
    place.store.forget()
    root = await place.plane.settled(run)
    assert (root.phase, root.attempt) == (P.SUCCEEDED, 2)


async def test_a_bookmark_is_where_a_watch_goes_on(place: Place) -> None:
    await place.executor()
    await until(lambda: place.server.watching == 1)
    place.store.pass_by()
    place.store.bookmark()
    await until(lambda: place.server.watching == 1)
    run = await place.plane.start()
    assert (await place.plane.settled(run)).phase is P.SUCCEEDED
    await place.empty()
    place.store.pass_by()
    place.store.bookmark()
    await asyncio.sleep(0.05)
    lists = sum(call.startswith("GET") for call in place.server.calls)
    place.store.forget()  # as old as the bookmark: nothing is lost
    await until(lambda: place.server.calls[-1].startswith("WATCH"))
    assert sum(call.startswith("GET") for call in place.server.calls) == lists


# -- executors that come back -----------------------------------------------------------------------------


async def test_an_executor_that_comes_back_adopts_what_runs(place: Place) -> None:
    place.script = idle
    life = await place.executor()
    run = await place.plane.start()
    await place.plane.until(run, lambda fold: running(fold, "a0"))
    await life.end()
    await place.executor()
    await place.plane.quiet()
    assert (place.created(), len(place.node.running)) == (1, 1)
    place.node.container(place.node.running[0]).end(137, "OOMKilled")
    root = await place.plane.settled(run)
    assert root.failure is not None and root.failure.code == "OOMKilled"
    await place.empty()


async def test_what_ended_while_no_executor_ran_is_told_by_the_next(place: Place) -> None:
    place.script = idle
    life = await place.executor()
    run = await place.plane.start()
    await place.plane.until(run, lambda fold: running(fold, "a0"))
    await life.end()
    place.node.container(place.node.running[0]).end(137, "OOMKilled")
    await until(lambda: not place.node.running)
    await place.executor()
    root = await place.plane.settled(run)
    assert root.failure is not None and root.failure.code == "OOMKilled"
    await place.empty()


async def test_a_pod_that_the_log_does_not_want_is_removed(place: Place) -> None:
    place.script = idle
    life = await place.executor()
    run = await place.plane.start()
    await place.plane.until(run, lambda fold: running(fold, "a0"))
    await life.end()
    await place.plane.append(action_subject(run.action("a0")), ActionAborted(reason="meanwhile"))
    await place.executor()
    await place.empty()


CALLS = ("GET /api/v1/namespaces/flyte/pods", "POST /api/v1/namespaces/flyte/pods", "DELETE")
"""What an executor asks of the server for one run, from its start, beside the watch."""


async def test_a_run_takes_three_calls_and_a_watch(place: Place) -> None:
    await place.executor()
    await place.plane.settled(await place.plane.start())
    await place.empty()
    calls = [call for call in place.server.calls if not call.startswith("WATCH")]
    assert [call.startswith(said) for call, said in zip(calls, CALLS, strict=True)] == [True, True, True]


@pytest.mark.parametrize("is_answered", [False, True], ids=["before it is served", "before its answer"])
@pytest.mark.parametrize("at", range(len(CALLS)))
async def test_an_executor_may_die_at_any_call(place: Place, at: int, is_answered: bool) -> None:
    """It is killed when the call comes, or when it was served, and another one begins."""
    killed, count = asyncio.Event(), 0

    async def kill(request: web.Request) -> None:
        nonlocal count
        if not request.query.get("watch"):
            count += 1
            if count == at + 1:
                killed.set()
                await break_off(request)

    place.server.before, place.server.after = (None, kill) if is_answered else (kill, None)
    starting = asyncio.create_task(place.executor())
    run = await place.plane.start()
    async with asyncio.timeout(20.0):
        await killed.wait()
    if starting.done():
        await starting.result().end()
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    place.server.before = place.server.after = None
    await place.executor()
    root = await place.plane.settled(run)
    assert (root.phase, root.attempt) == (P.SUCCEEDED, 1)
    await place.empty()
    assert len(place.node.started) == 1
    assert [word for word in await place.plane.events(run.action("a0")) if word != "AttemptWaiting"] == [
        "ActionRequested",
        "ActionQueued",
        "AttemptPlaced",
        "AttemptStarted",
        "AttemptSucceeded",
    ]


TROUBLES = (
    break_off,
    Refused(429, "TooManyRequests", "slow down", {"Retry-After": "0"}),
    Refused(500, "InternalError", "etcdserver: leader changed"),
    Refused(503, "ServiceUnavailable", "apiserver is shutting down"),
)


@pytest.mark.parametrize("seed", range(6))
async def test_in_any_disorder_each_attempt_has_one_pod_and_each_run_its_end(place: Place, seed: int) -> None:
    """Executors die, answers are lost, watches break off, versions are forgotten, containers are killed."""
    chance = random.Random(seed)

    async def work(agent: Agent) -> None:
        if await agent.claim():
            await agent.enter()
            await asyncio.sleep(chance.uniform(0.0, 0.1))
            await agent.succeed()

    async def lose(request: web.Request) -> None:
        if not request.query.get("watch") and chance.random() < 0.2:
            await break_off(request)

    place.script, place.server.after, place.server.quota = work, lose, 5
    await place.plane.deploy(TASK.model_copy(update={"version": "often"}), retries=50)
    often = TASK.model_copy(update={"version": "often"})
    life = await place.executor()
    runs = [await place.plane.start(f"run{number}", often) for number in range(12)]
    for _ in range(25):
        await asyncio.sleep(chance.uniform(0.0, 0.03))
        match chance.randrange(6):
            case 0:
                await life.end()
                life = await place.executor()
            case 1:
                place.server.drop_watches()
            case 2:
                place.store.pass_by()
                place.store.forget()
            case 3 | 4:
                kind = chance.choice(["GET", "POST", "DELETE", "WATCH"])
                place.server.trouble(kind, *chance.choices(TROUBLES, k=2))
            case _ if place.node.running:
                place.node.container(chance.choice(place.node.running)).end(137, "OOMKilled")
    place.server.after = None
    place.server.troubles.clear()
    roots = [await place.plane.settled(run) for run in runs]
    assert {root.phase for root in roots} == {P.SUCCEEDED}
    await place.empty()
    assert len(place.node.started) == len(set(place.node.started)) == sum(root.attempt for root in roots)


async def test_a_server_that_went_away_is_trouble_until_it_is_back(place: Place) -> None:
    backend = place.backend(place.plane.bus)
    await place.plane.executor(backend=lambda bus: backend)
    await until(lambda: place.server.watching == 1)
    assert await backend.trouble() == ""
    place.server.trouble("WATCH", *[Refused(503, "ServiceUnavailable", "not now")] * 2)
    place.server.drop_watches()
    await until(lambda: not place.server.troubles["WATCH"])
    place.server.trouble("GET", *[Refused(403, "Forbidden", "not you")])
    assert "not you" in await backend.trouble()
    assert await backend.trouble() == ""


async def test_a_cluster_that_cannot_be_seen_is_no_place(place: Place) -> None:
    place.server.trouble("GET", Refused(403, "Forbidden", 'User "x" cannot list resource "pods"'))
    with pytest.raises(ClusterUnusable, match="cannot list resource"):
        await place.executor()


async def test_a_context_that_is_not_there_is_named(place: Place) -> None:
    place.settings = KubernetesSettings(contexts=("elsewhere",), namespace="flyte")
    with pytest.raises(ClusterUnusable, match="'elsewhere'"):
        await place.executor()
