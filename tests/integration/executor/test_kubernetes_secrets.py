"""Secrets in a cluster: kept in the namespaces of pods, and looked for before there is a pod."""

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from flyte_executor.backends.kubernetes.api import Api
from flyte_executor.backends.kubernetes.secret_store import LABEL, KubernetesStore
from flyte_executor.secrets.port import StoreRefuses
from flyte_schemas.phase import ActionPhase
from flyte_schemas.policies import SecretReference
from flyte_schemas.secrets import SecretContent, SecretScope, scopes_of
from flyte_schemas.task import TaskReference
from testkit.kubernetes.place import SETTINGS, Place

NOON, LATER = datetime(2026, 6, 1, 12, tzinfo=UTC), datetime(2026, 6, 2, 12, tzinfo=UTC)
SCOPE = SecretScope("p", "d")
BY_PLACE = replace(SETTINGS, namespace="{project}-{domain}")


def content(key: str, value: str = "value", *, group: str | None = None, **more: Any) -> SecretContent:
    encoded = base64.b64encode(value.encode()).decode()
    words: dict[str, Any] = {"project": "p", "domain": "d"} | more
    return SecretContent(key=key, group=group, value=encoded, **words)


def theirs(name: str, data: dict[str, str], **metadata: Any) -> dict[str, Any]:
    """A Secret that somebody made with kubectl."""
    place = {"namespace": "p-d", "name": name, **metadata}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": place, "data": data}


@pytest.fixture
async def store(place: Place) -> AsyncIterator[KubernetesStore]:
    api = Api(None, calls=4)
    yield KubernetesStore(lambda: [api], BY_PLACE)
    await api.close()


async def test_a_group_is_a_secret_that_is_gone_with_its_last_key(
    place: Place, store: KubernetesStore
) -> None:
    assert not await store.put(content("a", group="team"), NOON)
    assert not await store.put(content("b", group="team"), NOON)
    assert await store.put(content("a", "new", group="team"), LATER)
    assert not await store.put(content("single"), NOON)
    kept = place.server.secrets
    assert set(kept) == {("p-d", "team"), ("p-d", "flyte-secrets")}
    assert base64.b64decode(kept["p-d", "team"]["data"]["a"]) == b"new"
    listed = {(one.group, one.key): one for one in await store.visible(scopes_of("p", "d"))}
    assert set(listed) == {("team", "a"), ("team", "b"), (None, "single")}
    assert (listed["team", "a"].created_at, listed["team", "a"].updated_at) == (NOON, LATER)
    assert all(one.scope == SCOPE for one in listed.values())
    assert await store.visible(scopes_of("p", "other")) == []
    assert await store.delete(SCOPE, "team", "a")
    assert not await store.delete(SCOPE, "team", "a")
    assert await store.delete(SCOPE, "team", "b")
    assert set(kept) == {("p-d", "flyte-secrets")}


async def test_a_login_is_a_secret_by_which_pods_pull_images(place: Place, store: KubernetesStore) -> None:
    await store.put(content("registry", "{}", type="image_pull"), NOON)
    kept = place.server.secrets["p-d", "registry"]
    assert kept["type"] == "kubernetes.io/dockerconfigjson"
    assert list(kept["data"]) == [".dockerconfigjson"]
    (one,) = await store.visible(scopes_of("p", "d"))
    assert (one.key, one.group, one.type) == ("registry", None, "image_pull")
    with pytest.raises(StoreRefuses, match="is of type image_pull, and not regular: delete it first"):
        await store.put(content("key", group="registry"), NOON)
    assert await store.delete(SCOPE, None, "registry")
    assert place.server.secrets == {}


async def test_what_somebody_else_has_made_is_not_touched(place: Place, store: KubernetesStore) -> None:
    place.server.secret_resources.put(theirs("nats-credentials", {"password": "eA=="}))
    for change in (
        store.put(content("password", group="nats-credentials"), NOON),
        store.delete(SCOPE, "nats-credentials", "password"),
    ):
        with pytest.raises(StoreRefuses, match=f"kubectl label secret nats-credentials {LABEL}=regular"):
            await change
    assert await store.visible(scopes_of("p", "d")) == []
    place.server.secret_resources.put(theirs("handed-over", {"old": "eA=="}, labels={LABEL: "regular"}))
    assert not await store.put(content("new", group="handed-over"), NOON)
    assert {(one.key, one.created_at) for one in await store.visible(scopes_of("p", "d"))} == {
        ("old", None),
        ("new", NOON),
    }


@pytest.mark.parametrize(
    ("namespace", "scope", "sentence"),
    [
        ("flyte-tasks", {}, "their scope is global here, and not project: say --scope global"),
        ("tasks-{domain}", {}, "their scope is domain here, and not project: say --scope domain"),
        ("{project}-{domain}", {"project": None}, "their scope is project here, and not domain"),
        (
            "{project}",
            {},
            "their scope is none of ours here, and not project: set FLYTE_EXECUTOR",
        ),
        ("{project}-{domain}", {"project": "My_Project"}, "no namespace can be called 'My_Project-d'"),
        ("{project}-{domain}", {"group": "My Team"}, "no Kubernetes Secret can be called 'My Team'"),
        ("{project}-{domain}", {"key": "a:b"}, "no Kubernetes Secret has a key 'a:b'"),
    ],
)
async def test_a_scope_is_what_namespaces_are_of(
    place: Place, namespace: str, scope: dict[str, Any], sentence: str
) -> None:
    api = Api(None, calls=4)
    store = KubernetesStore(lambda: [api], replace(SETTINGS, namespace=namespace))
    words: dict[str, Any] = {"key": "key", "project": "p", "domain": "d", "value": "eA=="} | scope
    with pytest.raises(StoreRefuses, match=sentence):
        await store.put(SecretContent.model_construct(**({"group": None, "type": "regular"} | words)), NOON)
    await api.close()


async def test_who_has_no_rights_says_so(place: Place, store: KubernetesStore) -> None:
    place.server.secret_resources.may = False
    with pytest.raises(StoreRefuses, match="give its account rights on secrets"):
        await store.put(content("key"), NOON)


async def test_a_task_whose_secret_is_missing_fails_without_a_pod(place: Place) -> None:
    wanted = (SecretReference(key="key", group="team", as_env_var="KEY"),)
    task = TaskReference(name="env.secretive", version="v1")
    await place.plane.deploy(task, retries=3, secrets=wanted)
    await place.executor()
    run = await place.plane.start(task=task)
    root = await place.plane.settled(run)
    assert root.phase is ActionPhase.FAILED
    assert root.failure is not None
    assert root.failure.code == "SecretMissing"
    assert "looked in Secret team of namespace flyte" in root.failure.message
    assert "`flyte create secret key --group team --scope global`" in root.failure.hint
    assert place.created() == 0
    place.server.secret_resources.put(theirs("team", {"key": "eA=="}, namespace="flyte"))
    there = await place.plane.start("there", task=task)
    assert (await place.plane.settled(there)).phase is ActionPhase.SUCCEEDED
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "another", "uid": "u"}
    another_pods = theirs("team", {"key": "eA=="}, namespace="flyte", ownerReferences=[owner])
    place.server.secret_resources.put(another_pods)
    stolen = await place.plane.start("stolen", task=task)
    assert (await place.plane.settled(stolen)).phase is ActionPhase.FAILED
    place.server.secret_resources.may = False  # who may not look leaves it to the cluster
    unseen = await place.plane.start("unseen", task=task)
    assert (await place.plane.settled(unseen)).phase is ActionPhase.SUCCEEDED
