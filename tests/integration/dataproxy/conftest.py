"""A dataproxy with its real HTTP server and folder, on a bus in memory."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flyte._runtime.transfer import Artifacts
from flyte_bus.memory import MemoryBus, MemoryServer
from flyte_dataproxy.app import DataproxyService, build
from flyte_dataproxy.core.keys import ArtifactKey
from flyte_dataproxy.core.signing import Grant, Method, sign, to_query
from flyte_dataproxy.settings import DataproxySettings
from flyte_dataproxy.store.secret import load_or_make


@pytest.fixture
def settings(tmp_path: Path) -> DataproxySettings:
    return DataproxySettings(root=tmp_path / "artifacts", max_object_bytes=64 * 1024**2)


@pytest.fixture
async def bus() -> AsyncIterator[MemoryBus]:
    async with MemoryBus(MemoryServer()) as bus:
        await bus.provision()
        yield bus


@pytest.fixture
async def dataproxy(bus: MemoryBus, settings: DataproxySettings) -> AsyncIterator[DataproxyService]:
    service = await build(bus, settings)
    await service.start()
    try:
        yield service
    finally:
        await service.stop()


@pytest.fixture
def artifacts(bus: MemoryBus) -> Artifacts:
    return Artifacts(bus.ask, "robots", "development", patience_s=20.0)


class Folder:
    """The dataproxy's folder, looked at from outside, and URLs as its secret would sign them."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def files(self) -> list[str]:
        """Everything in it but the secret, also what is half-written."""
        paths = (path for path in self.root.rglob("*") if path.is_file())
        return sorted(str(path.relative_to(self.root)) for path in paths if path.name != ".secret")

    def url(self, base: str, method: Method, key: ArtifactKey, size_bytes: int, *, ttl_s: int = 60) -> str:
        """A URL that the dataproxy at `base` takes for its own."""
        grant = Grant(method=method, key=key, size_bytes=size_bytes, expires_at=int(time.time()) + ttl_s)
        signed = sign(load_or_make(self.root / ".secret"), grant)
        return f"{base}/artifacts/{key.path}?{to_query(signed)}"


@pytest.fixture
def folder(settings: DataproxySettings) -> Folder:
    return Folder(settings.root)
