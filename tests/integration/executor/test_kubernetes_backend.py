"""What becomes of attempts in pods: on the bus in memory, with an API server, and agents by a script."""

import asyncio

import pytest
from aiohttp import web

from flyte_executor.backends.kubernetes import cluster
from flyte_schemas.events import AbortAction
from flyte_schemas.phase import ActionPhase
from flyte_schemas.subjects import RunKey, abort_request
from testkit.cases.harness import until
from testkit.executor_plane import first, running
from testkit.kubernetes.api_server import Trouble, break_off
from testkit.kubernetes.node import containers
from testkit.kubernetes.place import Place
from testkit.kubernetes.store import Refused
from testkit.scripted_backend import TASK, idle, succeed

P = ActionPhase


async def test_a_run_has_a_pod_which_is_removed_after_its_end(place: Place) -> None:
    await place.executor()
    run = await place.plane.start()
    root = await place.plane.settled(run)
    assert (root.phase, root.attempt) == (P.SUCCEEDED, 1)
    assert root.worker.startswith(place.node.started[0] + "/")
    await place.empty()
    assert place.created() == 1


async def test_a_pod_that_finds_no_node_shows_the_schedulers_words(place: Place) -> None:
    await place.executor()
    place.node.is_full = True
    run = await place.plane.start()
    fold = await place.plane.until(run, lambda fold: bool(fold.root.waiting))
    assert fold.root.phase is P.WAITING_FOR_RESOURCES
    assert fold.root.waiting == "a node: Unschedulable: 0/1 nodes are available: 1 Insufficient cpu."
    place.node.take_waiting()
    assert (await place.plane.settled(run)).phase is P.SUCCEEDED
    await place.empty()


async def test_a_full_namespace_is_waited_for(place: Place) -> None:
    place.script = idle
    await place.executor()
    place.server.quota = 1
    one = await place.plane.start("one")
    await place.plane.until(one, lambda fold: running(fold, "a0"))
    two = await place.plane.start("two")
    fold = await place.plane.until(two, lambda fold: "exceeded quota" in fold.root.waiting)
    assert fold.root.phase is P.WAITING_FOR_RESOURCES
    place.script = succeed
    place.node.container(place.node.running[0]).end(1, "Error")
    assert (await place.plane.settled(two)).phase is P.SUCCEEDED


async def test_an_attempt_that_waits_for_too_long_leaves_no_pod(place: Place) -> None:
    await place.plane.deploy(TASK, max_queued_s=2.0, retries=0)
    await place.plane.deploy(TASK.model_copy(update={"version": "v2"}), max_queued_s=2.0, retries=0)
    task = TASK.model_copy(update={"version": "v2"})
    await place.executor()
    place.node.is_full = True
    run = await place.plane.start(task=task)
    root = await place.plane.settled(run)
    assert root.phase is P.TIMED_OUT
    assert root.failure is not None and "1 Insufficient cpu" in root.failure.message
    await place.empty()


async def test_who_waits_for_room_can_be_aborted(place: Place) -> None:
    life = await place.executor()
    place.server.quota = 0
    run = await place.plane.start()
    await place.plane.until(run, lambda fold: "exceeded quota" in fold.root.waiting)
    await life.executor._backend.stop_attempt(first(run))
    await place.plane.until(run, lambda fold: fold.root.system_failures > 0)
    place.server.quota = None
    assert (await place.plane.settled(run)).phase is P.SUCCEEDED


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        (
            Refused(403, "Forbidden", 'User "x" cannot create resource "pods"'),
            "cannot create",
        ),
        (Refused(422, "Invalid", 'Pod "x" is invalid: spec.containers: Required value'), "is invalid"),
        (
            Refused(400, "BadRequest", 'admission webhook "policy" denied it: no'),
            "denied it",
        ),
        (Refused(404, "NotFound", 'namespaces "flyte" not found'), "namespaces"),
    ],
    ids=["RBAC", "invalid", "webhook", "no namespace"],
)
async def test_what_the_cluster_refuses_fails_with_its_words(
    place: Place, refusal: Refused, said: str
) -> None:
    await place.executor()
    place.server.trouble("POST", refusal)
    root = await place.plane.settled(await place.plane.start())
    assert root.phase is P.FAILED
    assert root.failure is not None
    assert (root.failure.code, root.attempt) == ("PodRefused", 1)
    assert said in root.failure.message
    assert place.created() == 1


@pytest.mark.parametrize(
    "trouble",
    [
        Refused(429, "TooManyRequests", "too many requests", {"Retry-After": "0"}),
        Refused(500, "InternalError", "etcdserver: request timed out"),
        Refused(503, "ServiceUnavailable", "apiserver is shutting down"),
        Refused(409, "Conflict", "Operation cannot be fulfilled on resourcequotas"),
        break_off,
    ],
    ids=["throttled", "error", "unavailable", "quota in use", "disconnected"],
)
async def test_what_passes_is_tried_again(place: Place, trouble: Refused | Trouble) -> None:
    await place.executor()
    place.server.trouble("POST", trouble, trouble)
    root = await place.plane.settled(await place.plane.start())
    assert (root.phase, root.attempt) == (P.SUCCEEDED, 1)
    assert place.created() == 3


async def test_of_an_answer_that_was_lost_comes_one_pod(place: Place) -> None:
    await place.executor()

    async def lose(request: web.Request) -> None:
        if request.method == "POST":
            place.server.after = None
            await break_off(request)

    place.server.after = lose
    root = await place.plane.settled(await place.plane.start())
    assert (root.phase, root.attempt) == (P.SUCCEEDED, 1)
    assert len(place.node.started) == 1


async def test_a_stranger_with_the_pods_name_is_no_pod_of_ours(place: Place) -> None:
    place.node.is_full = True
    life = await place.executor()
    await place.plane.start()
    pod = await place.pod()
    await life.end()
    metadata = pod["metadata"]
    place.store.delete(metadata["namespace"], metadata["name"])
    other = {**pod, "metadata": {**metadata, "annotations": {}, "labels": {}}}
    place.store.create(other)
    await place.executor()
    root = (
        await place.plane.until(RunKey("project", "domain", "run"), lambda fold: fold.root.attempt > 1)
    ).root
    assert root.failure is not None and "was made for something else" in root.failure.message


STUCK = {
    "ImageNotPulled": {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "registry/image:1"'},
    "ContainerNotStarted": {"reason": "CreateContainerConfigError", "message": 'secret "x" not found'},
}


@pytest.mark.parametrize("code", STUCK)
async def test_a_pod_that_is_stuck_fails_after_a_while(place: Place, code: str) -> None:
    place.node.is_full = True
    await place.executor()
    run = await place.plane.start()
    pod = await place.pod()
    scheduled = {"conditions": [{"type": "PodScheduled", "status": "True"}]}
    place.say(pod, scheduled | containers(pod, {"waiting": STUCK[code]}))
    root = await place.plane.settled(run)
    assert root.phase is P.FAILED
    assert root.failure is not None
    assert (root.failure.code, STUCK[code]["message"] in root.failure.message) == (code, True)
    await place.empty()


async def test_an_image_that_comes_in_time_is_no_failure(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "STUCK_S", 600.0)
    place.node.is_full = True
    await place.executor()
    run = await place.plane.start()
    pod = await place.pod()
    scheduled = {"conditions": [{"type": "PodScheduled", "status": "True"}]}
    place.say(pod, scheduled | containers(pod, {"waiting": STUCK["ImageNotPulled"]}))
    await place.plane.until(run, lambda fold: "cannot be pulled" in fold.root.waiting)
    place.node.take_waiting()
    assert (await place.plane.settled(run)).phase is P.SUCCEEDED


ENDS = {
    "OOMKilled": ((137, "OOMKilled"), {}, 1),
    "PodEvicted": ((137, "Error"), {"reason": "Evicted", "message": "The node was low on memory."}, 2),
    "AgentLost": ((1, "Error"), {}, 2),
}


@pytest.mark.parametrize("code", ENDS)
async def test_an_end_without_a_last_word_has_its_meaning(place: Place, code: str) -> None:
    (end, status, attempts) = ENDS[code]
    place.script = idle
    await place.executor()
    run = await place.plane.start()
    await place.plane.until(run, lambda fold: running(fold, "a0"))
    place.script = succeed
    pod = await place.pod()
    container = place.node.container(pod["metadata"]["name"])
    if status:
        place.say(pod, {"phase": "Failed", **status})
    container.end(*end)
    root = await place.plane.settled(run)
    failures = [
        entry.content.data.failure.code
        for entry in await place.plane.entries()
        if type(entry.content.data).__name__ == "AttemptFailed"
    ]
    assert (failures, root.attempt) == ([code], attempts)
    await place.empty()


async def test_a_pod_that_somebody_removes_is_lost(place: Place) -> None:
    place.script = idle
    await place.executor()
    run = await place.plane.start()
    await place.plane.until(run, lambda fold: running(fold, "a0"))
    place.script = succeed
    pod = await place.pod()
    place.store.delete("flyte", pod["metadata"]["name"])
    root = await place.plane.settled(run)
    assert (root.phase, root.attempt) == (P.SUCCEEDED, 2)


async def test_an_abort_ends_the_pod_and_the_log_has_the_proof(place: Place) -> None:
    place.script = idle
    await place.executor()
    run = await place.plane.start()
    await place.plane.until(run, lambda fold: running(fold, "a0"))
    await place.plane.append(abort_request(run, "alice"), AbortAction(action="a0", reason="enough"))
    assert (await place.plane.settled(run)).phase is P.ABORTED
    await place.empty()
    await until(lambda: not place.node.running)

    async def stopped() -> bool:
        return "AttemptStopped" in await place.plane.events(run.action("a0"))

    async with asyncio.timeout(10.0):
        while not await stopped():
            await asyncio.sleep(0.01)
