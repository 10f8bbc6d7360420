"""Artifact stores for what offloads values: one in memory, and one that is away."""

import hashlib

from flyte._runtime.contents import Sink
from flyte._runtime.transfer import ArtifactUnavailable
from flyte_schemas.literals import ReferencedLiteral


class MemoryStore:
    """Keeps objects by their digest."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    async def put(self, data: bytes, filename: str) -> ReferencedLiteral:
        digest = hashlib.sha256(data).hexdigest()
        uri = f"flyte://artifacts/p/d/{digest}"
        self.objects[uri] = data
        return ReferencedLiteral(uri=uri, sha256=digest, size_bytes=len(data))

    async def get(self, uri: str, sha256: str, size_bytes: int) -> bytes:
        return self.objects[uri]

    async def get_into(self, uri: str, sha256: str, size_bytes: int, sink: Sink) -> None:
        sink.write_at(0, memoryview(self.objects[uri]))


class NoStore:
    """Is away."""

    async def put(self, data: bytes, filename: str) -> ReferencedLiteral:
        raise ArtifactUnavailable("away")

    async def get(self, uri: str, sha256: str, size_bytes: int) -> bytes:
        raise ArtifactUnavailable("away")

    async def get_into(self, uri: str, sha256: str, size_bytes: int, sink: Sink) -> None:
        raise ArtifactUnavailable("away")
