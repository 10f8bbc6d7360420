"""A node: a scheduler and a kubelet for the pods of a `Store`, with something else in place of containers."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from testkit.kubernetes.store import Document, Store, has_ended

NODE = "node-1"


class Container(Protocol):
    """What runs in place of a pod's container. It ends with an exit code, and perhaps a reason."""

    async def run(self) -> tuple[int, str]: ...

    def stop(self) -> None:
        """Have it end, as SIGTERM does."""


class Node:
    """Takes every pod, unless `is_full`; `make` makes its container. `started` tells of whom, in order."""

    def __init__(self, store: Store, make: Callable[[Document], Container]) -> None:
        self._store = store
        self._make = make
        self._running: dict[str, tuple[Container, asyncio.Task[None]]] = {}
        self.started: list[str] = []
        self.is_full = False
        store.listeners.append(self._hear)

    @property
    def running(self) -> list[str]:
        """The pods whose containers run, by name."""
        return list(self._running)

    def container(self, name: str) -> Any:
        """What runs in a pod."""
        return self._running[name][0]

    def take_waiting(self) -> None:
        """There is room now."""
        self.is_full = False
        for pod in list(self._store.pods.values()):
            self._hear("ADDED", pod)

    async def close(self) -> None:
        """End all that runs."""
        self._store.listeners.remove(self._hear)
        for container, task in list(self._running.values()):
            container.stop()
            await asyncio.wait({task})

    def _hear(self, kind: str, pod: Document) -> None:
        name = pod["metadata"].get("name", "")  # a bookmark has none
        if kind == "ADDED" and name not in self._running and not has_ended(pod):
            if self.is_full:
                asyncio.get_running_loop().call_soon(self._refuse, pod)
                return
            container = self._make(pod)
            task = asyncio.create_task(self._run(pod, container), name=f"pod {name}")
            self._running[name] = container, task
        elif kind == "MODIFIED" and pod["metadata"].get("deletionTimestamp") and name in self._running:
            self._running[name][0].stop()

    def _refuse(self, pod: Document) -> None:
        said = "0/1 nodes are available: 1 Insufficient cpu."
        condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": said}
        self._change(pod, {"conditions": [condition]})

    async def _run(self, pod: Document, container: Container) -> None:
        name = pod["metadata"]["name"]
        try:
            self._change(pod, {"conditions": [{"type": "PodScheduled", "status": "True"}]}, node=NODE)
            self._change(pod, {"phase": "Running", **containers(pod, {"running": {}})})
            self.started.append(name)
            code, reason = await container.run()
            state = {"terminated": {"exitCode": code, "reason": reason or ("Error" if code else "Completed")}}
            self._change(pod, {"phase": "Failed" if code else "Succeeded", **containers(pod, state)})
        finally:
            self._running.pop(name, None)
        key = (pod["metadata"]["namespace"], name)
        there = self._store.pods.get(key)
        if there is not None and there["metadata"].get("deletionTimestamp"):
            self._store.delete(*key)

    def _change(self, pod: Document, status: dict[str, Any], node: str | None = None) -> None:
        metadata = pod["metadata"]
        there = self._store.pods.get((metadata["namespace"], metadata["name"]))
        if there is not None and there["metadata"]["uid"] == metadata["uid"]:
            self._store.change(metadata["namespace"], metadata["name"], status, node)


def containers(pod: Document, state: dict[str, Any]) -> dict[str, Any]:
    """The status of a pod's first container, in this state."""
    container = pod["spec"]["containers"][0]
    said = {"name": container["name"], "image": container["image"], "state": state}
    return {"containerStatuses": [said]}


def environment_of(pod: Document) -> dict[str, str]:
    """The variables of its first container that are written out, as the kubelet gives them."""
    variables = pod["spec"]["containers"][0].get("env") or ()
    return {one["name"]: one["value"].replace("$$", "$") for one in variables if "value" in one}
