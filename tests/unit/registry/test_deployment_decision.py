"""What the registry decides, given what the log says of the task."""

from collections.abc import Sequence
from typing import Any

import pytest

from flyte_registry.core.deployment import Asked, TaskHistory, Verdict, decide, too_large, verdict_id
from flyte_schemas.envelope import Event
from flyte_schemas.events import DeployTask, TaskDeployed, TaskDeployRejected
from flyte_schemas.failure import FailureKind
from flyte_schemas.subjects import parse_request, task_subject
from flyte_schemas.task import Interface, Parameter, Source, TaskTemplate
from testkit.tasks import deploy, event, template

SUBJECT = task_subject("flytesnacks", "development", "my_env.my_task")


def asked(request: Event[DeployTask]) -> Asked:
    at = parse_request(request.subject)
    assert at is not None
    return Asked(at=at, id=request.id, data=request.data)


def history(*events: Event[Any]) -> TaskHistory:
    result = TaskHistory()
    for sequence, what in enumerate(events, start=1):
        result.apply(what, sequence)
    return result


def deployed(task: TaskTemplate, version: str = "v1") -> Event[TaskDeployed]:
    return event(SUBJECT, TaskDeployed(version=version, digest=task.digest(), template=task))


def code(verdict: Verdict | None) -> str:
    assert isinstance(verdict, TaskDeployRejected)
    return verdict.failure.code


def test_a_first_version_is_accepted_with_its_digest() -> None:
    task = template()
    assert decide(asked(deploy(task)), history()) == TaskDeployed(
        version="v1", digest=task.digest(), template=task, requested_by="alice"
    )


def test_another_version_is_accepted_beside_the_first() -> None:
    verdict = decide(asked(deploy(template(description="new"), "v2")), history(deployed(template())))
    assert isinstance(verdict, TaskDeployed)


def test_the_same_content_under_the_same_version_is_nothing_to_do() -> None:
    assert decide(asked(deploy(template())), history(deployed(template()))) is None


def test_other_content_under_the_same_version_is_refused() -> None:
    verdict = decide(asked(deploy(template(description="new"))), history(deployed(template())))
    assert code(verdict) == "VersionConflict"
    assert isinstance(verdict, TaskDeployRejected)
    assert verdict.failure.kind is FailureKind.USER
    assert verdict.failure.hint


def test_a_request_that_was_refused_is_not_refused_again() -> None:
    request = deploy(template(description="new"))
    refusal = decide(asked(request), history(deployed(template())))
    assert refusal is not None
    told = event(SUBJECT, refusal, cause=request.id)
    assert decide(asked(request), history(deployed(template()), told)) is None


def test_the_refusal_of_one_request_does_not_answer_another() -> None:
    refusal = event(SUBJECT, too_large(asked(deploy(template()))), cause="another")
    assert isinstance(decide(asked(deploy(template())), history(refusal)), TaskDeployed)


def test_a_version_that_stands_twice_in_the_log_is_the_first_one() -> None:
    first, second = template(), template(description="new")
    assert decide(asked(deploy(first)), history(deployed(first), deployed(second))) is None


BAD_SOURCE = Source(module="m", function="f", file="../outside.py")
TWICE = Interface(inputs=(Parameter(name="x", annotation="int", json_schema={}),) * 2)


@pytest.mark.parametrize(
    ("request_event", "says"),
    [
        (deploy(template(), environment="other_env"), "request is for 'other_env'"),
        (deploy(template(environment="other_env"), environment="other_env"), "does not begin with"),
        (deploy(template("My_Env.my_task")), "lower-case words"),
        (deploy(template(interface=TWICE)), "two inputs named 'x'"),
        (deploy(template(source=BAD_SOURCE)), "'../outside.py' leaves the bundle"),
        (
            deploy(template(source=Source(module="m", function="f", file="m.py", import_paths=("/etc",)))),
            "'/etc' leaves the bundle",
        ),
    ],
)
def test_a_template_that_does_not_fit_is_refused_and_says_why(
    request_event: Event[DeployTask], says: str
) -> None:
    verdict = decide(asked(request_event), history())
    assert code(verdict) == "InvalidTemplate"
    assert isinstance(verdict, TaskDeployRejected)
    assert says in verdict.failure.message


def test_registries_that_decide_the_same_use_the_same_event_id() -> None:
    ids = set()
    for request in (deploy(template()), deploy(template())):
        verdict = decide(asked(request), history())
        assert verdict is not None
        ids.add(verdict_id(asked(request), verdict))
    assert len(ids) == 1


def other_ids() -> Sequence[Event[DeployTask]]:
    return (
        deploy(template(), "v2"),
        deploy(template(), project="other"),
        deploy(template(), domain="production"),
        deploy(template("my_env.other_task")),
        deploy(template(description="new")),
    )


def test_whatever_differs_has_another_event_id() -> None:
    ids = set()
    for request in (deploy(template()), *other_ids()):
        verdict = decide(asked(request), history())
        assert verdict is not None
        ids.add(verdict_id(asked(request), verdict))
    assert len(ids) == 1 + len(other_ids())


def test_the_id_of_a_refusal_carries_nothing_that_a_user_wrote() -> None:
    request = asked(deploy(template(), id="x\r\nNats-Expected-Stream: y"))
    assert "\n" not in verdict_id(request, too_large(request))
