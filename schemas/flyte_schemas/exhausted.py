"""Failures of what has used up its time or the platform's patience: the same words from whoever sees it.

The executor, the agent and local runs each watch a part of it.
"""

from flyte_schemas.failure import PAST_DEADLINE, RAN_TOO_LONG, WAITED_TOO_LONG, Failure, FailureKind
from flyte_schemas.failure_codes import MAX_SYSTEM_FAILURES


def ran_too_long(max_runtime_s: float) -> Failure:
    """Of an attempt that ran longer than its task allows."""
    return Failure(
        code=RAN_TOO_LONG,
        kind=FailureKind.USER,
        message=f"the task ran longer than its timeout of {max_runtime_s:g} s",
        hint="raise the task's timeout, or make it faster",
    )


def waited_too_long(max_queued_s: float, why: str = "") -> Failure:
    """Of an attempt that waited longer for a place than its task allows; `why` is what it waited for last."""
    cause = f"; it waited for: {why}" if why else ""
    return Failure(
        code=WAITED_TOO_LONG,
        kind=FailureKind.USER,
        message=f"the attempt waited longer than {max_queued_s:g} s for a place to run{cause}",
        hint="raise the task's max_queued_time, or give the executor more slots",
    )


def past_deadline(deadline_s: float) -> Failure:
    """Of an action that was not over in time, all attempts together."""
    return Failure(
        code=PAST_DEADLINE,
        kind=FailureKind.USER,
        message=f"the task was not over within its deadline of {deadline_s:g} s",
        hint="raise the task's deadline, or make it faster",
        recoverable=False,
    )


def given_up(last: Failure, times: int) -> Failure:
    """The end of the platform's patience after `times` losses in a row, with the words of the last one."""
    often = f"{times} times in a row" if times > 1 else "once, as often as it may"
    said = f"{last.code}: {last.message}" if last.message else last.code
    return last.model_copy(
        update={
            "code": MAX_SYSTEM_FAILURES,
            "message": f"{said} (the platform lost an attempt {often}, and gave up)",
            "hint": "the platform tries no more: mend what the last loss names, then run again",
            "recoverable": False,
        }
    )
