"""Workers of pools in pods: made by the executor, found by the next, lost with what they ran and no more."""

import asyncio

import pytest

from flyte_executor.backends.kubernetes import cluster
from flyte_schemas.events import AttemptFailed, TaskDeployed
from flyte_schemas.phase import ActionPhase
from flyte_schemas.policies import Reuse
from flyte_schemas.subjects import task_subject
from flyte_schemas.task import Policies, TaskReference
from testkit.cases.harness import until
from testkit.executor_plane import running
from testkit.kubernetes.node import containers
from testkit.kubernetes.place import Place
from testkit.scripted_backend import Agent, idle, succeed
from testkit.tasks import template

P = ActionPhase
POOLED = TaskReference(name="warm.task", version="v1")


async def deploy(place: Place, **policy: float) -> None:
    reuse = Reuse(min_replicas=0, max_replicas=1, idle_ttl_s=60.0, scaledown_ttl_s=30.0)
    pooled = template(
        POOLED.name, reuse=reuse.model_copy(update=policy), policies=Policies.model_validate({"retries": 0})
    )
    data = TaskDeployed(version=POOLED.version, digest=pooled.digest(), template=pooled)
    await place.plane.append(task_subject("project", "domain", POOLED.name), data)


async def test_actions_share_the_pod_of_a_worker(place: Place) -> None:
    await deploy(place)
    await place.executor()
    workers = set()
    for name in ("one", "two", "three"):
        root = await place.plane.settled(await place.plane.start(name, POOLED))
        assert (root.phase, root.attempt) == (P.SUCCEEDED, 1)
        workers.add(root.worker)
    assert (len(workers), place.created(), len(place.pods)) == (1, 1, 1)


async def test_an_idle_worker_ends_and_its_pod_is_removed(place: Place) -> None:
    await deploy(place, idle_ttl_s=0.2, scaledown_ttl_s=0.1)
    await place.executor()
    await place.plane.settled(await place.plane.start("one", POOLED))
    await place.empty()
    assert (await place.plane.settled(await place.plane.start("two", POOLED))).phase is P.SUCCEEDED
    assert place.created() == 2


async def test_who_waits_for_a_workers_pod_sees_why(place: Place) -> None:
    await deploy(place, concurrency=2)
    await place.executor()
    place.node.is_full = True
    runs = [await place.plane.start(name, POOLED) for name in ("one", "two")]
    for run in runs:
        fold = await place.plane.until(run, lambda fold: "Insufficient cpu" in fold.root.waiting)
        assert fold.root.phase is P.WAITING_FOR_RESOURCES
    late = await place.plane.start("three", POOLED)
    place.node.take_waiting()
    for run in (*runs, late):
        assert (await place.plane.settled(run)).phase is P.SUCCEEDED
    assert place.created() == 1


async def test_a_pool_whose_image_is_not_there_fails_all_who_wait_for_it(place: Place) -> None:
    await deploy(place, concurrency=2)
    await place.executor()
    place.node.is_full = True
    runs = [await place.plane.start(name, POOLED) for name in ("one", "two")]
    pod = await place.pod()
    scheduled = {"conditions": [{"type": "PodScheduled", "status": "True"}]}
    stuck = {"waiting": {"reason": "ErrImagePull", "message": "manifest unknown"}}
    place.say(pod, scheduled | containers(pod, stuck))
    for run in runs:
        root = await place.plane.settled(run)
        assert root.failure is not None
        assert (root.phase, root.failure.code) == (P.FAILED, "ImageNotPulled")
    await place.empty()


async def test_a_pod_that_dies_loses_what_it_ran_and_nothing_else(place: Place) -> None:
    await deploy(place)
    await place.executor()
    place.script = idle
    one = await place.plane.start("one", POOLED)
    await place.plane.until(one, lambda fold: running(fold, "a0"))
    two = await place.plane.start("two", POOLED)
    await place.plane.until(two, lambda fold: fold.root.phase is P.WAITING_FOR_RESOURCES)
    place.script = succeed
    place.node.container(place.node.running[0]).end(137, "OOMKilled")
    lost, other = await place.plane.settled(one), await place.plane.settled(two)
    assert lost.failure is not None and lost.failure.code == "OOMKilled"
    assert (other.phase, other.attempt) == (P.SUCCEEDED, 1)
    await until(lambda: len(place.pods) == 1)


async def test_what_a_dead_pod_had_not_begun_somebody_else_gets(place: Place) -> None:
    """A worker takes two at once; it dies with the first of them."""
    await deploy(place, concurrency=2)
    await place.executor()
    place.node.is_full = True
    begun: list[str] = []

    async def begin(agent: Agent) -> None:
        begun.append(agent.attempt.action.run.run)
        await idle(agent)

    place.script = begin
    runs = {name: await place.plane.start(name, POOLED) for name in ("one", "two")}
    await place.pod()
    for run in runs.values():
        await place.plane.until(run, lambda fold: fold.root.phase is P.WAITING_FOR_RESOURCES)
    place.node.take_waiting()
    await until(lambda: bool(begun))
    await place.plane.until(runs[begun[0]], lambda fold: running(fold, "a0"))
    place.script = succeed
    place.node.container(place.node.running[0]).end(1, "Error")
    roots = [await place.plane.settled(run) for run in runs.values()]
    assert [root.phase for root in roots] == [P.SUCCEEDED, P.SUCCEEDED]
    failures = [
        (entry.subject.split(".")[4], entry.content.data.failure.code)
        for entry in await place.plane.entries()
        if isinstance(entry.content.data, AttemptFailed)
    ]
    assert failures == [(begun[0], "AgentLost")]


async def test_the_next_executor_has_the_workers_of_the_last(place: Place) -> None:
    await deploy(place)
    life = await place.executor()
    await place.plane.settled(await place.plane.start("one", POOLED))
    await life.end()
    assert len(place.node.running) == 1  # it waits for the next
    await place.executor()
    root = await place.plane.settled(await place.plane.start("two", POOLED))
    assert (root.phase, root.attempt) == (P.SUCCEEDED, 1)
    await asyncio.sleep(0.05)
    assert len(place.pods) == len({pod["metadata"]["name"] for pod in place.pods})


async def test_a_namespace_that_is_full_holds_a_pool_up(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "LONGEST_AGAIN_S", 0.05)
    await deploy(place)
    place.server.quota = 0
    await place.executor()
    run = await place.plane.start("one", POOLED)
    await place.plane.until(run, lambda fold: "exceeded quota" in fold.root.waiting)
    place.server.quota = None
    assert (await place.plane.settled(run)).phase is P.SUCCEEDED
