"""Pods as processes of this machine; a thread in which an API server and a node live for tests that type."""

import asyncio
import os
import signal
import threading
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

from flyte_executor.backends.containers import HOME
from testkit.cli import clean_environment, command
from testkit.kubernetes.api_server import ApiServer
from testkit.kubernetes.mounts import Mounts, Secrets
from testkit.kubernetes.node import Node, environment_of
from testkit.kubernetes.store import Document

T = TypeVar("T")
LIMIT_S = 30.0


class ProcessContainer:
    """Runs what the first container of a pod is to run; what it would have below HOME lies in `folder`.

    So do Secrets that it mounts.
    """

    def __init__(self, pod: Document, folder: Path, secrets: Secrets) -> None:
        container = pod["spec"]["containers"][0]
        self._words = [command(container["command"][0]), *container["args"]]
        self._grace_s = float(pod["spec"]["terminationGracePeriodSeconds"])
        self._folder = folder
        self.mounts = Mounts(pod, secrets, folder / "mounts")
        self._variables = {
            name: _elsewhere(value, {HOME: str(folder), **self.mounts.places})
            for name, value in environment_of(pod).items()
        }
        self._process: asyncio.subprocess.Process | None = None
        self._reason = ""
        self._is_stopped = False

    async def run(self) -> tuple[int, str]:
        self._folder.mkdir(parents=True)
        self.mounts.write()
        with (self._folder / "agent.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._words,
                env=clean_environment(**self._variables),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if self._is_stopped:
            self.stop()
        code = await self._process.wait()
        return (128 - code if code < 0 else code), self._reason

    def stop(self) -> None:
        self._is_stopped = True
        self._signal(signal.SIGTERM)
        asyncio.get_running_loop().call_later(self._grace_s, self._signal, signal.SIGKILL)

    def run_out_of_memory(self) -> None:
        """End it as the kernel ends a container that has used up its memory."""
        self._reason = "OOMKilled"
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        if self._process is not None and self._process.returncode is None:
            os.kill(self._process.pid, number)


def _elsewhere(text: str, places: Mapping[str, str]) -> str:
    for path, place in places.items():
        text = text.replace(path, place)
    return text


class PodMachine:
    """An API server, and a node that starts processes, in a thread of their own; a context manager."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="kubernetes")
        self.server = ApiServer()
        self.kubeconfig = folder / "kubeconfig"
        self.node = Node(self.server.store, self._container)

    def _container(self, pod: Document) -> ProcessContainer:
        return ProcessContainer(pod, self._folder / pod["metadata"]["uid"], self.server.secrets)

    def put_secret(self, namespace: str, name: str, data: Mapping[str, str]) -> None:
        """Have a Secret in the cluster, and in the pods that mount it."""

        async def put() -> None:
            metadata = {"namespace": namespace, "name": name}
            secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": dict(data)}
            self.server.secret_resources.put(secret)
            for pod in self.node.running:
                self.node.container(pod).mounts.write()

        self._do(put())

    def run_out_of_memory(self, name: str) -> None:
        """End the container of a pod for its memory."""

        async def kill() -> None:
            self.node.container(name).run_out_of_memory()

        self._do(kill())

    def logs(self) -> str:
        """What the agents in the pods said."""
        return "\n".join(path.read_text() for path in self._folder.glob("*/agent.log"))

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(LIMIT_S)

    def __enter__(self) -> "PodMachine":
        self._thread.start()
        self._do(self.server.start())
        self.server.kubeconfig(self.kubeconfig)
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self.node.close())
        self._do(self.server.stop())
        self._do(self._loop.shutdown_asyncgens())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
