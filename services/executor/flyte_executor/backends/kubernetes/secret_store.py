"""Secrets in the cluster: a group is a Secret of the namespace whose pods see it, and pods get it from there.

So a scope is what the namespaces of pods are of: a project and domain, a domain, or everybody. Only Secrets
with our label are changed: what somebody else has made in a namespace stays theirs.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import orjson

from flyte_executor.backends.kubernetes.api import Api, ApiError, ApiUnavailable, Document
from flyte_executor.backends.kubernetes.names import is_secret_key, is_subdomain
from flyte_executor.backends.kubernetes.settings import KubernetesSettings, namespace_for
from flyte_executor.backends.port import Launch, LaunchFailed
from flyte_executor.secrets.port import StoreRefuses
from flyte_schemas.secrets import (
    ScopeKind,
    SecretContent,
    SecretScope,
    SecretSummary,
    missing_secret,
)

LABEL = "flytejet.dev/secrets"
"""Of Secrets that are ours to change: `regular` or `image_pull`."""
TIMES = "flytejet.dev/times"
"""When each key was first and last put, as JSON."""
TYPES = {"regular": "Opaque", "image_pull": "kubernetes.io/dockerconfigjson"}
DOCKER_KEY = ".dockerconfigjson"
TRIES = 5
"""How often a change is made anew that met another one."""


class KubernetesStore:
    """Fills `SecretStore` with the Secrets of clusters; each gets all."""

    name = "kubernetes"

    def __init__(self, clusters: Callable[[], Sequence[Api]], settings: KubernetesSettings) -> None:
        self._clusters = clusters
        self._settings = settings

    async def put(self, content: SecretContent, now: datetime) -> bool:
        """See `SecretStore.put`."""
        namespace = self._namespace(content.scope)
        if content.type == "image_pull":
            if content.group is not None:
                raise StoreRefuses("a secret of type image_pull is in no group: it is a Secret of its own")
            name, key = content.key, DOCKER_KEY
        else:
            name, key = content.group or self._settings.secret, content.key
        _check_names(name, key)
        found = [await self._put_in(api, namespace, name, key, content, now) for api in self._apis()]
        return all(found)

    async def delete(self, scope: SecretScope, group: str | None, key: str) -> bool:
        """See `SecretStore.delete`."""
        namespace, name = self._namespace(scope), group or self._settings.secret
        found = [
            await self._delete_in(api, namespace, name, key)
            or (group is None and await self._delete_in(api, namespace, key, DOCKER_KEY))
            for api in self._apis()
        ]
        return any(found)

    async def visible(self, scopes: Sequence[SecretScope]) -> list[SecretSummary]:
        """See `SecretStore.visible`."""
        kind = scope_kind(self._settings)
        scope = next((one for one in scopes if one.kind == kind), None)
        if scope is None:
            return []
        namespace = self._namespace(scope)
        try:
            kept = await self._apis()[0].list_secrets(namespace, LABEL)
        except (ApiError, ApiUnavailable) as error:
            raise _refusal(error) from error
        return [one for secret in kept for one in self._summaries(secret, scope)]

    async def find(self, scopes: Sequence[SecretScope], group: str | None, key: str) -> bytes | None:
        """Raises StoreRefuses: values do not pass the executor."""
        raise StoreRefuses("pods have their secrets from the cluster, and nobody is told values here")

    def _apis(self) -> Sequence[Api]:
        if not (apis := self._clusters()):
            raise StoreRefuses("the executor is not connected to its cluster yet: try again")
        return apis

    def _namespace(self, scope: SecretScope) -> str:
        """The namespace whose pods are this scope's. Raises StoreRefuses."""
        kind = scope_kind(self._settings)
        if scope.kind != kind:
            raise StoreRefuses(
                f"the cluster keeps secrets in the namespaces of pods ({self._settings.namespace}), so that "
                f"their scope is {kind or 'none of ours'} here, and not {scope.kind}: "
                + (f"say --scope {kind}" if kind else "set FLYTE_EXECUTOR_K8S_NAMESPACE otherwise")
            )
        try:
            return namespace_for(self._settings.namespace, scope.project or "", scope.domain or "")
        except ValueError as error:
            raise StoreRefuses(str(error)) from error

    async def _put_in(
        self, api: Api, namespace: str, name: str, key: str, content: SecretContent, now: datetime
    ) -> bool:
        """Keep a value in one cluster; whether one was there. Raises StoreRefuses."""

        async def put() -> bool:
            found = await api.secret(namespace, name)
            if found is not None:
                _check_ours(found, content.type)
            times = _times(found)
            was_there = found is not None and key in (found.get("data") or {})
            times[key] = [times.get(key, [now.isoformat()])[0], now.isoformat()]
            body = _body(namespace, name, {key: content.value}, times)
            if found is None:
                body["metadata"]["labels"] = {LABEL: content.type}
                await api.create_secret({**body, "type": TYPES[content.type]})
            else:
                body["metadata"]["resourceVersion"] = found["metadata"]["resourceVersion"]
                await api.change_secret(namespace, name, body)
            return was_there

        return await _made(put, namespace, name)

    async def _delete_in(self, api: Api, namespace: str, name: str, key: str) -> bool:
        """Remove a key in one cluster, and its Secret with the last; whether it was there."""

        async def delete() -> bool:
            found = await api.secret(namespace, name) if is_subdomain(name) else None
            if found is None or key not in (found.get("data") or {}):
                return False
            _check_ours(found, found["metadata"].get("labels", {}).get(LABEL, ""))
            version = found["metadata"]["resourceVersion"]
            if set(found["data"]) == {key}:
                await api.delete_secret(namespace, name, version)
            else:
                times = _times(found)
                times.pop(key, None)
                body = _body(namespace, name, {key: None}, times)
                body["metadata"]["resourceVersion"] = version
                await api.change_secret(namespace, name, body)
            return True

        return await _made(delete, namespace, name)

    def _summaries(self, secret: Document, scope: SecretScope) -> list[SecretSummary]:
        name, times = secret["metadata"]["name"], _times(secret)
        kind = secret["metadata"]["labels"][LABEL]
        found = []
        for key in sorted(secret.get("data") or {}):
            created_at, updated_at = times.get(key, (None, None))
            found.append(
                SecretSummary(
                    key=name if kind == "image_pull" else key,
                    group=None if kind == "image_pull" or name == self._settings.secret else name,
                    project=scope.project,
                    domain=scope.domain,
                    type="image_pull" if kind == "image_pull" else "regular",
                    created_at=None if created_at is None else datetime.fromisoformat(created_at),
                    updated_at=None if updated_at is None else datetime.fromisoformat(updated_at),
                )
            )
        return found


async def _made(change: Callable[[], Awaitable[bool]], namespace: str, name: str) -> bool:
    """What a change of a Secret says, made anew while it meets another one. Raises StoreRefuses."""
    for _ in range(TRIES):
        try:
            return await change()
        except ApiError as error:
            if error.code != 409:
                raise _refusal(error) from error
        except ApiUnavailable as error:
            raise _refusal(error) from error
    raise StoreRefuses(f"Secret {name} of namespace {namespace} was changed by others all the time")


def scope_kind(settings: KubernetesSettings) -> ScopeKind | None:
    """Whose a namespace of pods is; None: a project's in all domains, which is no scope."""
    has = ("{project}" in settings.namespace, "{domain}" in settings.namespace)
    kinds: dict[tuple[bool, bool], ScopeKind] = {
        (True, True): "project",
        (False, True): "domain",
        (False, False): "global",
    }
    return kinds.get(has)


async def check_secrets(api: Api, namespace: str, launch: Launch, settings: KubernetesSettings) -> None:
    """Raise LaunchFailed for a secret that is not there: a pod would wait for it.

    What lets the agents of pods in is for no task to see: it counts as missing. An executor that may not look
    leaves it to the cluster to say so.
    """
    run = launch.attempt.action.run
    scopes = {
        "project": SecretScope(run.project, run.domain),
        "domain": SecretScope(None, run.domain),
        "global": SecretScope(),
        None: SecretScope(run.project, run.domain),
    }
    for reference in dict.fromkeys(launch.template.secrets):
        name = reference.group or settings.secret
        if not is_subdomain(name):
            continue  # the manifest says so
        try:
            found = await api.secret(namespace, name)
        except (ApiError, ApiUnavailable):
            return
        is_ours = name == settings.credentials or (found and found["metadata"].get("ownerReferences"))
        if found is None or is_ours or reference.key not in (found.get("data") or {}):
            where = f"Secret {name} of namespace {namespace}"
            failure = missing_secret(reference, [scopes[scope_kind(settings)]], where)
            raise LaunchFailed(failure.message, failure)


def _check_names(name: str, key: str) -> None:
    if not is_subdomain(name):
        raise StoreRefuses(
            f"no Kubernetes Secret can be called {name!r}: lower-case letters, digits, dashes and dots"
        )
    if not is_secret_key(key):
        raise StoreRefuses(f"no Kubernetes Secret has a key {key!r}: letters, digits, '-', '_' and '.'")


def _check_ours(secret: Document, kind: str) -> None:
    """Raise StoreRefuses for a Secret that is somebody else's, or of another type."""
    metadata = secret["metadata"]
    label = (metadata.get("labels") or {}).get(LABEL)
    if label not in TYPES:
        raise StoreRefuses(
            f"Secret {metadata['name']} of namespace {metadata['namespace']} was made by somebody else: "
            "choose another name, or hand it over with "
            f"`kubectl label secret {metadata['name']} {LABEL}=regular`"
        )
    if label != kind:
        raise StoreRefuses(f"Secret {metadata['name']} is of type {label}, and not {kind}: delete it first")


def _times(secret: Document | None) -> dict[str, list[str]]:
    """When the keys of a Secret were first and last put; of what nobody knows that of: nothing."""
    if secret is None:
        return {}
    try:
        said = orjson.loads((secret["metadata"].get("annotations") or {}).get(TIMES) or "{}")
    except ValueError:
        said = {}
    return {key: list(pair) for key, pair in said.items() if key in (secret.get("data") or {})}


def _body(namespace: str, name: str, data: Document, times: dict[str, list[str]]) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "annotations": {TIMES: orjson.dumps(times).decode()},
        },
        "data": data,
    }


def _refusal(error: ApiError | ApiUnavailable) -> StoreRefuses:
    if isinstance(error, ApiError) and error.code == 403:
        return StoreRefuses(
            f"the executor may not do that in the cluster ({error}): give its account rights on secrets, or "
            "use kubectl"
        )
    return StoreRefuses(f"the cluster did not do it: {error}")
