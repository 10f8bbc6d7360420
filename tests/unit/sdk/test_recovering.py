"""What a client asks for when a run is to be recovered."""

import pytest

from flyte import errors
from flyte._client.again import start_again
from flyte._client.client import Client
from flyte._client.recovering import recovery_from
from flyte._config import ClientConfig
from flyte._rerun import Recover
from flyte_schemas.events import (
    ActionFailed,
    ActionQueued,
    ActionRequested,
    AttemptSucceeded,
    ConditionRequested,
    EventData,
    RunSettings,
    StartRun,
    TaskDeployed,
)
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.recovery import Recovery
from flyte_schemas.subjects import task_subject
from testkit.plane import KEY, TASK, Plane
from testkit.tasks import template

ROOT = KEY.action("a0")
FAILED = ActionFailed(failure=Failure(code="ValueError", kind=FailureKind.USER))


def below(parent: str) -> ActionRequested:
    return ActionRequested(task=TASK, parent=parent, parent_attempt=1)


@pytest.fixture
async def failed(plane: Plane) -> Plane:
    """A run that failed: a0 > mid > leaf, and a0 > other."""
    story: list[tuple[str, EventData]] = [
        ("a0", ActionRequested(task=TASK, settings=RunSettings(labels={"a": "b"}))),
        ("mid", below("a0")),
        ("leaf", below("mid")),
        ("other", below("a0")),
        ("leaf", ActionQueued(attempt=1, pool="p")),
        ("leaf", AttemptSucceeded(attempt=1)),
        ("mid", ActionQueued(attempt=1, pool="p")),
        ("mid", AttemptSucceeded(attempt=1)),
        ("ok", ConditionRequested(prompt="?", parent="a0", parent_attempt=1)),
        ("a0", FAILED),
    ]
    for action, data in story:
        await plane.happen(data, action)
    return plane


async def deploy(plane: Plane, version: str) -> None:
    deployed = template(TASK.name)
    data = TaskDeployed(version=version, digest=deployed.digest(), template=deployed)
    await plane.say(task_subject("p", "d", TASK.name), data)


@pytest.mark.parametrize(
    ("again", "recovery"),
    [
        ((), Recovery(run="r1")),
        (("leaf",), Recovery(run="r1", again=("leaf",), on_the_way=("mid",))),
        (("mid", "other"), Recovery(run="r1", again=("mid", "other"))),
        (("a0",), Recovery(run="r1", again=("a0",))),
    ],
    ids=["all that succeeded", "but one far below", "but two", "nothing"],
)
async def test_what_lies_on_the_way_to_what_runs_again_runs_too(
    failed: Plane, again: tuple[str, ...], recovery: Recovery
) -> None:
    assert await recovery_from(failed.mine, ROOT, Recover(again=again)) == recovery


async def test_a_part_of_a_run_is_recovered_under_its_names(failed: Plane) -> None:
    found = await recovery_from(failed.mine, KEY.action("mid"), Recover(again=("leaf",)))
    assert found == Recovery(run="r1", action="mid", root="mid", again=("leaf",))
    for stranger, said in (("other", "is not below mid"), ("nobody", "no action 'nobody'")):
        with pytest.raises(errors.ActionNotFoundError, match=said):
            await recovery_from(failed.mine, KEY.action("mid"), Recover(again=(stranger,)))


async def test_a_recovery_of_a_recovery_keeps_the_names(plane: Plane) -> None:
    settings = RunSettings(recovery=Recovery(run="r0", root="mid"))
    await plane.happen(ActionRequested(task=TASK, settings=settings))
    await plane.happen(FAILED)
    assert (await recovery_from(plane.mine, ROOT, Recover())).root == "mid"


async def test_what_still_runs_is_not_recovered(plane: Plane) -> None:
    await plane.happen(ActionRequested(task=TASK))
    with pytest.raises(errors.RuntimeUserError, match="run r1 is QUEUED: wait for its end, or `flyte abort"):
        await recovery_from(plane.mine, ROOT, Recover())


async def request(plane: Plane, **options: object) -> StartRun:
    client = Client(ClientConfig(endpoint="memory", project="p", domain="d"))
    client.bus = plane.bus  # type: ignore[assignment, method-assign]
    await start_again(client, ROOT, {}, **options)  # type: ignore[arg-type]
    ((_, data),) = await plane.requests()
    assert isinstance(data, StartRun)
    return data


async def test_the_request_says_all_that_an_executor_needs(failed: Plane) -> None:
    await deploy(failed, "v1")
    asked = await request(failed, recover=Recover(again=("leaf",), allow_missing_outputs=True))
    assert asked.task == TASK
    assert asked.settings == RunSettings(
        labels={"a": "b"},
        rerun_of="r1",
        recovery=Recovery(run="r1", again=("leaf",), on_the_way=("mid",), allow_missing_outputs=True),
    )


async def test_a_plain_rerun_of_a_recovery_takes_nothing_over(plane: Plane) -> None:
    await deploy(plane, "v1")
    await plane.happen(ActionRequested(task=TASK, settings=RunSettings(recovery=Recovery(run="r0"))))
    asked = await request(plane)
    assert asked.settings == RunSettings(rerun_of="r1")


@pytest.mark.parametrize(("version", "found"), [(None, "v1"), ("v2", "v2"), ("latest", "v3")])
async def test_newer_code_may_run(failed: Plane, version: str | None, found: str) -> None:
    for deployed in ("v1", "v2", "v3"):
        await deploy(failed, deployed)
    assert (await request(failed, recover=Recover(), task_version=version)).task.version == found


async def test_a_version_that_is_not_there_is_named(failed: Plane) -> None:
    await deploy(failed, "v1")
    with pytest.raises(errors.RemoteTaskNotFoundError, match=r"env\.one:v9 is not deployed; run r1 ran env"):
        await request(failed, task_version="v9")


async def test_a_condition_cannot_be_run_again(failed: Plane) -> None:
    client = Client(ClientConfig(endpoint="memory", project="p", domain="d"))
    client.bus = failed.bus  # type: ignore[assignment, method-assign]
    with pytest.raises(errors.ActionNotFoundError, match="ok of run r1 is no task"):
        await start_again(client, KEY.action("ok"), {})
