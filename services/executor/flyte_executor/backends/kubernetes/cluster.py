"""One cluster: the pods of our site in it, as the watch tells of them, and how one is made and removed.

The cluster is the memory: what this module knows is what a listing said and the watch changed.
"""

import asyncio
import json
import random
from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Protocol

import structlog

from flyte_executor.backends.kubernetes.api import Api, ApiError, ApiUnavailable, Document
from flyte_executor.backends.kubernetes.identity import order_of, pool_order_of, site_selector
from flyte_executor.backends.kubernetes.pods import Pod, pod_of
from flyte_executor.backends.kubernetes.status import Ended, Runs, Waits, ended, status_of
from flyte_executor.backends.kubernetes.watch import PodWatch, count_of
from flyte_executor.backends.port import LaunchFailed
from flyte_schemas.failure import Failure, FailureKind

log = structlog.get_logger()

STUCK_S = 120.0
"""For how long an image or a Secret may be missing before its pod is given up."""
AGAIN_S = 5.0
"""The pause before a pod is sent again for which there was no room; the end of one of ours ends it."""
LONGEST_AGAIN_S = 30.0
FIRST_AGAIN_S = 0.1
"""Where the server did not answer: the first pause is twice that, and doubled each time."""
TRIES = 5
"""How often that happens before it is told."""
LONGEST_POD = 512 * 1024
"""The most bytes of a pod as it is sent: etcd takes 1.5 MB, and a watch tells all of it at every change."""
REMOVED_KEPT = 1000
"""How many pods that are gone are remembered, for answers that come late."""


class Listens(Protocol):
    """Who is told of the pods of a cluster."""

    def waits(self, cluster: "Cluster", pod: Pod) -> None:
        """It does not run yet (`Pod.waits_for`), or not as before."""

    def over(self, cluster: "Cluster", pod: Pod) -> None:
        """It has ended, or is given up (`Pod.end`); told once."""


class GivenUp(Exception):
    """Nobody wants the pod any more that there was no room for."""


class Cluster:
    """The pods of one site in the `namespaces` of a cluster (None: in all)."""

    def __init__(self, api: Api, site: str, namespaces: Iterable[str | None], listens: Listens) -> None:
        self.api = api
        self._listens = listens
        self._pods: dict[str, Pod] = {}
        self._removed: OrderedDict[str, Pod] = OrderedDict()
        self._watches = [PodWatch(api, one, site_selector(site), self) for one in namespaces]
        self._watching: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()
        self._waiting: set[asyncio.Event] = set()
        """Of those who wait for room: set when a pod is gone."""

    @property
    def pods(self) -> list[Pod]:
        """All that are there."""
        return list(self._pods.values())

    async def begin(self) -> None:
        """See what is there, and go on watching. Raises ApiError, ApiUnavailable, ClusterUnusable."""
        host = await self.api.connect()
        for watch in self._watches:
            await watch.begin()
        self._watching = [asyncio.create_task(watch.run(), name=f"watch {host}") for watch in self._watches]

    async def trouble(self) -> str:
        """Why pods cannot be made or watched just now; the empty text when they can."""
        found = [why for watch in self._watches if (why := await watch.trouble())]
        return found[0] if found else ""

    async def close(self) -> None:
        """Watch no more."""
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)
        for pod in self._pods.values():
            pod.rest()
        await self.api.close()

    async def empty(self, within_s: float) -> None:
        """Return when no pod of ours is there any more, or after that time."""
        try:
            async with asyncio.timeout(within_s):
                while self._pods:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            log.warning("executor.kubernetes.pods_left", count=len(self._pods))

    # -- making and removing ------------------------------------------------------------------------------

    async def create(self, document: Document, waits: Callable[[str], None], given_up: asyncio.Event) -> Pod:
        """Make a pod, or find it made; while there is no room for it `waits` is told.

        Raises LaunchFailed, and GivenUp when it is not wanted any more.
        """
        _check_size(document)
        freed = asyncio.Event()
        self._waiting.add(freed)
        try:
            return await self._create(document, waits, given_up, freed)
        finally:
            self._waiting.discard(freed)

    async def _create(
        self,
        document: Document,
        waits: Callable[[str], None],
        given_up: asyncio.Event,
        freed: asyncio.Event,
    ) -> Pod:
        tries, pause_s = 0, AGAIN_S
        while not given_up.is_set():
            wakes = [given_up, freed]
            freed.clear()
            known = self._made(document)  # when an answer was lost, the watch may have told of it
            if known is not None:
                return known
            try:
                made = self._take(await self.api.create_pod(document))
                if made is None:
                    raise LaunchFailed("the cluster changed the pod so that nobody can tell what it is for")
                return made
            except ApiUnavailable as error:
                tries += 1
                if tries >= TRIES:
                    waits(f"the cluster's API server, which does not answer: {error}")
                pause_s = max(2 * error.after_s, min(FIRST_AGAIN_S * 2**tries, LONGEST_AGAIN_S))
                wakes = [given_up]
            except ApiError as error:
                if error.code == 409 and error.reason == "AlreadyExists":
                    there = await self._made_before(document)
                    if there is not None:
                        return there
                elif error.code == 409:  # somebody else used the quota in the same moment
                    pause_s = AGAIN_S / 10
                elif error.is_quota:
                    waits(f"room in its namespace: {error.message}")
                else:
                    raise refused(error) from error
            await _until_any(wakes, pause_s * random.uniform(0.5, 1.0))
            pause_s = AGAIN_S if freed.is_set() else min(2 * pause_s, LONGEST_AGAIN_S)
        raise GivenUp

    async def remove(self, pod: Pod, *, grace_s: float) -> None:
        """Have a pod end and be removed; tried until the server takes it."""
        pause_s = 1.0
        while not pod.is_removed:
            try:
                await self.api.delete_pod(pod.namespace, pod.name, pod.uid, grace_s=grace_s)
                return
            except ApiUnavailable as error:
                log.warning("executor.kubernetes.not_removed", pod=pod.name, why=str(error))
            except ApiError as error:
                log.error("executor.kubernetes.not_removed", pod=pod.name, why=error.message)
                return
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_AGAIN_S)

    def _made(self, document: Document) -> Pod | None:
        """The pod that was made from this, also if it was there and is gone."""
        name, told = document["metadata"]["name"], (order_of(document), pool_order_of(document))
        known = (pod for pods in (self._pods, self._removed) for pod in pods.values() if pod.name == name)
        return next((pod for pod in known if (pod.order, pod.pool) == told), None)

    async def _made_before(self, document: Document) -> Pod | None:
        """The pod of this name, if it was made for the same; None when it is gone. Raises LaunchFailed."""
        metadata = document["metadata"]
        try:
            there = await self.api.pod(metadata["namespace"], metadata["name"])
        except ApiUnavailable:
            return None  # then it is sent again
        except ApiError as error:
            raise refused(error) from error
        if there is None:
            return None
        if (order_of(there), pool_order_of(there)) != (order_of(document), pool_order_of(document)):
            raise LaunchFailed(
                f"a pod {metadata['name']} is in namespace {metadata['namespace']} already, and was made for "
                "something else: remove it"
            )
        return self._take(there)

    # -- what the watch tells -----------------------------------------------------------------------------

    def listed(self, namespace: str | None, pods: list[Document], version: int) -> None:
        """See `Hears.listed`. What was made since then is not missing."""
        there = {str(pod["metadata"]["uid"]) for pod in pods}
        for pod in self.pods:
            is_older = _version(pod.document) <= version
            if pod.uid not in there and namespace in (None, pod.namespace) and is_older:
                self.removed(pod.document)
        for document in pods:
            self.seen(document)

    def seen(self, pod: Document) -> None:
        """See `Hears.seen`."""
        self._take(pod)

    def removed(self, pod: Document) -> None:
        """See `Hears.removed`."""
        uid = str(pod["metadata"]["uid"])
        known = self._pods.pop(uid, None)
        for event in (self._changed, *self._waiting):
            event.set()
        if known is not None:
            known.document, known.is_removed = {}, True
            self._over(known, ended(pod))
            self._removed[uid] = known
            while len(self._removed) > REMOVED_KEPT:
                self._removed.popitem(last=False)

    def _take(self, document: Document) -> Pod | None:
        """Take note of a pod, unless it was removed since; None when it does not say what it was made for."""
        document["metadata"].pop("managedFields", None)  # it is long, and nobody reads it
        uid = str(document["metadata"]["uid"])
        pod = self._pods.get(uid)
        if pod is None:
            pod = pod_of(document)
            if pod is None or uid in self._removed:
                return pod
            self._pods[uid] = pod
        elif _version(document) < _version(pod.document):
            return pod  # an answer that the watch has overtaken
        pod.document = document
        self._look(pod)
        return pod

    def _look(self, pod: Pod) -> None:
        """See where a pod stands, and when to look again if nobody says anything."""
        if pod.end is not None:
            return
        loop = asyncio.get_running_loop()
        if pod.look_again is not None:
            pod.look_again.cancel()
            pod.look_again = None
        pod.status = status = status_of(pod.document, datetime.now(UTC))
        match status:
            case Ended():
                self._over(pod, status)
            case Runs(lost_at=lost_at):
                pod.stuck_since = None
                if lost_at is not None:
                    left_s = (lost_at - datetime.now(UTC)).total_seconds()
                    pod.look_again = loop.call_later(max(0.0, left_s), self._look, pod)
            case Waits(failure=failure, is_certain=is_certain):
                now = loop.time()
                pod.stuck_since = None if failure is None else pod.stuck_since or now
                left_s = 0.0 if is_certain else (pod.stuck_since or now) + STUCK_S - now
                if failure is not None and left_s <= 0.0:
                    self._over(pod, Ended(reason=failure.message, failure=failure))
                    return
                if failure is not None:
                    pod.look_again = loop.call_later(left_s, self._look, pod)
                self._listens.waits(self, pod)

    def _over(self, pod: Pod, end: Ended) -> None:
        pod.rest()
        if pod.end is None:
            pod.end = end
            self._listens.over(self, pod)


async def _until_any(events: list[asyncio.Event], within_s: float) -> None:
    """Wait until one of these happens, or that time is over."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waits:
            task.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


def _check_size(document: Document) -> None:
    """Raise LaunchFailed for a pod that is too long."""
    size = len(json.dumps(document))  # as the client library writes it
    if size > LONGEST_POD:
        raise LaunchFailed(
            f"its pod has {size} bytes as JSON, and may have {LONGEST_POD}: make the task's environment "
            "variables or its pod_template smaller"
        )


def refused(error: ApiError) -> LaunchFailed:
    """Of a pod that the cluster does not want as it is: it would say the same again."""
    message = f"the cluster refused the pod: {error.message}"
    failure = Failure(
        code="PodRefused",
        kind=FailureKind.USER,
        message=message,
        hint="mend what it says: the task's resources or pod template, or the rights of the executor",
        recoverable=False,
    )
    return LaunchFailed(message, failure)


def _version(pod: Document) -> int:
    return count_of(pod["metadata"].get("resourceVersion"))
