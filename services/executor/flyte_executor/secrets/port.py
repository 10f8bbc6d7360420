"""The port of a store of secrets, and how it says no."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from flyte_schemas.secrets import SecretContent, SecretScope, SecretSummary


class StoreRefuses(Exception):
    """The store cannot do that, now or ever; its message is for whoever asked."""


class SecretStore(Protocol):
    """Where values lie. Each call may raise StoreRefuses."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    async def put(self, content: SecretContent, now: datetime) -> bool:
        """Keep a secret; whether one was there, which it replaces."""
        ...

    async def delete(self, scope: SecretScope, group: str | None, key: str) -> bool:
        """Remove a secret; whether it was there."""
        ...

    async def visible(self, scopes: Sequence[SecretScope]) -> list[SecretSummary]:
        """The secrets of these scopes, in any order."""
        ...

    async def find(self, scopes: Sequence[SecretScope], group: str | None, key: str) -> bytes | None:
        """The value in the first of these scopes that has the key; None when none has."""
        ...
