"""Services whose executor makes pods, beside a bus that pods reach as everybody here does."""

from testkit.cluster import Cluster


class PodCluster(Cluster):
    """Services whose executor says how pods reach the bus: as everybody here does."""

    def start(self, name: str) -> None:
        self._more["FLYTE_EXECUTOR_K8S_NATS_URL"] = self.server.url
        super().start(name)
