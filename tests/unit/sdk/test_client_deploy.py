"""Deploying through a control plane in memory: asked for, waited for, refused."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest

import flyte
from flyte import errors
from flyte._client import deploy as client_deploy
from flyte._client import unchanged
from flyte._client.deploy import deploy_plan
from flyte._client.racing import first_of
from flyte._config import ClientConfig
from flyte._deploy import _build_if_run
from flyte._images.wanted import Wanted
from flyte._plan import Plan
from flyte_bus.settings import BusSettings
from flyte_schemas.backends import BACKEND_KEY
from flyte_schemas.envelope import Event, encode
from flyte_schemas.events import (
    TaskDeployed,
    TaskDeployRejected,
)
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.streams import SETTINGS_BUCKET, TASKS, TRIGGERS
from flyte_schemas.subjects import task_subject, triggers_subject
from flyte_schemas.task import TaskTemplate
from flyte_schemas.trigger_events import TriggersDeployed
from testkit.plane import Plane


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_deploy, "QUIET_WAIT_S", 0.02)
    monkeypatch.setattr(client_deploy, "RESCAN_S", 0.02)
    monkeypatch.setattr(client_deploy, "LOOK_TIMEOUT_S", 0.02)


def deployed(template: TaskTemplate, version: str) -> TaskDeployed:
    return TaskDeployed(version=version, digest=template.digest(), template=template)


async def test_a_deployment_uploads_asks_and_waits_for_the_log(plane: Plane, plan: Plan) -> None:
    done: list[Plan] = []

    async def deploy() -> None:
        done.append(await deploy_plan(plane.mine, plan, "p", "d"))

    await first_of(deploy(), plane.registry())
    assert done[0].version == plan.version
    assert [item.filename for item in plane.uploads] == ["code_bundle.tgz"]
    assert plan.bundle is not None and not done[0].unchanged
    assert plane.uploads[0].content_md5 == hashlib.md5(plan.bundle.data).hexdigest()
    asked = [data for _, data in await plane.requests()]
    assert [request.template.name for request in asked] == ["env.one", "env.two"]
    assert {request.version for request in asked} == {plan.version}


async def test_what_is_there_already_is_not_sent_again(plane: Plane, plan: Plan) -> None:
    for template in plan.templates:
        await plane.say(task_subject("p", "d", template.name), deployed(template, plan.version))
    done = await deploy_plan(plane.mine, plan, "p", "d", rehearse=never)
    assert done.unchanged
    assert plane.uploads == []
    assert await plane.requests() == []


async def never() -> None:
    raise AssertionError("nothing is sent, so nothing is rehearsed")


async def test_nothing_is_sent_when_the_rehearsal_fails(plane: Plane, plan: Plan) -> None:
    async def rehearse() -> None:
        raise errors.CodeBundleError("a module is missing")

    with pytest.raises(errors.CodeBundleError):
        await deploy_plan(plane.mine, plan, "p", "d", rehearse=rehearse)
    assert plane.uploads == []
    assert await plane.requests() == []


async def test_without_a_bundle_nothing_is_uploaded(plane: Plane, plan: Plan) -> None:
    bare = replace(plan, bundle=None, version_is_given=True).stored_at("")
    await first_of(deploy_plan(plane.mine, bare, "p", "d"), plane.registry())
    assert plane.uploads == []
    assert [data.template.bundle for _, data in await plane.requests()] == [None, None]


async def test_only_what_is_missing_is_asked_for(plane: Plane, plan: Plan) -> None:
    one = plan.templates[0]
    await plane.say(task_subject("p", "d", one.name), deployed(one, plan.version))
    await first_of(deploy_plan(plane.mine, plan, "p", "d"), plane.registry())
    assert [data.template.name for _, data in await plane.requests()] == ["env.two"]


async def test_a_version_that_lies_further_back_is_found(plane: Plane, plan: Plan) -> None:
    for template in plan.templates:
        subject = task_subject("p", "d", template.name)
        await plane.say(subject, deployed(template, plan.version))
        await plane.say(subject, deployed(template.model_copy(update={"docs": "newer"}), "newer"))
    await deploy_plan(plane.mine, plan, "p", "d")  # no registry answers


async def test_a_refusal_is_raised_with_the_registrys_reason(plane: Plane, plan: Plan) -> None:
    with pytest.raises(errors.DeploymentError) as caught:
        await first_of(deploy_plan(plane.mine, plan, "p", "d"), plane.registry(refuse=frozenset({"env.two"})))
    assert str(caught.value) == "task env.two was refused: other content: rename"
    assert caught.value.code == "VersionConflict"


async def test_somebody_elses_refusal_is_not_ours(plane: Plane, plan: Plan) -> None:
    failure = Failure(code="X", kind=FailureKind.USER)
    rejected = TaskDeployRejected(version="v", digest="0" * 64, failure=failure)
    await plane.say(task_subject("p", "d", "env.one"), rejected, cause="somebody else's")
    await first_of(deploy_plan(plane.mine, plan, "p", "d"), plane.registry())


async def test_a_silent_registry_is_told_after_the_patience(plane: Plane, plan: Plan) -> None:
    said: list[str] = []
    with pytest.raises(errors.RuntimeSystemError, match="did not answer within"):
        await deploy_plan(plane.mine, plan, "p", "d", say=said.append, patience_s=0.1)
    assert len(await plane.requests()) == 2


def test_a_glance_knows_a_deployment_by_the_last_version_of_each_task(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = ClientConfig(endpoint="nats://here:1", user="me", password="secret")
    there = [encoded(template, plan.version) for template in plan.templates]
    asked: list[tuple[BusSettings, str, list[str], list[tuple[str, str]]]] = []

    def look(seen: list[bytes | None] | None, triggers: list[bytes | None] | None = None) -> bool:
        def last_messages(
            settings: BusSettings, stream: str, subjects: list[str], more: list[tuple[str, str]]
        ) -> list[bytes | None] | None:
            asked.append((settings, stream, subjects, more))
            return None if seen is None else [*seen, *(triggers or [None, None])]

        monkeypatch.setattr(unchanged, "last_messages", last_messages)
        return unchanged.is_unchanged(plan, config, "p", "d")

    assert look([*there])
    assert asked[0][0].user == "me" and asked[0][1] == TASKS.name
    assert asked[0][2] == [task_subject("p", "d", template.name) for template in plan.templates]
    assert asked[0][3] == [
        (TRIGGERS.name, triggers_subject("p", "d", template.name)) for template in plan.templates
    ]
    assert not look([there[0], None])
    assert not look([there[0], b"{}"])
    assert not look([there[0], b"not JSON"])
    assert not look([there[0], encoded(plan.templates[1], "another")])
    assert not look([there[0], there[0]])
    assert not look(None)
    assert look([*there], [said_of_triggers(plan.version), None])
    assert not look([*there], [said_of_triggers("another"), None])


def said_of_triggers(version: str) -> bytes:
    """What a deployment said of a task's triggers."""
    data = TriggersDeployed(version=version, request_sequence=1)
    return encode(Event(id="2", source="test", subject="x", time=datetime.now(UTC), data=data))


def encoded(template: TaskTemplate, version: str) -> bytes:
    """A deployment's event as it stands in the log."""
    subject = task_subject("p", "d", template.name)
    now = datetime.now(UTC)
    return encode(Event(id="1", source="test", subject=subject, time=now, data=deployed(template, version)))


async def test_images_are_built_where_the_stack_runs_them(
    plane: Plane, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = flyte.Image.from_registry("image:1").with_apt_packages("git")
    wanted = Wanted(uri=image.uri, image=image, spec=image.spec())
    built: list[str] = []
    monkeypatch.setattr(
        "flyte._images.building.build_all", lambda ones, say: built.extend(o.uri for o in ones)
    )
    with_image = replace(plan, images=(wanted,))
    said: list[str] = []
    bucket = plane.mine.bucket(SETTINGS_BUCKET)
    for note, expected in (
        (None, []),
        (b'{"name": "process"}', []),
        (b"rubbish", []),
        (b'{"name": "docker", "runs_images": true}', [image.uri]),
    ):
        if note is not None:
            await bucket.put(BACKEND_KEY, note)
        await _build_if_run(with_image, plane.mine, said.append)
        assert built == expected
    await _build_if_run(plan, plane.mine, said.append)
    assert built == [image.uri]
