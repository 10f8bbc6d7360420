"""An API server over a `Store`, on a free port. It validates what it is sent, as a real one does."""

import asyncio
import copy
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from testkit.kubernetes.secrets import SecretResources
from testkit.kubernetes.store import Document, Refused, Store, selected
from testkit.kubernetes_models import complaints

CONTEXT = "test"

Trouble = Callable[[web.Request], Awaitable[None]]
"""Called before a request is served: it may raise Refused, or break the connection off."""


class ApiServer:
    """What a client meets. `calls` are those that came, as method and path; `quota` is of each namespace.

    `troubles` are for the next requests that they fit, each for one: by method.
    """

    def __init__(self, store: Store | None = None) -> None:
        self.store = store or Store()
        self.calls: list[str] = []
        self.quota: int | None = None
        self.secret_resources = SecretResources()
        self.secrets = self.secret_resources.secrets
        self.templates: dict[tuple[str, str], Document] = {}
        self.troubles: dict[str, deque[Trouble]] = {}
        self.before: Trouble | None = None
        self.after: Trouble | None = None
        self._watches: set[asyncio.Task[Any]] = set()
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self) -> None:
        app = web.Application(middlewares=[self._serve])
        app.router.add_get("/api/v1/pods", self._pods)
        app.router.add_get("/api/v1/namespaces/{namespace}/pods", self._pods)
        app.router.add_post("/api/v1/namespaces/{namespace}/pods", self._create)
        app.router.add_get("/api/v1/namespaces/{namespace}/pods/{name}", self._get)
        app.router.add_delete("/api/v1/namespaces/{namespace}/pods/{name}", self._delete)
        app.router.add_get("/api/v1/namespaces/{namespace}/podtemplates/{name}", self._template)
        self.secret_resources.add_routes(app.router)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        self.drop_watches()
        if self._runner is not None:
            await self._runner.cleanup()

    def kubeconfig(self, path: Path, context: str = CONTEXT) -> Path:
        """A kubeconfig that names this server."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": context,
            "clusters": [{"name": context, "cluster": {"server": self.url}}],
            "users": [{"name": context, "user": {"token": "for-tests"}}],
            "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
        }
        path.write_bytes(orjson.dumps(config))
        return path

    def trouble(self, method: str, *troubles: Trouble | Refused) -> None:
        """What becomes of the next requests with this method."""
        waiting = self.troubles.setdefault(method, deque())
        waiting.extend(_refuse(one) if isinstance(one, Refused) else one for one in troubles)

    def drop_watches(self) -> None:
        """Break off every watch."""
        for task in tuple(self._watches):
            task.cancel()

    @property
    def watching(self) -> int:
        """How many watches are open."""
        return len(self._watches)

    @web.middleware
    async def _serve(self, request: web.Request, handler: Any) -> web.StreamResponse:
        kind = "WATCH" if request.query.get("watch") else request.method
        self.calls.append(f"{kind} {request.path}")
        try:
            for trouble in (self.before, self._next_trouble(kind)):
                if trouble is not None:
                    await trouble(request)
            response: web.StreamResponse = await handler(request)
            if self.after is not None and kind != "WATCH":
                await self.after(request)
            return response
        except Refused as refused:
            return web.json_response(refused.status, status=refused.code, headers=refused.headers)

    def _next_trouble(self, kind: str) -> Trouble | None:
        waiting = self.troubles.get(kind)
        return waiting.popleft() if waiting else None

    async def _pods(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("watch"):
            return await self._watch(request)
        selector, namespace = request.query["labelSelector"], request.match_info.get("namespace")
        begin, limit = int(request.query.get("continue") or 0), int(request.query["limit"])
        chosen = [pod for pod in self.store.pods.values() if _is_asked_for(pod, namespace, selector)]
        page, more = chosen[begin : begin + limit], len(chosen) > begin + limit
        metadata = {"resourceVersion": str(self.store.version)}
        if more:
            metadata["continue"] = str(begin + limit)
        return web.json_response({"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": page})

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        selector, namespace = request.query["labelSelector"], request.match_info.get("namespace")
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        task = asyncio.current_task()
        assert task is not None
        await response.prepare(request)
        self._watches.add(task)
        try:
            async for kind, pod in self.store.watch(int(request.query["resourceVersion"])):
                if kind == "BOOKMARK" or _is_asked_for(pod, namespace, selector):
                    await response.write(orjson.dumps({"type": kind, "object": pod}) + b"\n")
        except ConnectionResetError:
            pass  # whoever watched is gone
        except Refused as refused:
            await response.write(orjson.dumps({"type": "ERROR", "object": refused.status}) + b"\n")
        finally:
            self._watches.discard(task)
        return response

    async def _create(self, request: web.Request) -> web.Response:
        pod, namespace = orjson.loads(await request.read()), request.match_info["namespace"]
        name = pod["metadata"]["name"]
        if found := complaints(pod):
            raise Refused(422, "Invalid", f'Pod "{name}" is invalid: {"; ".join(found)}')
        if pod["metadata"]["namespace"] != namespace:
            raise Refused(400, "BadRequest", "the namespace of the provided object does not match")
        used = sum(place == namespace for place, _ in self.store.pods)
        if self.quota is not None and used >= self.quota and (namespace, name) not in self.store.pods:
            raise full(name, used, self.quota)
        return web.json_response(self.store.create(pod), status=201)

    async def _get(self, request: web.Request) -> web.Response:
        return web.json_response(self.store.get(request.match_info["namespace"], request.match_info["name"]))

    async def _delete(self, request: web.Request) -> web.Response:
        options = orjson.loads(await request.read())
        pod = self.store.delete(
            request.match_info["namespace"],
            request.match_info["name"],
            uid=(options.get("preconditions") or {}).get("uid", ""),
            grace_s=options.get("gracePeriodSeconds", 30),
        )
        return web.json_response(pod)

    async def _template(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        found = self.templates.get((request.match_info["namespace"], name))
        if found is None:
            raise Refused(404, "NotFound", f'podtemplates "{name}" not found')
        return web.json_response(copy.deepcopy(found))


def _refuse(refused: Refused) -> Trouble:
    async def trouble(request: web.Request) -> None:
        raise refused

    return trouble


async def break_off(request: web.Request) -> None:
    """The connection breaks before there is an answer."""
    if request.transport is not None:
        request.transport.abort()
    raise Refused(500, "InternalError", "nobody hears this")


def full(name: str, used: int, hard: int) -> Refused:
    """What is said when a namespace has no room for a pod."""
    numbers = f"requested: pods=1, used: pods={used}, limited: pods={hard}"
    return Refused(403, "Forbidden", f'pods "{name}" is forbidden: exceeded quota: most, {numbers}')


def _is_asked_for(pod: Mapping[str, Any], namespace: str | None, selector: str) -> bool:
    return namespace in (None, pod["metadata"]["namespace"]) and selected(dict(pod), selector)
