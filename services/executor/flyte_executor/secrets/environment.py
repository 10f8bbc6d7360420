"""Secrets from the executor's own environment, for CI: read-only, and the same for every project and domain.

The variables are taken out of the environment when the executor begins, before any process of a task is
forked: else every task would have all of them.
"""

from collections.abc import MutableMapping, Sequence
from datetime import datetime

from flyte_executor.secrets.port import StoreRefuses
from flyte_schemas.secrets import SecretContent, SecretScope, SecretSummary, variable_of

PREFIX = "FLYTE_SECRET_"


class EnvironmentStore:
    """Fills `SecretStore` with variables: `FLYTE_SECRET_GROUP_KEY`, `FLYTE_SECRET_KEY` without a group."""

    name = "environment"

    def __init__(self, environment: MutableMapping[str, str]) -> None:
        names = [name for name in environment if name.startswith(PREFIX)]
        self._values = {name: environment.pop(name) for name in names}

    async def put(self, content: SecretContent, now: datetime) -> bool:
        """Raises StoreRefuses: it is read-only."""
        raise StoreRefuses(self._refusal(content.group, content.key))

    async def delete(self, scope: SecretScope, group: str | None, key: str) -> bool:
        """Raises StoreRefuses: it is read-only."""
        raise StoreRefuses(self._refusal(group, key))

    async def visible(self, scopes: Sequence[SecretScope]) -> list[SecretSummary]:
        """See `SecretStore.visible`. A name is as its variable says: where a group ends is not to be seen."""
        if SecretScope() not in scopes:
            return []
        return [SecretSummary(key=name.removeprefix(PREFIX)) for name in self._values if name != PREFIX]

    async def find(self, scopes: Sequence[SecretScope], group: str | None, key: str) -> bytes | None:
        """See `SecretStore.find`."""
        value = self._values.get(PREFIX + variable_of(group, key))
        return None if value is None else value.encode("utf-8", "surrogateescape")

    def _refusal(self, group: str | None, key: str) -> str:
        variable = PREFIX + variable_of(group, key)
        return f"this stack has its secrets from its executor's environment: set or unset {variable} there"
