"""Attempts as pods: named after their attempts, told of by a watch, found again by a listing.

The cluster is the memory, no books are kept. A pod is removed when the log has its end; what its agent had
yet to say is lost with it. Workers of pools are pods that the executor makes itself: a Deployment that is
scaled down ends whichever pod it likes, here only one that has nothing to do ends.
"""

import asyncio
import contextlib
import os
import re
import secrets
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import uuid4

import structlog

from flyte_bus.errors import BusError, Conflict
from flyte_bus.history import read_action
from flyte_bus.ports import Bus, Server
from flyte_executor.backends.kubernetes.api import Api, ApiError, ApiUnavailable, ClusterUnusable, Document
from flyte_executor.backends.kubernetes.bus_tls import certificates_in_words
from flyte_executor.backends.kubernetes.cluster import Cluster, GivenUp, refused
from flyte_executor.backends.kubernetes.letting_in import LettingIn, annotation_of, name_by_lot, own_variable
from flyte_executor.backends.kubernetes.manifest import (
    attempt_pod,
    context_of,
    namespace_of,
    pod_name,
    template_name,
    worker_pod,
)
from flyte_executor.backends.kubernetes.pods import WORKER, Pod
from flyte_executor.backends.kubernetes.secret_store import check_secrets
from flyte_executor.backends.kubernetes.settings import KubernetesSettings
from flyte_executor.backends.kubernetes.status import Ended
from flyte_executor.backends.kubernetes.telling import Telling
from flyte_executor.backends.port import Gone, Launch, LaunchFailed, OnGone, OnWaiting, order_for
from flyte_executor.backends.stopping import stopped_inside
from flyte_executor.backends.workers import Worker, Workers
from flyte_executor.clock import elapsed
from flyte_executor.credentials import Issuer
from flyte_schemas.endpoints import TakeWork, WorkGiven, take_work_endpoint
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.failure_codes import SHARED_PROCESS_ENDED
from flyte_schemas.orders import PoolOrder
from flyte_schemas.streams import SETTINGS_BUCKET
from flyte_schemas.subjects import AttemptKey

log = structlog.get_logger()

SITE_KEY = "executor.kubernetes.site"
"""Where it stands how the pods of this log are told from those of others, in the settings' bucket."""
UNKNOWN_S = 1.0
"""How long the question of a worker stays open whose pod the watch has not told of yet."""
READ_AGAIN_S = 1.0
"""The pause before the log is read again where the bus was away."""
CLOSING_S = 10.0
"""How much longer than the grace pods may take to end with the executor."""


class KubernetesBackend:
    """The port `Backend` on one cluster, or on one for each context. `environment` is the executor's own."""

    def __init__(
        self,
        bus: Bus,
        settings: KubernetesSettings,
        environment: dict[str, str] | None = None,
        issuer: Issuer | None = None,
    ) -> None:
        self._letting_in = None if issuer is None else LettingIn(issuer, bus.log)
        self._bus = bus
        self._settings = settings
        self._environment = dict(os.environ) if environment is None else environment
        self._owner = f"e{uuid4().hex}"
        self._site = ""
        self._clusters: dict[str | None, Cluster] = {}
        self._launching: dict[AttemptKey, asyncio.Event] = {}
        self._launch_of: dict[str, Launch] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._servers: list[Server] = []
        self._is_closing = False

    @property
    def apis(self) -> list[Api]:
        """The clusters' API servers, once it has started; the first is where most things run."""
        return [cluster.api for cluster in self._clusters.values()]

    @property
    def workers(self) -> Workers:
        """Those of its pools, once it has started."""
        return self._workers

    async def start(self, on_gone: OnGone, on_waiting: OnWaiting) -> frozenset[AttemptKey]:
        """See `Backend.start`. Raises ClusterUnusable."""
        self._on_gone = on_gone
        self._site = await _site(self._bus)
        self._workers = Workers(
            self._make_worker, self._lose, owner=self._owner, site=self._site, now=elapsed
        )
        self._telling = Telling(on_waiting, self._workers, self._spawn)
        for context in self._settings.contexts or (None,):
            api = Api(context, calls=self._settings.calls)
            self._clusters[context] = Cluster(api, self._site, self._watched(), self)
        try:
            await asyncio.gather(*(self._begin(*one) for one in self._clusters.items()))
            for name in (self._owner, self._site):
                self._servers.append(await self._bus.serve(take_work_endpoint(name), self._take))
        except BaseException:
            await self.close(stop_attempts=False)
            raise
        return frozenset(pod.order.key for _, pod in self._pods() if pod.order and pod.end is None)

    async def trouble(self) -> str:
        """See `TellsTrouble`."""
        for context, cluster in self._clusters.items():
            if why := await cluster.trouble():
                return f"the cluster {context} does not answer: {why}" if context else why
        return ""

    async def launch(self, launch: Launch) -> None:
        """See `Backend.launch`. It lasts until there is a pod: while the cluster has no room for one, too."""
        order = order_for(launch)
        attempt = launch.attempt
        if launch.pool is not None:
            self._launch_of[launch.pool.name] = launch
            self._workers.give(launch.work, launch.pool, launch.most_workers)
            self._telling.joined(launch.pool.name, attempt)
            return
        if attempt in self._launching or any(pod.order == order for _, pod in self._pods()):
            return
        given_up = self._launching[attempt] = asyncio.Event()
        make = self._variant(attempt_pod, pod_name(attempt, self._site), launch, order, self._settings)
        try:
            await self._create(launch, make, lambda message: self._telling.say([attempt], message), given_up)
        except GivenUp:
            self._spawn(self._tell([attempt], "", "it was told to stop before there was room for it"))
        finally:
            self._launching.pop(attempt, None)

    async def stop_attempt(self, attempt: AttemptKey) -> None:
        self._workers.take_back(attempt)
        if (given_up := self._launching.get(attempt)) is not None:
            given_up.set()
        stopping = [
            cluster.remove(pod, grace_s=self._settings.grace_s)
            for cluster, pod in self._pods()
            if pod.order is not None and pod.order.key == attempt and pod.end is None
        ]
        worker = self._workers.of_attempt(attempt)
        if worker is not None and await self._claimed(worker, attempt):
            stopping.append(self._stop_in(worker, attempt))
        await asyncio.gather(*stopping)

    async def close(self, *, stop_attempts: bool) -> None:
        """See `Backend.close`. Idle workers stay: the next executor needs them, or they end by themselves."""
        self._is_closing = True
        if stop_attempts:
            grace_s = self._settings.grace_s
            await asyncio.gather(*(one.remove(pod, grace_s=grace_s) for one, pod in self._pods()))
            within_s = grace_s + CLOSING_S
            await asyncio.gather(*(one.empty(within_s) for one in self._clusters.values()))
        await self._workers.close()
        for server in self._servers:
            await server.stop()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for cluster in self._clusters.values():
            await cluster.close()

    # -- making pods ---------------------------------------------------------------------------------------

    async def _create(
        self,
        launch: Launch,
        make: Callable[..., Document],
        waits: Callable[[str], None],
        given_up: asyncio.Event,
    ) -> Pod:
        """The pod of a launch. Raises LaunchFailed and GivenUp."""
        run = launch.attempt.action.run
        namespace = namespace_of(run.project, run.domain, self._settings)
        if self._settings.namespaces and namespace not in self._settings.namespaces:
            raise LaunchFailed(
                f"namespace {namespace}, where pods of {run.project}/{run.domain} run, is none of "
                "FLYTE_EXECUTOR_K8S_NAMESPACES"
            )
        cluster = self._clusters[context_of(launch, self._settings)]
        if self._settings.pod_secrets:
            await check_secrets(cluster.api, namespace, launch, self._settings)
        named = None
        if (name := template_name(launch)) is not None:
            try:
                named = await cluster.api.pod_template(namespace, name)
            except ApiError as error:
                raise refused(error) from error
            except ApiUnavailable as error:
                raise LaunchFailed(f"the cluster's API server does not answer: {error}") from error
        pod = await cluster.create(make(named=named), waits, given_up)
        if self._letting_in is not None:
            try:
                await self._letting_in.let_in(cluster.api, pod)
            except (ApiError, ApiUnavailable) as error:
                await cluster.remove(pod, grace_s=0.0)
                raise LaunchFailed(f"its pod could not be given its credentials: {error}") from error
        return pod

    def _variant(
        self, make: Callable[..., Document], pod_name: str, /, *args: Any, **words: Any
    ) -> Callable[..., Document]:
        """Makes a pod whose agent is known by the pod's name and a mark that no other pod ever has."""
        worker = f"{pod_name}/{secrets.token_hex(4)}"
        trusted = certificates_in_words(self._environment, self._settings)
        environment = self._environment | trusted | {"FLYTE_WORKER": worker}
        own, told = None, {WORKER: worker}
        if self._letting_in is not None:
            secret = name_by_lot(pod_name)
            own, told = own_variable(secret), told | annotation_of(secret)

        def made(named: Document | None) -> Document:
            pod = make(*args, **words, site=self._site, environment=environment, named=named, own=own)
            pod["metadata"]["annotations"] |= told
            return pod

        return made

    async def _make_worker(self, order: PoolOrder) -> str:
        launch = self._launch_of[order.pool]
        pool = launch.pool
        assert pool is not None
        readable = re.sub(r"[^a-z0-9]+", "-", order.pool.lower())[:46].strip("-")
        name = f"w-{readable}-{secrets.token_hex(6)}"
        make = self._variant(worker_pod, name, order, pool, launch, self._settings, name=name)
        pod = await self._create(
            launch,
            make,
            lambda message: self._telling.say(self._workers.waiting(order.pool), message),
            asyncio.Event(),
        )
        return pod.worker

    async def _lose(self, attempts: list[AttemptKey], error: LaunchFailed) -> None:
        """No worker could be made for these."""
        await self._tell(attempts, "", str(error), error.failure)

    # -- what pods do --------------------------------------------------------------------------------------

    def waits(self, cluster: Cluster, pod: Pod) -> None:
        """See `Listens.waits`."""
        if not self._is_closing:
            self._telling.waits(pod)

    def over(self, cluster: Cluster, pod: Pod) -> None:
        """See `Listens.over`."""
        if not self._is_closing:
            self._spawn(self._bury(cluster, pod))

    async def _bury(self, cluster: Cluster, pod: Pod) -> None:
        """Say that it has ended, and remove it when the log has that."""
        end = pod.end
        assert end is not None
        if pod.order is not None:
            attempts, failure = [pod.order.key], end.failure
        else:
            attempts, failure = await self._lost_with(pod, end)
        if await self._tell(attempts, pod.worker, end.reason, failure):
            await cluster.remove(pod, grace_s=self._settings.grace_s)

    async def _lost_with(self, pod: Pod, end: Ended) -> tuple[list[AttemptKey], Failure | None]:
        """The attempts that end with the pod of a worker, and what that means: those that it has claimed.

        What else it was given somebody else gets. When it never began, and none of its pool ever will, all
        that waits is lost.
        """
        assert pod.pool is not None
        self._telling.began(pod.pool.pool, pod.worker)
        worker = self._workers.named(pod.worker)
        work = list(worker.work.values()) if worker is not None else []
        ran = [one.order for one in work if worker and await self._claimed(worker, one.order.key)]
        has_begun = worker is not None and worker.has_asked
        is_hopeless = end.failure is not None and not end.failure.recoverable and not has_begun
        given_up = self._workers.give_up(pod.pool.pool) if is_hopeless else []
        lost = [*given_up, *self._workers.gone(pod.worker, ran=ran, is_told=True)]
        return lost, _shared(end) if len(ran) > 1 else end.failure

    async def _tell(
        self, attempts: list[AttemptKey], worker: str, reason: str, failure: Failure | None = None
    ) -> bool:
        """Whether all of it is in the log."""
        for attempt in attempts:
            gone = Gone(attempt=attempt, worker=worker, reason=reason, failure=failure)
            if not await self._on_gone(gone):
                return False
        return True

    async def _claimed(self, worker: Worker, attempt: AttemptKey) -> bool:
        """Whether the log says that this worker has the attempt."""
        while True:
            try:
                state, _ = await read_action(self._bus.log, attempt.action)
            except BusError as error:
                log.warning("executor.kubernetes.log_not_read", attempt=str(attempt), error=str(error))
                await asyncio.sleep(READ_AGAIN_S)
                continue
            return (state.attempt, state.worker) == (attempt.attempt, worker.name)

    async def _stop_in(self, worker: Worker, attempt: AttemptKey) -> None:
        """End an attempt that a worker runs, and the worker when it cannot be done otherwise."""
        if await stopped_inside(self._bus, self._site, worker, attempt, grace_s=self._settings.grace_s):
            if worker.work.pop(attempt, None) is not None:
                await self._tell([attempt], worker.name, "it was told to stop")
            return
        worker.is_ending = True
        for cluster, pod in self._pods():
            if pod.worker == worker.name:
                await cluster.remove(pod, grace_s=self._settings.grace_s)

    async def _take(self, question: TakeWork) -> WorkGiven:
        """A worker asks; one that is not known was another executor's, or the watch has yet to tell of it."""
        if question.worker not in self._workers.names:
            pod = next((pod for _, pod in self._pods() if pod.worker == question.worker), None)
            is_its_pod = pod and pod.end is None and pod.pool and pod.pool.pool == question.pool
            if not is_its_pod or self._is_closing:
                await asyncio.sleep(UNKNOWN_S)
                return WorkGiven(owner=self._owner)
            self._workers.add(question.worker, question.pool, question.has)
        self._telling.began(question.pool, question.worker)
        return await self._workers.take(question)

    # -- places --------------------------------------------------------------------------------------------

    def _pods(self) -> list[tuple[Cluster, Pod]]:
        return [(cluster, pod) for cluster in self._clusters.values() for pod in cluster.pods]

    def _watched(self) -> tuple[str | None, ...]:
        """The namespaces to watch; None: all."""
        if self._settings.namespaces:
            return self._settings.namespaces
        return (None,) if "{" in self._settings.namespace else (self._settings.namespace,)

    async def _begin(self, context: str | None, cluster: Cluster) -> None:
        try:
            await cluster.begin()
            if self._letting_in is not None:
                left = [pod for pod in cluster.pods if pod.waits_for]
                await self._letting_in.let_in_left(cluster.api, left)
        except (ApiError, ApiUnavailable) as error:
            which = f"context {context}" if context else "the cluster"
            raise ClusterUnusable(
                f"the kubernetes backend cannot see the pods of {which}: {error}"
            ) from error

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _site(bus: Bus) -> str:
    """How the pods of this log are told from those of others: chosen once, for all executors."""
    bucket = bus.bucket(SETTINGS_BUCKET)
    with contextlib.suppress(Conflict):
        await bucket.create(SITE_KEY, f"s{uuid4().hex[:16]}".encode())
    entry = await bucket.get(SITE_KEY)
    assert entry is not None and entry.value is not None  # nobody removes it
    return entry.value.decode()


def _shared(end: Ended) -> Failure:
    """Of several attempts that lost their process with the same pod: whose doing it was is not known."""
    said = end.failure.message if end.failure else end.reason
    return Failure(
        code=SHARED_PROCESS_ENDED,
        kind=FailureKind.SYSTEM,
        message=f"its process ended, in which other attempts ran too: {said}",
        hint="each is tried again in a process of its own; the one whose doing it was will say so",
    )
