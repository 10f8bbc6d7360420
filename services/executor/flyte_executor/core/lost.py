"""An attempt whose worker is gone or silent: the fact that follows, when it left no last word itself."""

from flyte_schemas.action import ActionState
from flyte_schemas.events import AttemptFailed, AttemptStopped
from flyte_schemas.failure import Failure, FailureKind


def attempt_lost(
    state: ActionState, attempt: int, worker: str, reason: str, failure: Failure | None = None
) -> AttemptFailed | AttemptStopped | None:
    """The fact that this attempt failed, or was stopped as its action's end wants it.

    None when the attempt has ended by itself, or another worker has claimed it. `worker` is the process that
    is gone; "" when none came of the attempt. `failure` is what its end means, where somebody knows.
    """
    if state.attempt != attempt or (state.worker and worker != state.worker):
        return None
    if state.is_cut_short:
        return AttemptStopped(attempt=attempt, worker=worker)
    if not state.has_open_attempt:
        return None
    failure = failure or Failure(
        code="AgentLost",
        kind=FailureKind.SYSTEM,
        message=f"the agent of attempt {attempt} is gone without a report: {reason}",
        hint="the platform tries again by itself; look at the executor's log if it happens often",
    )
    return AttemptFailed(attempt=attempt, failure=failure)


def worker_lost(state: ActionState, attempt: int, worker: str, ttl_s: int) -> AttemptFailed | None:
    """The fact that the worker of this attempt was silent for longer than its lease.

    None when the attempt has ended, or another worker has it.
    """
    if not state.has_open_attempt or (state.attempt, state.worker) != (attempt, worker):
        return None
    failure = Failure(
        code="WorkerLost",
        kind=FailureKind.SYSTEM,
        message=f"{worker}, which had attempt {attempt}, was silent for longer than its lease of {ttl_s} s",
        hint="its machine is gone, cut off, or was asleep; the platform tries again by itself",
    )
    return AttemptFailed(attempt=attempt, failure=failure)
