"""Secrets in one encrypted file, for a stack on one machine.

The whole file is one box (XSalsa20-Poly1305): names and scopes are not readable in it either. Its key lies
beside it in a file of its own, so that a copy of one is of no use without the other. It is written whole or
not at all, under a lock that processes share.
"""

import base64
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox
from nacl.utils import random
from pydantic import TypeAdapter, ValidationError

from flyte_schemas.secrets import SecretContent, SecretScope, SecretSummary
from flyte_schemas.words import Word

FOLDER, BOX, KEY, LOCK = "secrets", "secrets.box", "key", "lock"
"""The folder in a home, and the files in it."""
MAGIC = b"flyte-secrets 1\n"
"""The first line says the format."""
MOST = 10_000
"""How many secrets there may be."""


class SecretFileUnusable(Exception):
    """The file of secrets, or its key, cannot be used as it is."""


class KeptSecret(Word):
    """A secret as it lies in the file."""

    content: SecretContent
    created_at: datetime
    updated_at: datetime

    @property
    def summary(self) -> SecretSummary:
        """All but the value."""
        told = self.content.model_dump(exclude={"value"})
        return SecretSummary(**told, created_at=self.created_at, updated_at=self.updated_at)

    @property
    def value(self) -> bytes:
        return base64.b64decode(self.content.value)


@dataclass(frozen=True, slots=True)
class SecretName:
    """What tells one secret from another."""

    scope: SecretScope
    group: str | None
    key: str


_ADAPTER: TypeAdapter[tuple[KeptSecret, ...]] = TypeAdapter(tuple[KeptSecret, ...])


class SecretFile:
    """The secrets below `folder`, which is made when the first is kept. All calls block for a moment."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self) -> dict[SecretName, KeptSecret]:
        """All of them. Raises SecretFileUnusable."""
        if not (self._folder / BOX).exists():
            return {}
        with self._locked():
            return self._read()

    def put(self, content: SecretContent, now: datetime) -> bool:
        """Keep a secret; whether one was there, which it replaces. Raises SecretFileUnusable."""
        with self._locked():
            kept, name = self._read(), name_of(content)
            before = kept.get(name)
            if before is None and len(kept) >= MOST:
                raise SecretFileUnusable(f"{self._folder} holds {MOST} secrets already, which is the most")
            created_at = before.created_at if before else now
            kept[name] = KeptSecret(content=content, created_at=created_at, updated_at=now)
            self._write(kept)
        return before is not None

    def delete(self, name: SecretName) -> bool:
        """Remove a secret; whether it was there. Raises SecretFileUnusable."""
        with self._locked():
            kept = self._read()
            if kept.pop(name, None) is None:
                return False
            self._write(kept)
        return True

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self._folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise SecretFileUnusable(f"the folder of secrets cannot be used: {error}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        except OSError as error:
            raise SecretFileUnusable(f"the file of secrets cannot be used: {error}") from error
        finally:
            os.close(descriptor)

    def _read(self) -> dict[SecretName, KeptSecret]:
        path = self._folder / BOX
        if not path.exists():
            return {}
        magic, newline, box = path.read_bytes().partition(b"\n")
        if magic + newline != MAGIC:
            raise SecretFileUnusable(
                f"{path} is not in the format of this version ({magic[:40]!r}): use the version that wrote it"
            )
        try:
            kept = _ADAPTER.validate_json(SecretBox(self._key()).decrypt(box))
        except (CryptoError, ValueError, ValidationError):
            # Without the reason: pydantic's would show what the file holds.
            raise SecretFileUnusable(
                f"{path} cannot be opened with the key in {self._folder / KEY}: put the right key back, or "
                "remove both and create the secrets anew"
            ) from None
        return {name_of(one.content): one for one in kept}

    def _write(self, kept: dict[SecretName, KeptSecret]) -> None:
        box = SecretBox(self._key(may_make=not (self._folder / BOX).exists()))
        _write_private(
            self._folder / BOX, MAGIC + bytes(box.encrypt(_ADAPTER.dump_json(tuple(kept.values()))))
        )

    def _key(self, *, may_make: bool = False) -> bytes:
        path = self._folder / KEY
        if may_make and not path.exists():
            _write_private(path, random(SecretBox.KEY_SIZE))
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            raise SecretFileUnusable(
                f"the key {path} is missing: put it back, or remove {self._folder / BOX} and create the "
                "secrets anew"
            ) from None
        with os.fdopen(descriptor, "rb") as file:
            if os.fstat(descriptor).st_mode & 0o077:
                raise SecretFileUnusable(f"others may read the key of the secrets: chmod 600 {path}")
            return file.read()


def name_of(content: SecretContent) -> SecretName:
    return SecretName(content.scope, content.group, content.key)


def _write_private(path: Path, content: bytes) -> None:
    """Write what only its owner may read, whole or not at all, and for certain."""
    half = path.with_name(path.name + ".part")
    descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(descriptor)
    half.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
