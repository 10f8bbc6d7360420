"""The credentials of a pod's agent, in a Secret of its own, which the cluster removes with the pod.

The Secret is made after its pod, since it says whose it is: so nothing is left of one without the other, and
an executor needs no right but to create Secrets. Until then the pod waits. In the pod it is a variable, which
the agent takes out of the task's reach; a file would be the task's to read.

Pods of several projects may share a namespace, and a task's pod template may mount any Secret of it that it
can name: so the name is drawn by lot, and stands in the pod alone.
"""

import secrets
from typing import Any

import structlog

from flyte_bus.ports import EventLog
from flyte_bus.security import CREDS
from flyte_executor.backends.kubernetes.api import Api, ApiError, ApiUnavailable, Document
from flyte_executor.backends.kubernetes.identity import PREFIX
from flyte_executor.backends.kubernetes.pods import Pod
from flyte_executor.credentials import Issuer, recovered_run

log = structlog.get_logger()

KEY = "creds"
"""Where they are in the Secret."""
_SECRET = f"{PREFIX}credentials"
"""The annotation of a pod that names its Secret."""


def name_by_lot(pod: str) -> str:
    """A name for the Secret of a pod that nobody guesses."""
    return f"{pod}-{secrets.token_hex(16)}"


def own_variable(secret: str) -> dict[str, Any]:
    """The variable of a container by which its agent is let in."""
    return {"name": CREDS, "valueFrom": {"secretKeyRef": {"name": secret, "key": KEY}}}


def annotation_of(secret: str) -> dict[str, str]:
    """What a pod is told of its Secret."""
    return {_SECRET: secret}


def secret_of(pod: Pod, credentials: str) -> Document:
    """The Secret, which belongs to the pod."""
    owner = {"apiVersion": "v1", "kind": "Pod", "name": pod.name, "uid": pod.uid}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": pod.document["metadata"]["annotations"][_SECRET],
            "namespace": pod.namespace,
            "labels": {"app.kubernetes.io/managed-by": "flytejet"},
            "ownerReferences": [owner],
        },
        "type": "Opaque",
        "immutable": True,
        "stringData": {KEY: credentials},
    }


class LettingIn:
    """Gives each pod its credentials; what `issuer` makes is good for longer where pods may wait."""

    def __init__(self, issuer: Issuer, events: EventLog) -> None:
        self._issuer = issuer
        self._events = events

    async def let_in(self, api: Api, pod: Pod) -> None:
        """See to it that a pod has its Secret. Raises ApiError, ApiUnavailable, LaunchFailed, BusError."""
        try:
            await api.create_secret(secret_of(pod, await self._credentials(pod)))
        except ApiError as error:
            if error.code != 409:  # it was made before
                raise

    async def let_in_left(self, api: Api, pods: list[Pod]) -> None:
        """The same for pods that an executor may have made and then died."""
        for pod in pods:
            try:
                await self.let_in(api, pod)
            except (ApiError, ApiUnavailable) as error:
                log.warning("executor.kubernetes.not_let_in", pod=pod.name, why=str(error))

    async def _credentials(self, pod: Pod) -> str:
        if pod.order is not None:
            attempt = pod.order.key
            source = await recovered_run(self._events, attempt.action.run)
            return self._issuer.for_attempt(attempt, source, queues=True).text
        assert pod.pool is not None
        told = pod.document["metadata"]["annotations"]
        place = told[f"{PREFIX}project"], told[f"{PREFIX}domain"]
        return self._issuer.for_worker(place, pod.pool.pool, pod.worker, queues=True).text
