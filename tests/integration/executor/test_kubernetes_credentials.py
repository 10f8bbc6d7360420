"""Each pod's agent is let in by itself: by a Secret that is the pod's, whatever happens between the two."""

import pytest

from flyte_bus.identity.credentials import Credentials
from flyte_executor.backends.kubernetes.letting_in import name_by_lot
from flyte_schemas.phase import ActionPhase
from flyte_schemas.subjects import RunKey
from testkit.cases.harness import until
from testkit.executor_plane import running
from testkit.issuing import issuer
from testkit.kubernetes.place import Place
from testkit.kubernetes.store import Document, Refused
from testkit.scripted_backend import idle


def env_of(pod: Document) -> dict[str, Document]:
    (container,) = pod["spec"]["containers"]
    return {one["name"]: one for one in container["env"]}


def own_secret(pod: Document) -> str:
    return str(env_of(pod)["FLYTE_NATS_CREDS"]["valueFrom"]["secretKeyRef"]["name"])


async def running_pod(place: Place) -> tuple[Document, RunKey]:
    """The pod of a run whose agent has been let in, and the run."""
    place.issuer, place.script = issuer(), idle
    await place.executor()
    run = await place.plane.start()
    await place.plane.until(run, lambda fold: running(fold, "a0"))
    return await place.pod(), run


async def test_a_pod_has_a_secret_that_ends_with_it(place: Place) -> None:
    pod, run = await running_pod(place)
    name = own_secret(pod)
    await until(lambda: bool(place.server.secrets))
    secret = place.server.secrets[pod["metadata"]["namespace"], name]
    (owner,) = secret["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"]) == ("Pod", pod["metadata"]["uid"])
    own = Credentials.read(secret["stringData"]["creds"]).identity
    assert (own.role, own.run) == ("agent", run.run)
    assert env_of(pod)["FLYTE_NATS_CREDS"]["valueFrom"]["secretKeyRef"]["key"] == "creds"
    assert "SEED" not in str(pod)
    assert not {"FLYTE_NATS_USER", "FLYTE_NATS_PASSWORD"} & env_of(pod).keys()


async def test_no_task_can_name_the_secret_of_anothers_pod_in_its_own(place: Place) -> None:
    pod, _ = await running_pod(place)
    name, public = own_secret(pod), pod["metadata"]["name"]
    assert name.startswith(f"{public}-")
    assert len({name, *(name_by_lot(public) for _ in range(9))}) == 10
    assert len(name.removeprefix(f"{public}-")) == 32
    assert not [entry for entry in await place.plane.entries() if name.encode() in entry.raw]


async def test_without_signing_keys_no_secret_is_made(place: Place) -> None:
    await place.executor()
    run = await place.plane.start()
    assert (await place.plane.settled(run)).phase is ActionPhase.SUCCEEDED
    assert place.server.secrets == {}


async def test_a_pod_whose_executor_died_before_its_secret_gets_it_from_the_next(place: Place) -> None:
    place.issuer, place.script = issuer(), idle
    place.node.is_full = True
    life = await place.executor()
    run = await place.plane.start()
    pod = await place.pod()
    await until(lambda: len(place.server.secrets) == 1)
    await life.end()
    place.server.secrets.clear()
    await place.executor()
    await until(lambda: len(place.server.secrets) == 1)
    ((_, name),) = place.server.secrets
    assert name == own_secret(pod)
    place.node.take_waiting()
    await place.plane.until(run, lambda fold: running(fold, "a0"))


async def test_an_executor_that_may_make_no_secrets_says_so(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(request: object) -> None:
        if str(getattr(request, "path", "")).endswith("/secrets"):
            raise Refused(403, "Forbidden", "secrets is forbidden: no create")

    place.issuer, place.server.before, place.node.is_full = issuer(), refuse, True
    await place.executor()
    run = await place.plane.start()
    root = await place.plane.settled(run)
    assert root.phase is ActionPhase.FAILED
    assert root.failure is not None
    assert "its pod could not be given its credentials: secrets is forbidden" in root.failure.message
    place.server.before = None
    await place.empty()
