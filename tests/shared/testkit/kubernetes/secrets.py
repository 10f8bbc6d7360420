"""What an API server knows of Secrets: made, merged into, removed, each change by its version."""

import copy
from typing import Any

import orjson
from aiohttp import web

from testkit.kubernetes.store import Document, Refused
from testkit.kubernetes_models import complaints


class SecretResources:
    """Secrets by namespace and name, and the routes to them. `may` false: nobody has rights on them."""

    def __init__(self) -> None:
        self.secrets: dict[tuple[str, str], Document] = {}
        self.may = True
        self._version = 0

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Serve them."""
        place = "/api/v1/namespaces/{namespace}/secrets"
        router.add_get(place, self._list)
        router.add_post(place, self._create)
        router.add_get(f"{place}/{{name}}", self._get)
        router.add_patch(f"{place}/{{name}}", self._patch)
        router.add_delete(f"{place}/{{name}}", self._delete)

    def put(self, secret: Document) -> Document:
        """Have it there, in a version of its own. Raises Refused for what is no Secret."""
        if found := complaints(secret):
            raise Refused(422, "Invalid", f"Secret is invalid: {'; '.join(found)}")
        self._version += 1
        kept = copy.deepcopy(secret)
        kept["metadata"]["resourceVersion"] = str(self._version)
        self.secrets[kept["metadata"]["namespace"], kept["metadata"]["name"]] = kept
        return kept

    async def _list(self, request: web.Request) -> web.Response:
        self._check()
        label, namespace = request.query["labelSelector"], request.match_info["namespace"]
        chosen = [
            one
            for (place, _), one in self.secrets.items()
            if place == namespace and label in one["metadata"].get("labels", {})
        ]
        return web.json_response(
            {"kind": "SecretList", "metadata": {"resourceVersion": "1"}, "items": chosen}
        )

    async def _create(self, request: web.Request) -> web.Response:
        self._check()
        secret = orjson.loads(await request.read())
        key = (request.match_info["namespace"], secret["metadata"]["name"])
        if key in self.secrets:
            raise Refused(409, "AlreadyExists", f'secrets "{key[1]}" already exists')
        return web.json_response(self.put(secret), status=201)

    async def _get(self, request: web.Request) -> web.Response:
        return web.json_response(self._found(request))

    async def _patch(self, request: web.Request) -> web.Response:
        assert request.content_type == "application/merge-patch+json"
        found, patch = copy.deepcopy(self._found(request)), orjson.loads(await request.read())
        self._compare(found, patch["metadata"].get("resourceVersion"))
        return web.json_response(self.put(_merged(found, patch)))

    async def _delete(self, request: web.Request) -> web.Response:
        found, options = self._found(request), orjson.loads(await request.read())
        self._compare(found, options["preconditions"]["resourceVersion"])
        del self.secrets[found["metadata"]["namespace"], found["metadata"]["name"]]
        return web.json_response({"kind": "Status", "status": "Success"})

    def _found(self, request: web.Request) -> Document:
        self._check()
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        found = self.secrets.get((namespace, name))
        if found is None:
            raise Refused(404, "NotFound", f'secrets "{name}" not found')
        return found

    def _check(self) -> None:
        if not self.may:
            raise Refused(403, "Forbidden", 'secrets is forbidden: User "executor" cannot do that')

    def _compare(self, found: Document, version: object) -> None:
        if version not in (None, found["metadata"]["resourceVersion"]):
            raise Refused(409, "Conflict", "the object has been modified")


def _merged(into: Any, patch: Any) -> Any:
    """A merge patch (RFC 7386): null removes, objects are merged, the rest replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(into) if isinstance(into, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merged(merged.get(key), value)
    return merged
