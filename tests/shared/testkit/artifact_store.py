"""An artifact store for this process's `flyte.io`: a dataproxy with its HTTP server, on a bus in memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from flyte import _session
from flyte._config import ClientConfig
from flyte._syncify import block_on
from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_dataproxy.app import DataproxyService, build
from flyte_dataproxy.settings import DataproxySettings


@dataclass(frozen=True, slots=True, eq=False)
class StoreClient:
    """What `flyte.io` needs of a client."""

    config: ClientConfig
    mine: MemoryBus

    async def bus(self) -> MemoryBus:
        return self.mine


@dataclass(frozen=True, slots=True, eq=False)
class RunningStore:
    """The store's folder, and its server, which may be stopped and started again (on another port)."""

    root: Path
    bus: MemoryBus
    service: list[DataproxyService]

    def start(self) -> None:
        """Start it."""

        async def started() -> DataproxyService:
            service = await build(self.bus, DataproxySettings(root=self.root))
            await service.start()
            return service

        self.service.append(block_on(started()))

    def stop(self) -> None:
        """Stop it; the objects stay."""
        while self.service:
            block_on(self.service.pop().stop())

    def objects(self) -> list[Path]:
        """The files of the objects, without the secret."""
        return sorted(
            path for path in self.root.rglob("*") if path.is_file() and not path.name.startswith(".")
        )


@pytest.fixture
def artifact_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningStore]:
    """A store of its own, in the client's place."""

    async def made() -> MemoryBus:
        bus = MemoryBus(MemoryServer())
        await bus.__aenter__()
        await bus.provision()
        return bus

    bus = block_on(made())
    config = ClientConfig(endpoint="nats://nowhere", project="robots", domain="development")
    monkeypatch.setattr(_session, "_config", config)
    monkeypatch.setattr(_session, "_client", StoreClient(config, bus))
    store = RunningStore(tmp_path.parent / f"{tmp_path.name}-store", bus, [])
    store.start()
    try:
        yield store
    finally:
        store.stop()
        block_on(bus.__aexit__(None, None, None))
