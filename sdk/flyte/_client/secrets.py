"""Secrets on the stack: keep a value, see which there are, remove one. No answer ever has a value.

A value is sealed to the executor's key before it goes over the bus, together with where it belongs.
"""

import base64
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from flyte import errors
from flyte._client.trouble import translated
from flyte._documents import Documented
from flyte._streams import Streamed
from flyte._syncify import Syncified
from flyte_bus.ports import Bus
from flyte_schemas.envelope import one_sentence
from flyte_schemas.secrets import (
    DELETE_DOMAIN_SECRET,
    DELETE_GLOBAL_SECRET,
    DELETE_SECRET,
    LIST_SECRETS,
    MAX_VALUE_BYTES,
    PUT_DOMAIN_SECRET,
    PUT_GLOBAL_SECRET,
    PUT_SECRET,
    SECRETS_KEY,
    DeleteDomainSecret,
    DeleteGlobalSecret,
    DeleteSecret,
    GetSecretsKey,
    ListSecrets,
    PutDomainSecret,
    PutGlobalSecret,
    PutSecret,
    ScopeKind,
    SecretContent,
    SecretDeleted,
    SecretPut,
    SecretScope,
    SecretSummary,
    SecretType,
    shown_name,
)
from flyte_schemas.secrets import SecretType as SecretTypes

__all__ = ["Secret", "SecretTypes", "create_secret", "delete_secret"]

TRIES = 10
"""How often a key is asked for anew: of several executors another one may get the question."""


async def create_secret(
    name: str,
    value: str | bytes,
    type: SecretType = "regular",
    *,
    group: str | None = None,
    scope: ScopeKind = "project",
) -> bool:
    """Keep a value; whether it has replaced one.

    Raises ValueError for a name or a value that cannot be kept, RuntimeUserError (`SecretRefused`).
    """
    raw = value.encode() if isinstance(value, str) else value
    if not raw or len(raw) > MAX_VALUE_BYTES:
        raise ValueError(f"the value of secret {name!r} has {len(raw)} bytes, not 1 to {MAX_VALUE_BYTES}")
    bus, where = await _place(scope)
    try:
        content = SecretContent(
            key=name,
            group=group,
            project=where.project,
            domain=where.domain,
            type=type,
            value=base64.b64encode(raw).decode(),
        )
    except ValidationError:  # whose own words would show the value
        raise ValueError(_no_name(name, group)) from None
    with translated():
        for _ in range(TRIES):
            put = await _put(bus, content)
            if put.is_kept:
                return put.was_there
    raise errors.RuntimeSystemError(
        "SystemUnavailableError",
        f"secret {name!r} was not kept: each time another executor answered than the one it was sealed for",
    )


async def delete_secret(name: str, *, group: str | None = None, scope: ScopeKind = "project") -> None:
    """Remove a secret. Attempts that run keep what they have.

    Raises RuntimeUserError (`SecretNotFound`, `SecretRefused`).
    """
    bus, where = await _place(scope)
    with translated():
        deleted = await _delete(bus, where, name, group)
    if not deleted.was_there:
        raise _not_found(name, group, where)


async def _create(
    name: str,
    value: str | bytes,
    type: SecretType = "regular",
    *,
    group: str | None = None,
    scope: ScopeKind = "project",
) -> None:
    """Keep a value under a name, for runs of the client's project and domain; one that is there is replaced.

    With `scope` for all of its domain, or for everybody. Raises ValueError for a name or a value that cannot
    be kept, and RuntimeUserError (`SecretRefused`) with the store's reason.
    """
    await create_secret(name, value, type, group=group, scope=scope)


async def _get(name: str, *, group: str | None = None) -> "Secret":
    """The secret that runs of the client's project and domain see by this name; never its value.

    Raises RuntimeUserError (`SecretNotFound`).
    """
    found = [one for one in await _seen() if (one.key, one.group) == (name, group)]
    if not found:
        _, where = await _place("project")
        raise _not_found(name, group, where)
    return Secret(found[0])


async def _list(limit: int = 10) -> AsyncGenerator["Secret"]:
    """The secrets that runs of the client's project and domain can see, the narrowest scope first."""
    for one in (await _seen())[:limit]:
        yield Secret(one)


async def _delete_one(name: str, *, group: str | None = None, scope: ScopeKind = "project") -> None:
    """Remove a secret of the client's project and domain, or of a wider scope.

    Attempts that run keep what they have. Raises RuntimeUserError (`SecretNotFound`, `SecretRefused`).
    """
    await delete_secret(name, group=group, scope=scope)


class Secret(Documented):
    """What is known of a secret. Methods block; each has an `.aio` form to be awaited."""

    def __init__(self, summary: SecretSummary) -> None:
        self._summary = summary

    def __repr__(self) -> str:
        return f"<secret {shown_name(self.group, self.name)} of {self._summary.scope}>"

    @property
    def name(self) -> str:
        """Its key."""
        return self._summary.key

    @property
    def group(self) -> str | None:
        return self._summary.group

    @property
    def type(self) -> SecretType:
        return self._summary.type

    @property
    def scope(self) -> SecretScope:
        """Whose it is."""
        return self._summary.scope

    @property
    def created_at(self) -> datetime | None:
        """When it was first kept, where the store knows."""
        return self._summary.created_at

    @property
    def updated_at(self) -> datetime | None:
        return self._summary.updated_at

    def to_dict(self) -> dict[str, Any]:
        """It as JSON data."""
        return self._summary.model_dump(mode="json") | {"scope": self.scope.kind}

    create = Syncified(_create)
    get = Syncified(_get)
    listall = Streamed(_list)
    delete = Syncified(_delete_one)


async def _place(kind: ScopeKind) -> tuple[Bus, SecretScope]:
    from flyte import _session

    client = _session.client()
    project, domain = client.config.project, client.config.domain
    scopes = {
        "global": SecretScope(),
        "domain": SecretScope(None, domain),
        "project": SecretScope(project, domain),
    }
    if kind not in scopes:
        raise ValueError(f"a secret's scope is project, domain or global, not {kind!r}")
    with translated():
        return await client.bus(), scopes[kind]


async def _seen() -> tuple[SecretSummary, ...]:
    bus, where = await _place("project")
    assert where.project is not None and where.domain is not None
    with translated():
        return (await bus.ask(LIST_SECRETS, ListSecrets(project=where.project, domain=where.domain))).secrets


async def _put(bus: Bus, content: SecretContent) -> SecretPut:
    """Seal a value to the key of whoever answers, and have it kept."""
    from flyte_bus.secrets.sealing import seal

    key = (await bus.ask(SECRETS_KEY, GetSecretsKey())).public
    words = {"sealed": seal(content.model_dump_json().encode(), key), "sealed_to": key}
    match content.scope:
        case SecretScope(project=str(project), domain=str(domain)):
            return await bus.ask(PUT_SECRET, PutSecret(project=project, domain=domain, **words))
        case SecretScope(domain=str(domain)):
            return await bus.ask(PUT_DOMAIN_SECRET, PutDomainSecret(domain=domain, **words))
        case _:
            return await bus.ask(PUT_GLOBAL_SECRET, PutGlobalSecret(**words))


async def _delete(bus: Bus, where: SecretScope, key: str, group: str | None) -> SecretDeleted:
    try:
        match where:
            case SecretScope(project=str(project), domain=str(domain)):
                question = DeleteSecret(project=project, domain=domain, key=key, group=group)
                return await bus.ask(DELETE_SECRET, question)
            case SecretScope(domain=str(domain)):
                wider = DeleteDomainSecret(domain=domain, key=key, group=group)
                return await bus.ask(DELETE_DOMAIN_SECRET, wider)
            case _:
                return await bus.ask(DELETE_GLOBAL_SECRET, DeleteGlobalSecret(key=key, group=group))
    except ValidationError as error:
        raise ValueError(f"{_no_name(key, group)} ({one_sentence(error)})") from error


def _no_name(name: str, group: str | None) -> str:
    return (
        f"no secret can be called {shown_name(group, name)!r}: a name and a group have 1 to 253 characters, "
        "no white space and no slash"
    )


def _not_found(name: str, group: str | None, where: SecretScope) -> errors.RuntimeUserError:
    return errors.RuntimeUserError(
        "SecretNotFound",
        f"there is no secret {shown_name(group, name)!r} of {where}: `flyte get secret` lists those that "
        "there are",
    )
