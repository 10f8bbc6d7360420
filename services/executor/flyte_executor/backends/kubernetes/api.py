"""The API server of one cluster, as far as pods are concerned: the only module that speaks to it.

Of the client library the configuration is used (kubeconfigs, service accounts, plugins that fetch tokens) and
its connection; bodies go out and come in as documents. What passes by itself is asked again here: throttling
for as long as the server says, its errors and lost connections with growing, random pauses. Else it raises.
"""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import orjson
import structlog
from kubernetes_asyncio import config
from kubernetes_asyncio.client import ApiClient, Configuration
from kubernetes_asyncio.config import ConfigException
from kubernetes_asyncio.config.kube_config import KUBE_CONFIG_DEFAULT_LOCATION

from flyte_executor.backends.kubernetes.names import is_dns_label, is_subdomain

log = structlog.get_logger()

Document = dict[str, Any]

CALL_S = 30.0
"""The longest that the server may take to answer, but for a watch."""
PATIENCE_S = 60.0
"""For how long a call is tried again before whoever made it hears of it."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 15.0
"""Between two tries of a call: the first pause, doubled each time, and the most that it grows to."""
PAGE = 500
"""How many pods a listing asks for at a time."""
WATCH_S = 240
"""How long a watch is to stay open; then it is begun again where it was."""
WATCH_SPREAD_S = 60
"""The part of that which is chance, so that many do not begin at once."""
LONGEST_LINE = 32 * 2**20
"""The most bytes of one line of a watch. A pod that etcd takes may be six times as long in it, since an API
server writes a `<` as six bytes; who reads line by line with aiohttp takes much less."""
_JSON = "application/json"
_BODIES = {"PATCH": "application/merge-patch+json"}
"""What the bodies of a method are, where they are not plain JSON."""
_PASSING = frozenset({408, 429, 500, 502, 503, 504})


class ApiError(Exception):
    """The server said no: its code, its reason in one word, and its sentence."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message

    @property
    def is_quota(self) -> bool:
        """Whether there is no room in the namespace now: that may change."""
        return self.code == 403 and "exceeded quota" in self.message


class ApiUnavailable(Exception):
    """The server did not answer, or had no time for us, for as long as a call is tried.

    `after_s` is how long it wants to be left alone.
    """

    def __init__(self, message: str, after_s: float = 0.0) -> None:
        super().__init__(message)
        self.after_s = after_s


class Unreadable(ApiUnavailable):
    """The server, or a proxy before it, answered what is not of its language: to ask the same is no use."""


class Expired(Exception):
    """The server does not remember that version any more: list again."""


class ClusterUnusable(ValueError):
    """No cluster can be asked: there is no configuration, or nobody answers, or we may not."""


class Api:
    """One API server. `context` is the kubeconfig's; None: the cluster we run in, else its current one."""

    def __init__(self, context: str | None, *, calls: int) -> None:
        self._context = context
        self._calls = asyncio.Semaphore(calls)
        self._client: ApiClient | None = None
        self._connecting = asyncio.Lock()

    async def connect(self) -> str:
        """Read the configuration; the server's address. Raises ClusterUnusable."""
        async with self._connecting:
            await self._disconnect()
            configuration = await _configuration(self._context)
            self._client = ApiClient(configuration)
            return str(configuration.host)

    async def close(self) -> None:
        """Let the connections go."""
        async with self._connecting:
            await self._disconnect()

    async def create_pod(self, pod: Document) -> Document:
        """Make a pod. Raises ApiError, also where there is one of this name.

        It is tried once: when ApiUnavailable is raised the pod may be there, or have been there.
        """
        return await self._call("POST", _path(pod["metadata"]["namespace"], "pods"), body=pod, patience_s=0.0)

    async def pod(self, namespace: str, name: str) -> Document | None:
        """A pod as it is now; None when it is not there. Raises ApiError and ApiUnavailable."""
        return await self._found(_path(namespace, "pods", name))

    async def pod_template(self, namespace: str, name: str) -> Document | None:
        """A PodTemplate; None when it is not there. Raises ApiError and ApiUnavailable."""
        return await self._found(_path(namespace, "podtemplates", name))

    async def secret(self, namespace: str, name: str) -> Document | None:
        """A Secret; None when it is not there. Raises ApiError and ApiUnavailable."""
        return await self._found(_path(namespace, "secrets", name))

    async def list_secrets(self, namespace: str, selector: str) -> list[Document]:
        """The Secrets of a namespace that have these labels. Raises ApiError and ApiUnavailable."""
        while True:
            with suppress(Expired):  # in the middle of its pages
                found, _ = await self._list(_path(namespace, "secrets"), selector)
                return found

    async def create_secret(self, secret: Document) -> None:
        """Make a Secret. Raises ApiError, also where there is one of this name, and ApiUnavailable."""
        await self._call("POST", _path(secret["metadata"]["namespace"], "secrets"), body=secret)

    async def change_secret(self, namespace: str, name: str, patch: Document) -> None:
        """Merge into a Secret of the version that the patch names. Raises ApiError and ApiUnavailable."""
        await self._call("PATCH", _path(namespace, "secrets", name), body=patch)

    async def delete_secret(self, namespace: str, name: str, version: str) -> None:
        """Remove a Secret of this version. Raises ApiError and ApiUnavailable."""
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"resourceVersion": version},
        }
        await self._call("DELETE", _path(namespace, "secrets", name), body=options)

    async def delete_pod(self, namespace: str, name: str, uid: str, *, grace_s: float) -> None:
        """Have this very pod end, and be removed; nothing happens when it is gone, or another has its name.

        Raises ApiError and ApiUnavailable.
        """
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "gracePeriodSeconds": max(0, round(grace_s)),
            "preconditions": {"uid": uid},
        }
        try:
            await self._call("DELETE", _path(namespace, "pods", name), body=body)
        except ApiError as error:
            if error.code not in (404, 409):
                raise

    async def list_pods(self, namespace: str | None, selector: str) -> tuple[list[Document], str]:
        """The pods of a namespace (None: of all), and the version from which to watch them.

        Raises ApiError and ApiUnavailable.
        """
        while True:
            with suppress(Expired):  # in the middle of its pages
                return await self._list(_path(namespace, "pods"), selector)

    async def watch_pods(
        self, namespace: str | None, selector: str, version: str
    ) -> AsyncIterator[tuple[str, Document]]:
        """What happens to pods after a version: ADDED, MODIFIED, DELETED, or BOOKMARK, and the object.

        Ends when the server lets go. Raises Expired, ApiError, ApiUnavailable and Unreadable.
        """
        open_s = WATCH_S + random.randrange(WATCH_SPREAD_S)
        query = {
            "watch": "true",
            "labelSelector": selector,
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(open_s),
        }
        try:
            async with self._asked("GET", _path(namespace, "pods"), query, None, open_s + CALL_S) as response:
                if response.status != 200:
                    raise _refusal(response.status, await response.read())
                async for line in _lines(response):
                    event = orjson.loads(line)
                    if event["type"] == "ERROR":
                        raise _refusal(int(event["object"].get("code") or 500), orjson.dumps(event["object"]))
                    yield str(event["type"]), event["object"]
        except (aiohttp.ClientError, TimeoutError, OSError, ClusterUnusable) as error:
            raise ApiUnavailable(f"the watch broke off: {error!r}") from error
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise Unreadable(f"the watch told what cannot be read: {error!r}") from error

    async def _list(self, path: str, selector: str) -> tuple[list[Document], str]:
        found: list[Document] = []
        query = {"labelSelector": selector, "limit": str(PAGE)}
        while True:
            page = await self._call("GET", path, query)
            found += page.get("items") or ()
            metadata = page.get("metadata") or {}
            if not metadata.get("continue"):
                return found, str(metadata.get("resourceVersion") or "")
            query["continue"] = metadata["continue"]

    async def _found(self, path: str) -> Document | None:
        try:
            return await self._call("GET", path)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    async def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Document | None = None,
        patience_s: float | None = None,
    ) -> Document:
        """The server's answer. What passes is asked again. Raises ApiError, Expired, ApiUnavailable."""
        now = asyncio.get_running_loop().time
        until = now() + (PATIENCE_S if patience_s is None else patience_s)
        pause_s, is_renewed = FIRST_PAUSE_S, False
        while True:
            wait_s, after_s = pause_s * random.uniform(0.5, 1.0), 0.0
            try:
                async with self._calls, self._asked(method, path, query, body, CALL_S) as response:
                    said = await response.read()
                    if response.status < 300:
                        return _document(said)
                    refusal: Exception = _refusal(response.status, said)
                    if response.status in _PASSING:
                        after_s = _retry_after(response)
                        wait_s = max(wait_s, after_s)
                    elif response.status == 401 and not is_renewed:
                        is_renewed = True
                    else:
                        raise refusal
                if response.status == 401:  # the token may have been replaced
                    await self.connect()
                    continue
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                refusal = error
            if now() + wait_s > until:
                raise ApiUnavailable(f"{method} {path}: {str(refusal) or repr(refusal)}", after_s)
            log.info("executor.kubernetes.asked_again", path=path, wait_s=round(wait_s, 1), why=repr(refusal))
            await asyncio.sleep(wait_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    @asynccontextmanager
    async def _asked(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Document | None,
        within_s: float,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._client is None:
            await self.connect()
        assert self._client is not None
        response: aiohttp.ClientResponse = await self._client.call_api(
            path,
            method,
            query_params=list((query or {}).items()),
            header_params={"Accept": "application/json", "Content-Type": _BODIES.get(method, _JSON)},
            body=body,
            auth_settings=["BearerToken"],
            _preload_content=False,
            _request_timeout=aiohttp.ClientTimeout(total=within_s),
        )
        async with response:
            yield response

    async def _disconnect(self) -> None:
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()


async def _configuration(context: str | None) -> Configuration:
    """Who and where the server is. Raises ClusterUnusable."""
    configuration = Configuration()
    try:
        if context is None:
            with suppress(ConfigException):
                config.load_incluster_config(client_configuration=configuration)
                return configuration
        # The library reads this variable when it is imported, which may have been long ago.
        file = os.environ.get("KUBECONFIG") or KUBE_CONFIG_DEFAULT_LOCATION
        await config.load_kube_config(file, context=context, client_configuration=configuration)
    except (ConfigException, OSError, ValueError, KeyError, TypeError) as error:
        which = f"context {context!r} of the kubeconfig" if context else "this pod's account, or a kubeconfig"
        raise ClusterUnusable(f"the kubernetes backend cannot use {which}: {error}") from error
    return configuration


def _path(namespace: str | None, kind: str, name: str | None = None) -> str:
    """Where objects of a kind are (None: in all namespaces), or the one of this name.

    Raises ApiError for what is no name: it would lead elsewhere, and the server follows.
    """
    if not (namespace is None or is_dns_label(namespace)):
        raise ApiError(422, "Invalid", f"no namespace can be called {namespace!r}")
    if not (name is None or is_subdomain(name)):
        raise ApiError(422, "Invalid", f"none of the cluster's {kind} can be called {name!r}")
    words = ("/api/v1", *(("namespaces", namespace) if namespace is not None else ()), kind, name)
    return "/".join(word for word in words if word is not None)


def _document(said: bytes) -> Document:
    """What the server answered. Raises Unreadable when that is no JSON object."""
    with suppress(ValueError):
        found = orjson.loads(said)
        if isinstance(found, dict):
            return found
    raise Unreadable(f"the cluster's API server answered with what is no JSON object: {said[:100]!r}")


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The lines of an answer, however it comes in pieces. Raises ValueError when one is too long."""
    begun = bytearray()
    async for piece in response.content.iter_any():
        *ends, rest = piece.split(b"\n")
        for end in ends:
            line = bytes(begun + end)
            begun.clear()
            if line:
                yield line
        begun += rest
        if len(begun) > LONGEST_LINE:
            raise ValueError(f"a line is longer than {LONGEST_LINE} bytes")
    if begun:
        yield bytes(begun)


def _retry_after(response: aiohttp.ClientResponse) -> float:
    """For how many seconds the server wants to be left alone; it says whole ones."""
    said = response.headers.get("Retry-After", "")
    return min(float(said), LONGEST_PAUSE_S) if said.isdecimal() else 0.0


def _refusal(code: int, said: bytes) -> ApiError | Expired:
    """What the server said, or a proxy before it."""
    try:
        status = orjson.loads(said)
        reason, message = str(status.get("reason") or ""), str(status.get("message") or "")
    except (ValueError, AttributeError):
        reason, message = "", said[:300].decode(errors="replace")
    if code == 410 or reason in ("Expired", "Gone"):
        return Expired(message)
    return ApiError(code, reason, message or f"the server answered {code}")
