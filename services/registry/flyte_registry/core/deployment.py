"""Whether a template becomes a version of its task: the decision, over all that was said of the task before.

A version never changes. So a decision that was right once stays right, and asking again for what is
there is not an error but nothing to do.
"""

import hashlib
from dataclasses import dataclass

from flyte_registry.core.templates import complaint
from flyte_schemas.envelope import AnyEvent
from flyte_schemas.events import DeployTask, TaskDeployed, TaskDeployRejected
from flyte_schemas.failure import Failure, FailureKind
from flyte_schemas.imported import TaskImported
from flyte_schemas.subjects import Request


class TaskHistory:
    """The versions of one task, each with its content's digest, fed event by event in the log's order.

    It changes in place, as copying it for each of a thousand versions would be quadratic.
    `sequence` is the last event's on the task's subject: what a decision expects.
    """

    def __init__(self) -> None:
        self.sequence = 0
        self.digests: dict[str, str] = {}
        self.imported: dict[str, str] = {}
        """Those that came with a run: they are versions too, and not deployed."""
        self.refused: set[str] = set()
        """The ids of the requests that were answered by a refusal."""

    def apply(self, event: AnyEvent, sequence: int) -> None:
        """Take in one event of the task's subject; words that are not about versions count only as seen."""
        self.sequence = max(self.sequence, sequence)
        match event.data:
            case TaskDeployed(version=version, digest=digest):
                self.digests.setdefault(version, digest)
            case TaskImported(version=version, digest=digest):
                self.imported.setdefault(version, digest)
            case TaskDeployRejected() if event.cause is not None:
                self.refused.add(event.cause)
            case _:
                pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A deploy request: what its subject says, what it says itself, its id and its trace."""

    at: Request
    id: str
    data: DeployTask
    traceparent: str | None = None


Verdict = TaskDeployed | TaskDeployRejected


def decide(request: Asked, history: TaskHistory) -> Verdict | None:
    """What to append to the task's subject; None when the log already holds the answer."""
    if request.id in history.refused:
        return None
    wrong = complaint(request.data.template, environment=request.at.name)
    if wrong is not None:
        return refuse(request, wrong)
    digest = request.data.template.digest()
    existing = history.digests.get(request.data.version)
    imported = history.imported.get(request.data.version, digest)
    if imported != digest:
        return refuse(request, _version_conflict(request.data, imported))
    if existing is None:
        return TaskDeployed(
            version=request.data.version,
            digest=digest,
            template=request.data.template,
            requested_by=request.at.user,
        )
    if existing == digest:
        return None
    return refuse(request, _version_conflict(request.data, existing))


def refuse(request: Asked, failure: Failure) -> TaskDeployRejected:
    """The answer that says no, and why."""
    data = request.data
    return TaskDeployRejected(
        version=data.version, digest=data.template.digest(), failure=failure, requested_by=request.at.user
    )


def too_large(request: Asked) -> TaskDeployRejected:
    """The refusal of a template that no event of ours can carry."""
    failure = Failure(
        code="TemplateTooLarge",
        kind=FailureKind.USER,
        message=f"the template of {request.data.template.name} is larger than an event may be",
        hint="shorten what travels in the template: docstrings, default values, environment variables",
        recoverable=False,
    )
    return refuse(request, failure)


def verdict_id(request: Asked, verdict: Verdict) -> str:
    """The event id that follows from the decision, so that registries that decide the same write it once.

    A request's own id is hashed: users choose it, and an event id travels in a header.
    """
    match verdict:
        case TaskDeployed():
            task = f"{request.at.project}.{request.at.domain}.{verdict.template.name}"
            return f"deployed.{task}.{verdict.version}.{verdict.digest[:16]}"
        case TaskDeployRejected():
            return f"deploy-rejected.{hashlib.sha256(request.id.encode()).hexdigest()[:32]}"


def _version_conflict(data: DeployTask, existing: str) -> Failure:
    return Failure(
        code="VersionConflict",
        kind=FailureKind.USER,
        message=(
            f"version {data.version} of {data.template.name} exists with other content "
            f"(there {existing[:12]}, here {data.template.digest()[:12]})"
        ),
        hint="choose another --version, or leave it out: then the content names the version",
        recoverable=False,
    )
