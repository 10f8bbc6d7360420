"""What nobody refers to is found and removed; whatever anybody refers to, in whichever way, stays."""

import base64
import json
import pickle
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flyte._client.garbage import Garbage, find_garbage, remove_garbage
from flyte._client.references import references_in
from flyte._runtime.offload import offload
from flyte._runtime.transfer import Artifacts
from flyte_bus.errors import Refusal
from flyte_bus.memory import MemoryBus
from flyte_bus.meter import Meter
from flyte_dataproxy.endpoints import Endpoints
from flyte_dataproxy.http import ArtifactServer
from flyte_dataproxy.measures import TransferMeasures
from flyte_dataproxy.settings import DataproxySettings
from flyte_dataproxy.store.memory import MemoryStore
from flyte_dataproxy.store.served import ServedLocations
from flyte_dataproxy.tidying import Tidying
from flyte_schemas.endpoints import COMPLETE_UPLOAD, CREATE_DOWNLOAD_LOCATION, CREATE_UPLOAD_LOCATION
from flyte_schemas.events import (
    ActionQueued,
    ActionRequested,
    AttemptFailed,
    AttemptReported,
    AttemptSucceeded,
    EventData,
    StartRun,
    TaskDeployed,
)
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.literals import InlineLiteral
from flyte_schemas.streams import CACHE_BUCKET
from flyte_schemas.subjects import ActionKey, RunKey, action_subject, run_request, task_subject
from flyte_schemas.task import BundleReference, TaskReference
from flyte_schemas.tidying import LIST_ARTIFACTS, REMOVE_ARTIFACTS, REMOVE_UNFINISHED_UPLOADS, RemoveArtifacts
from flyte_schemas.vocabulary import UnknownData
from testkit.events import event
from testkit.tasks import template

OLD_S = 30 * 86400
TASK = TaskReference(name="env.task", version="v1")
SECRET = b"s" * 32


class Store:
    """A dataproxy of stores in memory, a log, and a clock that the test sets."""

    def __init__(self, bus: MemoryBus) -> None:
        self.bus = bus
        self.now = time.time()
        self.kept = MemoryStore(lambda: self.now)
        self._events = 0

    async def serve(self, settings: DataproxySettings) -> ArtifactServer:
        server = await ArtifactServer.start(self.kept, SECRET, settings, time.time, TransferMeasures(Meter()))
        places = ServedLocations(
            self.kept, SECRET, public_url=server.url, url_ttl_s=600, clock=lambda: time.time()
        )
        endpoints = Endpoints(locations=places, max_object_bytes=10**9, clock=lambda: self.now)
        tidying = Tidying(keep=self.kept, clock=lambda: self.now)
        serve: Any = self.bus.serve
        for endpoint, handler in (
            (CREATE_UPLOAD_LOCATION, endpoints.create_upload_location),
            (COMPLETE_UPLOAD, endpoints.complete_upload),
            (CREATE_DOWNLOAD_LOCATION, endpoints.create_download_location),
            (LIST_ARTIFACTS, tidying.list_artifacts),
            (REMOVE_ARTIFACTS, tidying.remove_artifacts),
            (REMOVE_UNFINISHED_UPLOADS, tidying.remove_unfinished_uploads),
        ):
            await serve(endpoint, handler)
        return server

    def artifacts(self, project: str = "robots") -> Artifacts:
        return Artifacts(self.bus.ask, project, "development")

    async def put(self, content: bytes, project: str = "robots") -> str:
        """Store an object; its URI."""
        return (await self.artifacts(project).put(content, "x")).uri

    async def say(self, subject: str, data: EventData | UnknownData) -> None:
        self._events += 1
        await self.bus.log.append(event(subject, data, id=f"e{self._events}"))

    async def happen(self, data: EventData | UnknownData, run: str = "run", action: str = "a0") -> None:
        await self.say(action_subject(ActionKey(RunKey("robots", "development", run), action)), data)

    def grow_old(self) -> None:
        self.now += OLD_S

    async def find(self, **more: Any) -> Garbage:
        return await find_garbage(self.bus, **{"before": self.before, "runs_ended_before": None, **more})

    @property
    def before(self) -> datetime:
        return datetime.fromtimestamp(self.now, UTC) - timedelta(days=7)

    async def unused(self, **more: Any) -> set[str]:
        return {found.uri for found in (await self.find(**more)).unused}


@pytest.fixture
async def store(bus: MemoryBus, settings: DataproxySettings) -> AsyncIterator[Store]:
    store = Store(bus)
    server = await store.serve(settings)
    yield store
    await server.stop()


async def succeeded(store: Store, run: str, outputs: dict[str, Any]) -> None:
    """A run from its request to its end."""
    await store.happen(ActionRequested(task=TASK), run)
    await store.happen(ActionQueued(attempt=1, pool="process"), run)
    await store.happen(AttemptSucceeded(attempt=1, outputs=outputs), run)


async def test_what_nothing_refers_to_is_found_when_it_is_old_and_removed(store: Store) -> None:
    lost = {await store.put(b"lost"), await store.put(b"lost too", "humans")}
    assert await store.unused() == set()
    assert (await store.find()).young == 2
    store.grow_old()
    garbage = await store.find()
    assert {found.uri for found in garbage.unused} == lost
    assert (garbage.used, garbage.young, garbage.unused_bytes) == (0, 0, 12)
    await remove_garbage(store.bus, garbage, store.before)
    assert (garbage.removed, garbage.removed_bytes) == (2, 12)
    assert await store.unused() == set()


async def test_every_kind_of_reference_is_understood(store: Store) -> None:
    bundle = await store.put(b"\x1f\x8bbundle")
    await store.say(
        task_subject("robots", "development", "env.task"),
        TaskDeployed(
            version="v1",
            digest="a" * 64,
            template=template(
                bundle=BundleReference(uri=bundle, sha256="a" * 64, md5="b" * 32, size_bytes=8)
            ),
        ),
    )
    await store.put(b"of a request")
    waiting = await offload({"x": InlineLiteral(value="x" * 70_000)}, store.artifacts())
    await store.say(
        run_request(RunKey("robots", "development", "waiting"), "alice"), StartRun(task=TASK, inputs=waiting)
    )
    report = await store.put(b"<html>")
    await store.happen(ActionRequested(task=TASK), "reported")
    await store.happen(AttemptReported(attempt=1, uri=report, sha256="a" * 64, size_bytes=6), "reported")
    file, other = await store.put(b"a file", "humans"), await store.put(b"another")
    folder = await store.put(json.dumps({"flyte-dir": 2, "objects": [other]}).encode())
    pickled = await store.put(b"in a pickle")
    within = await store.put(pickle.dumps({"file": pickled}))
    in_base64 = await store.put(b"in a small pickle")
    text = base64.b64encode(pickle.dumps([in_base64])).decode()
    value = {"files": [{"path": file, "format": ""}], "folder": folder, "p": {"$pickle": text}, "q": within}
    await succeeded(store, "values", {"o0": InlineLiteral(value=value)})
    deep = await store.put(b"in a large value")
    large = {"o0": InlineLiteral(value=["x" * 70_000, {"$pickle": base64.b64encode(deep.encode()).decode()}])}
    await succeeded(store, "large", await offload(large, store.artifacts()))
    unknown = await store.put(b"a checkpoint")
    await store.happen(UnknownData(type="flyte.attempt.saved.v9", document={"at": unknown}), "unknown")
    store.grow_old()
    garbage = await store.find()
    (found,) = garbage.unused
    assert found.size_bytes == len(b"of a request")
    assert garbage.used == 12


async def test_a_reference_counts_wherever_in_a_large_object_it_stands(store: Store) -> None:
    from flyte._client import garbage

    found = await store.put(b"found")
    for place in (0, garbage.READ_BYTES - 20, garbage.READ_BYTES + 3):
        content = b'{"' + b"x" * place + found.encode() + b"x" * 5000
        assert references_in(content) == {found}
        await succeeded(store, f"r{place}", {"o0": InlineLiteral(value=await store.put(content))})
    store.grow_old()
    assert await store.unused() == set()


async def test_what_is_relied_upon_again_is_young_again(store: Store) -> None:
    uri = await store.put(b"again")
    store.grow_old()
    garbage = await store.find()
    assert [found.uri for found in garbage.unused] == [uri]
    assert not (await store.artifacts().put(b"again", "x")).uploaded  # while the collection is under way
    await remove_garbage(store.bus, garbage, store.before)
    assert garbage.removed == 0
    assert (await store.find()).young == 1


async def test_runs_that_ended_long_ago_may_be_forgotten_but_not_what_the_cache_offers(store: Store) -> None:
    mine, cached, shared, live = [
        await store.put(name.encode()) for name in ("mine", "cached", "shared", "live")
    ]
    values = {"o0": InlineLiteral(value=[mine, cached, shared])}
    await succeeded(store, "old", values)
    await store.happen(ActionRequested(task=TASK, inputs={"x": InlineLiteral(value=[shared, live])}), "live")
    await store.happen(ActionRequested(task=TASK, inputs={"x": InlineLiteral(value=mine)}), "failed")
    await store.happen(ActionQueued(attempt=1, pool="process"), "failed")
    failure = Failure(code="E", kind=FailureKind.USER, message="m")
    await store.happen(AttemptFailed(attempt=1, failure=failure), "failed")
    await store.bus.bucket(CACHE_BUCKET).put("r.some.result", json.dumps({"outputs": cached}).encode())
    store.grow_old()
    assert await store.unused() == set()
    later = datetime.now(UTC) + timedelta(days=1)
    garbage = await store.find(runs_ended_before=later)
    assert (garbage.forgotten_runs, garbage.unused) == (
        1,
        [],
    )  # a failed attempt is not the end: `mine` stays
    assert await store.unused(runs_ended_before=datetime.now(UTC) - timedelta(days=1)) == set()


async def test_what_only_forgotten_runs_refer_to_is_garbage(store: Store) -> None:
    mine = await store.put(b"mine")
    await succeeded(store, "old", {"o0": InlineLiteral(value=mine)})
    store.grow_old()
    assert await store.unused() == set()
    assert await store.unused(runs_ended_before=datetime.now(UTC) + timedelta(days=1)) == {mine}


async def test_a_message_that_cannot_be_read_may_refer_to_something(store: Store) -> None:
    uri, lost = await store.put(b"of a later version"), await store.put(b"lost")
    for subject in ("flyte.run.robots.development.run.a0", "flyte.task.robots.development.env.task"):
        store.bus._link.server.publish_raw(subject, b"garbage " + uri.encode() + b" and more")
    store.grow_old()
    assert await store.unused() == {lost}


async def test_nobody_removes_what_is_young(store: Store) -> None:
    uri = await store.put(b"young")
    now = datetime.fromtimestamp(store.now, UTC)
    with pytest.raises(Refusal, match="may belong to work under way"):
        await store.bus.ask(REMOVE_ARTIFACTS, RemoveArtifacts(uris=(uri,), before=now))
    removed = await store.bus.ask(
        REMOVE_ARTIFACTS, RemoveArtifacts(uris=(uri,), before=now - timedelta(hours=2))
    )
    assert removed.count == 0


async def test_the_list_goes_on_page_by_page(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flyte_dataproxy.tidying.MAX_LISTED", 7)
    uris = {await store.put(str(number).encode(), f"p{number % 3}") for number in range(21)}
    store.grow_old()
    assert await store.unused() == uris
