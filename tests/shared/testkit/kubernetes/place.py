"""A control plane in memory with a cluster, for tests of what an executor does with pods."""

from flyte_bus.ports import Bus
from flyte_executor.backends.kubernetes.backend import KubernetesBackend
from flyte_executor.backends.kubernetes.settings import KubernetesSettings
from flyte_executor.credentials import Issuer
from testkit.cases.harness import until
from testkit.executor_plane import Life, Plane
from testkit.kubernetes.api_server import ApiServer
from testkit.kubernetes.node import Node
from testkit.kubernetes.scripted import ScriptedContainer
from testkit.kubernetes.store import Document
from testkit.scripted_backend import Script, succeed

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
        self.variables = BUS
        self.issuer: Issuer | None = None

    def _container(self, pod: Document) -> ScriptedContainer:
        return ScriptedContainer(self.plane.bus, pod, lambda: self.script)

    def backend(self, bus: Bus) -> KubernetesBackend:
        return KubernetesBackend(bus, self.settings, self.variables, self.issuer)

    async def executor(self) -> Life:
        return await self.plane.executor(backend=self.backend)

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
