"""The reception of an object: what arrives is measured and hashed before it gets its name."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from flyte_dataproxy.core.keys import ArtifactKey
from flyte_dataproxy.store.port import ArtifactStore
from flyte_schemas.artifacts import NameDigest


@dataclass(frozen=True, slots=True)
class Unwelcome:
    """Why an object was not taken: a stable code, and a sentence."""

    code: str
    message: str


async def receive(
    store: ArtifactStore, key: ArtifactKey, size_bytes: int, chunks: AsyncIterator[bytes]
) -> Unwelcome | None:
    """Store what `chunks` bring under `key`, if it has exactly that size and the key's MD5.

    Stops reading at the first byte too many. Whatever else goes wrong (the sender breaks off, the disk is
    full) is raised as it is, and leaves nothing behind.
    """
    digest = NameDigest(size_bytes)
    arrived = 0
    async with store.writer(key) as writer:
        async for chunk in chunks:
            arrived += len(chunk)
            if arrived > size_bytes:
                return too_large(size_bytes)
            digest.update(chunk)
            await writer.write(chunk)
        if arrived < size_bytes:
            return Unwelcome("SizeMismatch", f"{arrived} bytes arrived, {size_bytes} were announced")
        if digest.name() != key.md5:
            return Unwelcome("Md5Mismatch", f"the MD5 is {digest.name()}, {key.md5} was announced")
        await writer.commit()
    return None


def too_large(size_bytes: int) -> Unwelcome:
    """The refusal of more bytes than were announced."""
    return Unwelcome("TooLarge", f"more than the {size_bytes} bytes that were announced")
