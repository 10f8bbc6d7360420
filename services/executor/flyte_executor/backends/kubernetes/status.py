"""What a pod is about, read from what the API server says of it; pure.

A pod waits, runs, or has ended. What keeps it waiting is told in the cluster's own words; some of that goes
away by itself (a full cluster), some does not (an image that is not there). Of an end we say whose doing it
was, where that can be told: what is not known is the platform's loss, and tried again.

The reasons are those of the kubelet, the scheduler and the controllers of Kubernetes 1.26 and later.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flyte_executor.backends.kubernetes.identity import primary_of
from flyte_schemas.failure import RAN_TOO_LONG, Failure, FailureKind
from flyte_schemas.failure_codes import OUT_OF_MEMORY

Document = Mapping[str, Any]

GONE_AFTER = timedelta(seconds=60)
"""How long after its time a pod that was to end may still be there, before its node counts as lost."""

_NEVER_PULLED = frozenset({"InvalidImageName", "ErrImageNeverPull"})
_NOT_PULLED = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
_NOT_STARTED = frozenset(
    {
        "CrashLoopBackOff",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
        "PreCreateHookError",
        "PreStartHookError",
        "PostStartHookError",
    }
)
_CANNOT_RUN = frozenset({"ContainerCannotRun", "StartError"})
"""Why a container ended that never began: its command is not in the image, or nobody may run it."""
_TAKEN_AWAY = frozenset({"Evicted", "Preempting", "NodeShutdown", "Terminated", "Shutdown", "NodeAffinity"})
"""Why a pod failed that its node, or its place in the queue, was needed for something else."""
_REFUSED_BY_NODE = ("OutOf", "UnexpectedAdmissionError", "NodePorts", "TopologyAffinityError")
_DELETED_WITH_NODE = frozenset({"DeletionByTaintManager", "DeletionByPodGC"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """It has not begun, and `message` is why. With `failure` it never will, unless that changes soon.

    `is_certain`: it never will.
    """

    message: str
    failure: Failure | None = None
    is_certain: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """Its container was started. `lost_at`: when it counts as lost, should it still be there."""

    lost_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Nothing of it runs; `failure` is what that means, None: nobody can tell."""

    reason: str
    failure: Failure | None = None


Status = Waits | Runs | Ended


def status_of(pod: Document, now: datetime) -> Status:
    """What is known of a pod that is there."""
    state = _section(_primary(pod), "state")
    status = _section(pod, "status")
    if "terminated" in state or status.get("phase") in ("Succeeded", "Failed"):
        return ended(pod)
    lost_at = _lost_at(pod)
    if lost_at is not None and now >= lost_at:
        return Ended(reason=f"pod {_name(pod)} is to end, and its node says nothing", failure=_node_lost(pod))
    if "running" in state:
        return Runs(lost_at=lost_at)
    return _waits(pod)


def ended(pod: Document) -> Ended:
    """What is known of the end of a pod that is there no more, or runs no more."""
    status, state = _section(pod, "status"), _section(_primary(pod), "state")
    terminated = _section(state, "terminated")
    name = _name(pod)
    if terminated.get("reason") == OUT_OF_MEMORY:
        return Ended(reason=f"pod {name} was killed for its memory", failure=_out_of_memory(name))
    if (taken := _taken_away(pod)) is not None:
        return taken
    if status.get("reason") == RAN_TOO_LONG_HERE:
        failure = _user(
            RAN_TOO_LONG,
            f"pod {name} ran longer than its activeDeadlineSeconds",
            "raise the task's timeout, or the activeDeadlineSeconds of its pod template",
        )
        return Ended(reason=failure.message, failure=failure)
    if not terminated and (init := _failed_init(pod)) is not None:
        return init
    if terminated:
        return _exited(name, terminated)
    if not status.get("reason") and not status.get("message"):
        return Ended(reason=f"pod {name} is gone")
    return Ended(reason=f"pod {name} is gone: {_words(status.get('reason'), status.get('message'))}")


RAN_TOO_LONG_HERE = "DeadlineExceeded"
"""Why a pod failed that ran longer than its activeDeadlineSeconds."""


def _exited(name: str, terminated: Document) -> Ended:
    code, said = terminated.get("exitCode"), _words(terminated.get("reason"), terminated.get("message"))
    if terminated.get("reason") in _CANNOT_RUN:
        failure = _not_started(f"the container of pod {name} could not be run: {said}")
        return Ended(reason=failure.message, failure=failure)
    if code == 0:
        return Ended(reason=f"pod {name} ended")
    how = f"was ended by signal {code - 128}" if isinstance(code, int) and code > 128 else ""
    return Ended(reason=f"pod {name} {how or f'ended with code {code}'} ({said})")


def _taken_away(pod: Document) -> Ended | None:
    """Whether the cluster ended it for its own sake."""
    status, name = _section(pod, "status"), _name(pod)
    reason, said = str(status.get("reason") or ""), status.get("message")
    condition = _condition(pod, "DisruptionTarget")
    if reason == "NodeLost" or condition.get("reason") in _DELETED_WITH_NODE:
        return Ended(reason=f"the node of pod {name} was lost", failure=_node_lost(pod))
    if reason in _TAKEN_AWAY or reason.startswith(_REFUSED_BY_NODE):
        words = _words(reason, said)
    elif condition.get("status") == "True":
        words = _words(condition.get("reason"), condition.get("message"))
    else:
        return None
    failure = Failure(
        code="PodEvicted",
        kind=FailureKind.SYSTEM,
        message=f"the cluster took pod {name} away: {words}",
        hint="the platform tries again by itself; ask for what the task needs, so that it is not in the way",
    )
    return Ended(reason=failure.message, failure=failure)


def _failed_init(pod: Document) -> Ended | None:
    for container in _containers(pod, "initContainerStatuses"):
        terminated = _section(_section(container, "state"), "terminated")
        if terminated.get("exitCode"):
            if terminated.get("reason") in _CANNOT_RUN:
                return _exited(_name(pod), terminated)
            said = _words(terminated.get("reason"), terminated.get("message"))
            failure = _user(
                "InitContainerFailed",
                f"init container {container.get('name')} of pod {_name(pod)} ended with code "
                f"{terminated['exitCode']} ({said})",
                "look at its output with `kubectl logs`, and mend it in the task's pod template",
            )
            return Ended(reason=failure.message, failure=failure)
    return None


def _waits(pod: Document) -> Waits:
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        words = _words(scheduled.get("reason"), scheduled.get("message"))
        return Waits(message=f"a node: {words}")
    for container in _containers(pod, "initContainerStatuses", "containerStatuses"):
        waiting = _section(_section(container, "state"), "waiting")
        if (stuck := _stuck(str(container.get("name")), container, waiting)) is not None:
            return stuck
    node = _section(pod, "spec").get("nodeName")
    if not node:
        return Waits(message="a node: the scheduler has not looked at its pod yet")
    for container in _containers(pod, "initContainerStatuses"):
        if "running" in _section(container, "state") and container.get("started") is not True:
            return Waits(message=f"init container {container.get('name')} to end, on {node}")
    image = _primary(pod).get("image") or "its image"
    return Waits(message=f"its container, on {node}: {image} is pulled if it is not there")


def _stuck(name: str, container: Document, waiting: Document) -> Waits | None:
    """Whether a container waits for something that does not come by itself."""
    reason = str(waiting.get("reason") or "")
    said = _words(reason, waiting.get("message"))
    if reason in _NOT_PULLED or reason in _NEVER_PULLED:
        failure = _user(
            "ImageNotPulled",
            f"image {container.get('image')} of container {name} cannot be pulled: {said}",
            "look at its name, whether it was pushed, and whether the cluster may pull it (registry_secret)",
            recoverable=False,
        )
        message = f"an image that cannot be pulled: {said}"
        return Waits(message=message, failure=failure, is_certain=reason in _NEVER_PULLED)
    if reason in _NOT_STARTED:
        failure = _not_started(f"container {name} does not start: {said}")
        return Waits(message=f"a container that does not start: {said}", failure=failure)
    return None


def _lost_at(pod: Document) -> datetime | None:
    """When a pod that is to end should have ended long ago; None of one that may stay."""
    at = _section(pod, "metadata").get("deletionTimestamp")
    return datetime.fromisoformat(str(at).replace("Z", "+00:00")) + GONE_AFTER if at else None


def _node_lost(pod: Document) -> Failure:
    node = _section(pod, "spec").get("nodeName") or "its node"
    return Failure(
        code="NodeLost",
        kind=FailureKind.SYSTEM,
        message=f"{node}, which had pod {_name(pod)}, was lost",
        hint="the platform tries again by itself, on another node",
    )


def _out_of_memory(name: str) -> Failure:
    return _user(
        OUT_OF_MEMORY,
        f"the kernel killed pod {name} because it used more memory than its limit",
        "let the task hold less at a time, or give it more memory",
    )


def _not_started(message: str) -> Failure:
    return _user(
        "ContainerNotStarted",
        message,
        "see that the Secrets and ConfigMaps it names are there, and that its image has the command",
        recoverable=False,
    )


def _user(code: str, message: str, hint: str, recoverable: bool = True) -> Failure:
    return Failure(code=code, kind=FailureKind.USER, message=message, hint=hint, recoverable=recoverable)


def _primary(pod: Document) -> Document:
    """The status of the container that runs the task; empty before there is one."""
    name = primary_of(pod)
    return next((one for one in _containers(pod, "containerStatuses") if one.get("name") == name), {})


def _containers(pod: Document, *kinds: str) -> Iterator[Document]:
    for kind in kinds:
        yield from _section(pod, "status").get(kind) or ()


def _condition(pod: Document, kind: str) -> Document:
    conditions = _section(pod, "status").get("conditions") or ()
    return next((one for one in conditions if one.get("type") == kind), {})


def _section(document: Document, name: str) -> Document:
    return document.get(name) or {}


def _name(pod: Document) -> str:
    return str(_section(pod, "metadata").get("name"))


def _words(reason: object, message: object) -> str:
    """A reason and a message as one text; either may be missing, or be in the other."""
    one, other = str(reason or "").strip(), str(message or "").strip()
    if not one or one in other:
        return other or "no reason given"
    return f"{one}: {other}" if other else one
