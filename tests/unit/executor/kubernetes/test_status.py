"""What a pod is about, by statuses as the kubelet, the scheduler and the controllers write them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flyte_executor.backends.kubernetes.status import Ended, Runs, Status, Waits, ended, status_of
from flyte_schemas.failure import FailureKind

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
IMAGE = "registry/image:1"
SCHEDULED = {"type": "PodScheduled", "status": "True"}


def pod(status: dict[str, Any], *, node: str = "node-1", **metadata: str) -> dict[str, Any]:
    return {
        "metadata": {"name": "p", "namespace": "flyte", **metadata},
        "spec": {"nodeName": node},
        "status": {"phase": "Pending", "conditions": [SCHEDULED], **status},
    }


def primary(state: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"containerStatuses": [{"name": "primary", "image": IMAGE, "state": state, **more}]}


def init(state: dict[str, Any], **more: Any) -> dict[str, Any]:
    container = {"name": "setup", "image": "busybox", "state": state, **more}
    initializing = {"waiting": {"reason": "PodInitializing"}}
    return {"initContainerStatuses": [container], **primary(initializing)}


def seen(document: dict[str, Any]) -> Status:
    return status_of(document, NOW)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (pod({"conditions": []}, node=""), "a node: the scheduler has not looked at its pod yet"),
        (
            pod(
                {
                    "conditions": [
                        {
                            "type": "PodScheduled",
                            "status": "False",
                            "reason": "Unschedulable",
                            "message": "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.",
                        }
                    ]
                },
                node="",
            ),
            "a node: Unschedulable: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu.",
        ),
        (
            pod({"conditions": [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]}),
            "a node: SchedulingGated",
        ),
        (
            pod(primary({"waiting": {"reason": "ContainerCreating"}})),
            "its container, on node-1: registry/image:1 is pulled if it is not there",
        ),
        (pod(init({"running": {}})), "init container setup to end, on node-1"),
    ],
    ids=["new", "unschedulable", "gated", "creating", "init"],
)
def test_a_pod_that_waits_says_for_what(document: dict[str, Any], message: str) -> None:
    assert seen(document) == Waits(message=message)


@pytest.mark.parametrize(
    ("reason", "code", "is_certain"),
    [
        ("ErrImagePull", "ImageNotPulled", False),
        ("ImagePullBackOff", "ImageNotPulled", False),
        ("InvalidImageName", "ImageNotPulled", True),
        ("ErrImageNeverPull", "ImageNotPulled", True),
        ("CreateContainerConfigError", "ContainerNotStarted", False),
        ("CreateContainerError", "ContainerNotStarted", False),
        ("RunContainerError", "ContainerNotStarted", False),
        ("CrashLoopBackOff", "ContainerNotStarted", False),
    ],
)
@pytest.mark.parametrize("where", [primary, init], ids=["primary", "init"])
def test_what_does_not_come_by_itself_is_a_failure_in_the_kubelets_words(
    where: Any, reason: str, code: str, is_certain: bool
) -> None:
    status = seen(pod(where({"waiting": {"reason": reason, "message": "the kubelet's words"}})))
    assert isinstance(status, Waits)
    assert status.failure is not None
    assert (status.failure.code, status.is_certain) == (code, is_certain)
    assert (status.failure.kind, status.failure.recoverable) == (FailureKind.USER, False)
    assert f"{reason}: the kubelet's words" in status.failure.message


def test_a_sidecar_that_waits_in_vain_holds_the_pod_up() -> None:
    waiting = {"name": "proxy", "image": "proxy:1", "state": {"waiting": {"reason": "ImagePullBackOff"}}}
    document = pod({"containerStatuses": [waiting]})
    status = seen(document)
    assert isinstance(status, Waits) and status.failure is not None
    assert "proxy:1 of container proxy" in status.failure.message


def test_a_pod_runs_when_its_primary_container_does() -> None:
    assert seen(pod({"phase": "Running", **primary({"running": {"startedAt": "x"}})})) == Runs()


def failed(status: dict[str, Any]) -> Ended:
    found = seen(pod({"phase": "Failed", **status}))
    assert isinstance(found, Ended)
    return found


def exited(code: int, reason: str = "Error", **more: str) -> dict[str, Any]:
    return primary({"terminated": {"exitCode": code, "reason": reason, **more}})


TARGET = {"type": "DisruptionTarget", "status": "True", "message": "the words"}
U, S = FailureKind.USER, FailureKind.SYSTEM


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (exited(137, "OOMKilled"), "OOMKilled", U),
        ({"reason": "Evicted", "message": "low on memory", **exited(137)}, "PodEvicted", S),
        ({"reason": "Evicted", "message": "low on disk"}, "PodEvicted", S),
        ({"reason": "Preempting", "message": "for another"}, "PodEvicted", S),
        ({"reason": "Terminated", "message": "imminent node shutdown"}, "PodEvicted", S),
        ({"reason": "OutOfcpu", "message": "Node didn't have enough resource"}, "PodEvicted", S),
        ({"reason": "UnexpectedAdmissionError", "message": "no device"}, "PodEvicted", S),
        ({"conditions": [TARGET | {"reason": "PreemptionByScheduler"}], **exited(143)}, "PodEvicted", S),
        ({"conditions": [TARGET | {"reason": "EvictionByEvictionAPI"}], **exited(143)}, "PodEvicted", S),
        ({"conditions": [TARGET | {"reason": "DeletionByTaintManager"}], **exited(143)}, "NodeLost", S),
        ({"conditions": [TARGET | {"reason": "DeletionByPodGC"}]}, "NodeLost", S),
        ({"reason": "NodeLost", "message": "Node was unresponsive"}, "NodeLost", S),
        ({"reason": "DeadlineExceeded", "message": "Pod was active too long"}, "TaskTimeout", U),
        (init({"terminated": {"exitCode": 2, "reason": "Error"}}), "InitContainerFailed", U),
        (init({"terminated": {"exitCode": 128, "reason": "StartError"}}), "ContainerNotStarted", U),
        (exited(128, "StartError", message='exec: "flyte-agent": not found'), "ContainerNotStarted", U),
        (exited(127, "ContainerCannotRun", message="no such file"), "ContainerNotStarted", U),
    ],
)
def test_an_end_says_whose_doing_it_was(status: dict[str, Any], code: str, kind: FailureKind) -> None:
    found = failed(status)
    assert found.failure is not None
    assert (found.failure.code, found.failure.kind) == (code, kind)
    assert found.failure.message and found.failure.hint


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (exited(1), "pod p ended with code 1 (Error)"),
        (exited(137), "pod p was ended by signal 9 (Error)"),
        (exited(0, "Completed"), "pod p ended"),
        ({}, "pod p is gone"),
    ],
)
def test_an_end_that_nobody_can_explain_is_the_platforms_loss(status: dict[str, Any], reason: str) -> None:
    assert failed(status) == Ended(reason=reason)


def test_a_pod_ends_with_its_primary_whatever_else_runs() -> None:
    sidecar = {"name": "proxy", "state": {"running": {}}}
    statuses = [*exited(0, "Completed")["containerStatuses"], sidecar]
    assert seen(pod({"phase": "Running", "containerStatuses": statuses})) == Ended(reason="pod p ended")


def test_a_pod_that_should_have_ended_long_ago_has_lost_its_node() -> None:
    leaving = pod({"phase": "Running", **primary({"running": {}})}, deletionTimestamp="2026-03-01T11:59:30Z")
    lost_at = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
    assert seen(leaving) == Runs(lost_at=lost_at)
    after = status_of(leaving, lost_at + timedelta(seconds=1))
    assert isinstance(after, Ended) and after.failure is not None
    assert after.failure.code == "NodeLost"


def test_a_pod_that_was_removed_while_it_waited_is_gone() -> None:
    assert ended(pod(primary({"waiting": {"reason": "ContainerCreating"}}))) == Ended(reason="pod p is gone")
