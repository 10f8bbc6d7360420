"""Executors with pods: on the bus in memory, with an API server for tests and agents that follow a script."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiohttp import web

from flyte_bus.ports import Bus
from flyte_executor.backends.kubernetes import api, cluster, telling, watch
from flyte_executor.backends.kubernetes.api import ClusterUnusable
from flyte_executor.backends.kubernetes.backend import KubernetesBackend
from flyte_executor.backends.kubernetes.settings import KubernetesSettings
from flyte_schemas.events import AbortAction, ActionAborted
from flyte_schemas.phase import ActionPhase
from flyte_schemas.subjects import RunKey, abort_request, action_subject
from testkit.cases.harness import until
from testkit.executor_plane import Life, Plane, first, running
from testkit.kubernetes.api_server import ApiServer, Trouble, break_off
from testkit.kubernetes.node import Node, containers
from testkit.kubernetes.scripted import ScriptedContainer
from testkit.kubernetes.store import Document, Refused
from testkit.scripted_backend import TASK, Script, idle, succeed

P = ActionPhase
SETTINGS = KubernetesSettings(namespace="flyte", image="registry/image:1", grace_s=5.0)
BUS = {"FLYTE_NATS_URL": "nats://bus:4222"}


class Place:
    """A plane, a cluster, a node."""

    def __init__(self, plane: Plane, server: ApiServer) -> None:
        self.plane = plane
        self.server = server
        self.store = server.store
        self.script: Script = succeed
        self.node = Node(self.store, self._container)
        self.settings = SETTINGS

    def _container(self, pod: Document) -> ScriptedContainer:
        return ScriptedContainer(self.plane.bus, pod, self.script)

    def backend(self, bus: Bus) -> KubernetesBackend:
        return KubernetesBackend(bus, self.settings, BUS)

    async def executor(self, **settings: int) -> Life:
        return await self.plane.executor(backend=self.backend, **settings)  # type: ignore[arg-type]

    @property
    def pods(self) -> list[Document]:
        return list(self.store.pods.values())

    async def empty(self) -> None:
        """Return when no pod is left."""
        await until(lambda: not self.store.pods)

    async def pod(self) -> Document:
        """The only pod, once it is there."""
        await until(lambda: len(self.store.pods) == 1 and "conditions" in self.pods[0]["status"])
        return self.pods[0]

    def say(self, pod: Document, status: dict[str, object]) -> None:
        metadata = pod["metadata"]
        self.store.change(metadata["namespace"], metadata["name"], status)

    def created(self) -> int:
        return sum(call.startswith("POST") for call in self.server.calls)


@pytest.fixture
async def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    monkeypatch.setattr(cluster, "AGAIN_S", 0.05)
    monkeypatch.setattr(cluster, "STUCK_S", 0.1)
    monkeypatch.setattr(telling, "AFTER_S", 0.0)
    monkeypatch.setattr(api, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(watch, "FIRST_PAUSE_S", 0.01)
    async with AsyncExitStack() as stack:
        server = ApiServer()
        await server.start()
        stack.push_async_callback(server.stop)
        monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path / "kubeconfig")))
        plane = Plane(tmp_path, stack)
        await plane.bus.provision()
        stack.push_async_callback(plane.bus.close)
        await plane.deploy(TASK, retries=0)
        place = Place(plane, server)
        stack.push_async_callback(place.node.close)
        yield place


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
    await place.plane.deploy(TASK, max_queued_s=0.3, retries=0)
    await place.plane.deploy(TASK.model_copy(update={"version": "v2"}), max_queued_s=0.3, retries=0)
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
    await place.plane.append(abort_request(run), AbortAction(action="a0", reason="enough"))
    assert (await place.plane.settled(run)).phase is P.ABORTED
    await place.empty()
    await until(lambda: not place.node.running)

    async def stopped() -> bool:
        return "AttemptStopped" in await place.plane.events(run.action("a0"))

    async with asyncio.timeout(10.0):
        while not await stopped():
            await asyncio.sleep(0.01)


# -- watching ---------------------------------------------------------------------------------------------


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


async def test_a_cluster_that_cannot_be_seen_is_no_place(place: Place) -> None:
    place.server.trouble("GET", Refused(403, "Forbidden", 'User "x" cannot list resource "pods"'))
    with pytest.raises(ClusterUnusable, match="cannot list resource"):
        await place.executor()


async def test_a_context_that_is_not_there_is_named(place: Place) -> None:
    place.settings = KubernetesSettings(contexts=("elsewhere",), namespace="flyte")
    with pytest.raises(ClusterUnusable, match="'elsewhere'"):
        await place.executor()
