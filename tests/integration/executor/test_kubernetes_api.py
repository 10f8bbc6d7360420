"""What is relied on of an API server: the same for the one of tests, and for a real one.

With `FLYTE_TEST_K8S=1` these run against the cluster of `KUBECONFIG` too, in the namespace
`FLYTE_TEST_K8S_NAMESPACE` (default: `default`). Their pods fit on no node, and are removed.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from aiohttp import web

from flyte_executor.backends.kubernetes import api
from flyte_executor.backends.kubernetes.api import Api, ApiError, ApiUnavailable, Expired, Unreadable
from flyte_executor.backends.kubernetes.identity import order_of, site_selector
from flyte_executor.backends.kubernetes.manifest import attempt_pod
from flyte_executor.backends.kubernetes.settings import KubernetesSettings
from flyte_executor.backends.port import Launch
from flyte_schemas.orders import Order
from flyte_schemas.subjects import AttemptKey, RunKey
from testkit.kubernetes.api_server import ApiServer, break_off
from testkit.kubernetes.store import Document, Refused
from testkit.tasks import template

REAL = os.environ.get("FLYTE_TEST_K8S") == "1"
NOWHERE = {"flytejet.dev/none-has-this": "true"}


class Somewhere:
    """An API server, a namespace of it, and a site of our own in that."""

    def __init__(self, api: Api, namespace: str) -> None:
        self.api = api
        self.namespace = namespace
        self.site = f"t{uuid4().hex[:12]}"
        self.selector = site_selector(self.site)

    def pod(self, number: int = 1, **metadata: object) -> Document:
        """The pod of an attempt, for which there is no node."""
        attempt = AttemptKey(RunKey("project", "domain", "run").action("a0"), number)
        launch = Launch(attempt=attempt, fence=7, template=template(image="registry.example/none:1"))
        settings = KubernetesSettings(namespace=self.namespace)
        order = Order.of(attempt, 7)
        pod = attempt_pod(launch, order, settings, site=self.site, environment={})
        pod["spec"]["nodeSelector"] = NOWHERE
        pod["metadata"] |= metadata
        return pod

    async def listed(self) -> tuple[list[Document], str]:
        return await self.api.list_pods(self.namespace, self.selector)

    async def remove(self, pod: Document, uid: str = "") -> None:
        metadata = pod["metadata"]
        await self.api.delete_pod(
            metadata["namespace"], metadata["name"], uid or metadata["uid"], grace_s=0.0
        )

    async def hears(self, version: str, count: int) -> list[tuple[str, str]]:
        """The next so many things that happen to pods, and to which."""
        heard = []
        async with asyncio.timeout(30.0):
            async for kind, pod in self.api.watch_pods(self.namespace, self.selector, version):
                if kind != "BOOKMARK":
                    heard.append((kind, str(pod["metadata"]["name"])))
                if len(heard) == count:
                    break
        return heard


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ApiServer]:
    monkeypatch.setattr(api, "FIRST_PAUSE_S", 0.01)
    server = ApiServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def here(
    server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Somewhere]:
    """The server for tests."""
    monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path / "kubeconfig")))
    async with _somewhere("default") as there:
        yield there


@pytest.fixture(params=["for tests", *(["real"] if REAL else [])])
async def somewhere(
    request: pytest.FixtureRequest, server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Somewhere]:
    """The server for tests, and the real one if there is one."""
    namespace = os.environ.get("FLYTE_TEST_K8S_NAMESPACE") or "default"
    if request.param == "for tests":
        monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path / "kubeconfig")))
    async with _somewhere(namespace) as there:
        yield there


@asynccontextmanager
async def _somewhere(namespace: str) -> AsyncIterator[Somewhere]:
    there = Somewhere(Api(None, calls=4), namespace)
    await there.api.connect()
    try:
        yield there
    finally:
        for pod in (await there.listed())[0]:
            await there.remove(pod)
        await there.api.close()


async def test_what_is_made_is_listed_with_all_that_it_was_told(somewhere: Somewhere) -> None:
    made = await somewhere.api.create_pod(somewhere.pod())
    (listed,), version = await somewhere.listed()
    assert listed["metadata"]["uid"] == made["metadata"]["uid"]
    assert order_of(listed) == order_of(somewhere.pod())
    assert int(version) >= int(listed["metadata"]["resourceVersion"])
    found = await somewhere.api.pod(somewhere.namespace, made["metadata"]["name"])
    assert found is not None and found["metadata"]["uid"] == made["metadata"]["uid"]


async def test_the_second_pod_of_a_name_is_refused(somewhere: Somewhere) -> None:
    await somewhere.api.create_pod(somewhere.pod())
    with pytest.raises(ApiError) as refused:
        await somewhere.api.create_pod(somewhere.pod())
    assert (refused.value.code, refused.value.reason) == (409, "AlreadyExists")


async def test_a_pod_that_is_none_is_refused_with_a_sentence(somewhere: Somewhere) -> None:
    with pytest.raises(ApiError) as refused:
        await somewhere.api.create_pod(somewhere.pod(labels={"not a label!": "x"}))
    assert (refused.value.code, refused.value.reason) == (422, "Invalid")
    assert "not a label!" in refused.value.message


async def test_a_pod_is_removed_once_and_only_that_one(somewhere: Somewhere) -> None:
    made = await somewhere.api.create_pod(somewhere.pod())
    await somewhere.remove(made, uid=str(uuid4()))  # another one had its name
    assert len((await somewhere.listed())[0]) == 1
    for _ in range(2):
        await somewhere.remove(made)
    assert (await somewhere.listed())[0] == []
    assert await somewhere.api.pod(somewhere.namespace, made["metadata"]["name"]) is None


async def test_a_watch_tells_what_happened_since_a_listing(somewhere: Somewhere) -> None:
    _, version = await somewhere.listed()
    made = await somewhere.api.create_pod(somewhere.pod())
    name = made["metadata"]["name"]
    watching = asyncio.create_task(somewhere.hears(version, 1))
    assert await watching == [("ADDED", name)]
    await somewhere.remove(made)
    heard = await somewhere.hears(version, 2)
    assert heard[0] == ("ADDED", name)
    assert heard[1][0] in ("MODIFIED", "DELETED")  # a real scheduler has a word on it


async def test_a_listing_has_all_pages(somewhere: Somewhere, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "PAGE", 2)
    for number in range(1, 6):
        await somewhere.api.create_pod(somewhere.pod(number))
    pods, _ = await somewhere.listed()
    assert len({pod["metadata"]["name"] for pod in pods}) == 5


async def test_a_template_that_is_not_there_is_none(somewhere: Somewhere) -> None:
    assert await somewhere.api.pod_template(somewhere.namespace, f"none-{uuid4().hex}") is None


@pytest.mark.parametrize(
    "name",
    ["../../victim-prod/podtemplates/batch", "?watch=true", "../../../../../healthz", "..", "a/b", "A", ""],
)
async def test_what_is_no_name_leads_nowhere(server: ApiServer, here: Somewhere, name: str) -> None:
    before = list(server.calls)
    for asked in (here.api.pod_template, here.api.pod, here.api.secret):
        for namespace, of in (("default", name), (name, "x")):
            with pytest.raises(ApiError, match="can be called") as refused:
                await asked(namespace, of)
            assert refused.value.code == 422
    assert server.calls == before


# -- what only a server for tests does when it is asked to -----------------------------------------------


async def test_a_watch_from_too_long_ago_has_expired(server: ApiServer, here: Somewhere) -> None:
    _, version = await here.listed()
    server.store.pass_by()
    server.store.forget()
    with pytest.raises(Expired, match="too old resource version"):
        await here.hears(version, 1)


async def test_a_pod_of_any_length_is_told_of(server: ApiServer, here: Somewhere) -> None:
    _, version = await here.listed()
    long = server.store.create(here.pod(annotations={"long": "x" * 5 * 2**20}))
    short = server.store.create(here.pod(2))
    told = [("ADDED", one["metadata"]["name"]) for one in (long, short)]
    assert await here.hears(version, 2) == told


async def test_a_line_without_end_is_told_of(
    server: ApiServer, here: Somewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "LONGEST_LINE", 2**20)
    _, version = await here.listed()
    server.store.create(here.pod(annotations={"long": "x" * 5 * 2**20}))
    with pytest.raises(Unreadable, match="a line is longer than 1048576 bytes"):
        await here.hears(version, 1)


async def test_who_is_throttled_waits_as_long_as_the_server_says(
    server: ApiServer, here: Somewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr("flyte_executor.backends.kubernetes.api.asyncio.sleep", sleep)
    server.trouble("GET", *[Refused(429, "TooManyRequests", "slow down", {"Retry-After": "7"})] * 2)
    assert (await here.listed())[0] == []
    assert waited == [7.0, 7.0]


@pytest.mark.parametrize("text", ["ok", "", "[]", "<html>"])
async def test_an_answer_that_is_no_object_is_told_of(server: ApiServer, here: Somewhere, text: str) -> None:
    async def answer(request: web.Request) -> None:
        raise web.HTTPOk(text=text)

    server.before = answer
    with pytest.raises(ApiUnavailable, match="what is no JSON object"):
        await here.api.pod_template("default", "a")
    server.before = None


async def test_a_server_that_stays_away_is_told_of(
    server: ApiServer, here: Somewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "PATIENCE_S", 0.05)
    server.trouble("GET", *[break_off] * 30)
    with pytest.raises(ApiUnavailable, match="GET /api/v1/namespaces/default/pods"):
        await here.listed()
    server.troubles.clear()


async def test_a_token_that_was_replaced_is_read_again(
    server: ApiServer, here: Somewhere, tmp_path: Path
) -> None:
    async def check(request: web.Request) -> None:
        if request.headers["Authorization"] != "Bearer new":
            raise Refused(401, "Unauthorized", "Unauthorized")

    config = tmp_path / "kubeconfig"
    config.write_text(config.read_text().replace("for-tests", "new"))
    server.before = check
    assert (await here.listed())[0] == []
    config.write_text(config.read_text().replace("new", "old"))
    server.before = None
    await here.api.connect()
    server.before = check
    with pytest.raises(ApiError, match="Unauthorized"):
        await here.listed()
    server.before = None
