"""An attempt whose process is gone without a last word."""

from flyte_schemas.action import ActionState
from flyte_schemas.events import AttemptFailed
from flyte_schemas.failure import Failure, FailureKind


def attempt_lost(state: ActionState, attempt: int, worker: str, reason: str) -> AttemptFailed | None:
    """The fact that this attempt failed; None when it has ended, or another worker has claimed it.

    `worker` is the process that is gone; "" when none came of the attempt.
    """
    if not state.has_open_attempt or state.attempt != attempt:
        return None
    if state.worker and worker != state.worker:
        return None
    failure = Failure(
        code="AgentLost",
        kind=FailureKind.SYSTEM,
        message=f"the agent of attempt {attempt} is gone without a report: {reason}",
        hint="the platform tries again by itself; look at the executor's log if it happens often",
    )
    return AttemptFailed(attempt=attempt, failure=failure)
