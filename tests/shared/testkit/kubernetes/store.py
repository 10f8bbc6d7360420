"""What an API server knows of pods: one history of versions, which can be watched, and forgotten."""

import asyncio
import copy
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

Document = dict[str, Any]
Key = tuple[str, str]


class Refused(Exception):
    """The server says no, in the form in which it does."""

    def __init__(
        self, code: int, reason: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.headers = dict(headers or {})
        self.status = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            "code": code,
        }


class Store:
    """Pods by namespace and name. Each change has a version, and those who watch hear of it."""

    def __init__(self) -> None:
        self.version = 100
        self.oldest = 100
        self.pods: dict[Key, Document] = {}
        self._history: list[tuple[int, str, Document]] = []
        self.listeners: list[Callable[[str, Document], None]] = []
        self._moved = asyncio.Event()

    def create(self, pod: Document) -> Document:
        """Add a pod, as yet on no node. Raises Refused."""
        metadata = pod["metadata"]
        key = (metadata["namespace"], metadata["name"])
        if key in self.pods:
            raise Refused(409, "AlreadyExists", f'pods "{key[1]}" already exists')
        made = copy.deepcopy(pod)
        made["metadata"] |= {"uid": str(uuid4()), "creationTimestamp": stamp(), "managedFields": [{}]}
        made["status"] = {"phase": "Pending", "qosClass": "Burstable"}
        self.pods[key] = made
        return self._changed("ADDED", made)

    def get(self, namespace: str, name: str) -> Document:
        """Raises Refused."""
        pod = self.pods.get((namespace, name))
        if pod is None:
            raise Refused(404, "NotFound", f'pods "{name}" not found')
        return pod

    def change(
        self, namespace: str, name: str, status: Mapping[str, Any], node: str | None = None
    ) -> Document:
        """Merge into a pod's status, as a kubelet does; a condition replaces the one of its type."""
        pod = copy.deepcopy(self.get(namespace, name))
        before = {one["type"]: one for one in pod["status"].get("conditions", [])}
        after = {one["type"]: one for one in status.get("conditions", [])}
        pod["status"] |= {**status, "conditions": list((before | after).values())}
        if node is not None:
            pod["spec"]["nodeName"] = node
        self.pods[namespace, name] = pod
        return self._changed("MODIFIED", pod)

    def delete(self, namespace: str, name: str, *, uid: str = "", grace_s: float = 0.0) -> Document:
        """Let a pod end: at once, unless it is on a node, which has so long to end it. Raises Refused."""
        pod = copy.deepcopy(self.get(namespace, name))
        if uid and pod["metadata"]["uid"] != uid:
            raise Refused(409, "Conflict", f"Precondition failed: UID in precondition: {uid}")
        if grace_s and pod["spec"].get("nodeName") and not has_ended(pod):
            if "deletionTimestamp" not in pod["metadata"]:
                at = datetime.now(UTC) + timedelta(seconds=grace_s)
                pod["metadata"] |= {"deletionTimestamp": stamp(at), "deletionGracePeriodSeconds": grace_s}
                self.pods[namespace, name] = pod
                self._changed("MODIFIED", pod)
            return pod
        del self.pods[namespace, name]
        return self._changed("DELETED", pod)

    def forget(self) -> None:
        """Remember nothing of what happened until now."""
        self._history = []
        self.oldest = self.version
        self._moved.set()

    def bookmark(self) -> None:
        """Tell those who watch how far the server is."""
        version = {"metadata": {"resourceVersion": str(self.version)}}
        self._tell("BOOKMARK", {"kind": "Pod", "apiVersion": "v1", **version})

    def pass_by(self) -> None:
        """Something else in the cluster changes, which nobody who watches pods hears of."""
        self.version += 1

    async def watch(self, after: int) -> AsyncIterator[tuple[str, Document]]:
        """What happens after a version. Raises Refused when that is forgotten."""
        if after < self.oldest:
            raise Refused(410, "Expired", f"too old resource version: {after} ({self.oldest})")
        seen = len([one for one in self._history if one[0] <= after])
        history = self._history
        while True:
            while seen < len(history):
                _, kind, pod = history[seen]
                seen += 1
                yield kind, pod
            if history is not self._history:
                return
            self._moved.clear()
            await self._moved.wait()

    def _changed(self, kind: str, pod: Document) -> Document:
        self.version += 1
        pod["metadata"]["resourceVersion"] = str(self.version)
        self._tell(kind, copy.deepcopy(pod))
        return pod

    def _tell(self, kind: str, pod: Document) -> None:
        self._history.append((self.version, kind, pod))
        self._moved.set()
        for listener in self.listeners:
            listener(kind, pod)


def has_ended(pod: Document) -> bool:
    """Whether nothing of it runs."""
    return pod["status"].get("phase") in ("Succeeded", "Failed")


def selected(pod: Document, selector: str) -> bool:
    """Whether a pod has these labels."""
    labels = pod["metadata"].get("labels") or {}
    return all(
        labels.get(key) == value for key, _, value in (part.partition("=") for part in selector.split(","))
    )


def stamp(at: datetime | None = None) -> str:
    return (at or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")
