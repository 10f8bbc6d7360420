"""One attempt of a local run: the body of a task, from literals to literals, within its time.

An attempt always ends with an outcome. What escapes is only what is meant for somebody else: the
cancellation of the caller, and Ctrl-C.
"""

import asyncio
import time
from typing import TYPE_CHECKING, Any

from flyte._limits import LOCAL_RETRY_DELAY_CAP_S, LOCAL_RETRY_DELAY_S, LOCAL_SYSTEM_FAILURES
from flyte._runtime import convert
from flyte._runtime.child import run_body, run_body_blocking
from flyte._runtime.failure import failure_of
from flyte._runtime.threads import start_thread
from flyte._task import Task
from flyte_schemas.phase import ActionPhase

if TYPE_CHECKING:
    from flyte_schemas.failure import Failure

Data = dict[str, Any]
"""Values by name, as the JSON data of the wire."""


_NOT_THE_TASKS = (KeyboardInterrupt, GeneratorExit)
"""What ends the whole program, or a coroutine that nobody wants any more, and no attempt."""


class Failed:
    """An attempt that gave no value: why, and the exception itself."""

    def __init__(
        self,
        error: BaseException,
        failure: "Failure | None" = None,
        phase: ActionPhase = ActionPhase.FAILED,
    ) -> None:
        self.error = error
        self.failure = failure or failure_of(error)
        self.phase = phase


Outcome = Data | Failed


class Limits:
    """What one action may cost: time for an attempt and for all of them, and further attempts."""

    def __init__(self, task: Task[..., Any]) -> None:
        self._runtime_s = task.options.timeout_s
        self._deadline_s = task.options.timeout.seconds("deadline")
        self._retry = task.options.retry
        self._failures = 0
        self._losses = 0
        self._began = time.monotonic()

    def attempt_s(self) -> float | None:
        """How long an attempt that begins now may run; None: for ever."""
        if self._deadline_s is None:
            return self._runtime_s
        left = max(self._deadline_s - (time.monotonic() - self._began), 0.0)
        return left if self._runtime_s is None else min(left, self._runtime_s)

    def pause_after_s(self, outcome: Outcome) -> float | None:
        """How long to wait after this outcome of an attempt; None: no further attempt follows.

        The platform's failures have a budget of their own, as the executor has it.
        """
        if not isinstance(outcome, Failed):
            return None
        from flyte_schemas.failure import FailureKind

        if outcome.failure.kind is FailureKind.SYSTEM:
            self._losses += 1
            return 0.0 if self._losses < LOCAL_SYSTEM_FAILURES else None
        self._losses = 0
        self._failures += 1
        if not outcome.failure.recoverable or self._failures > self._retry.count:
            return None
        if self._retry.backoff is not None:
            return self._retry.backoff.compute_delay(self._failures - 1).total_seconds()
        return float(min(LOCAL_RETRY_DELAY_S * 2 ** (self._failures - 1), LOCAL_RETRY_DELAY_CAP_S))

    def timed_out(self, error: TimeoutError) -> Failed:
        """What an attempt that ran too long is, as the agent says it; past the deadline none follows."""
        from flyte_schemas.failure import PAST_DEADLINE, RAN_TOO_LONG, Failure, FailureKind

        passed_s = time.monotonic() - self._began
        is_over = self._deadline_s is not None and passed_s >= self._deadline_s
        message = (
            f"the task was not over within its deadline of {self._deadline_s:g} s"
            if is_over
            else f"the task ran longer than its timeout of {self._runtime_s:g} s"
        )
        failure = Failure(
            code=PAST_DEADLINE if is_over else RAN_TOO_LONG,
            kind=FailureKind.USER,
            message=message,
            hint=f"raise the task's {'deadline' if is_over else 'timeout'}, or make it faster",
            recoverable=not is_over,
        )
        return Failed(error, failure, ActionPhase.TIMED_OUT)


async def attempt_aio(task: Task[..., Any], data: Data, limits: Limits) -> Outcome:
    """Run the body of an async task. Raises CancelledError when the caller was cancelled."""
    limit = asyncio.timeout(limits.attempt_s())
    try:
        async with limit:
            inputs = convert.inputs_from_json(task.native_interface, data)
            return convert.outputs_to_json(task.native_interface, await run_body(task.body(inputs)))
    except TimeoutError as error:
        return limits.timed_out(error) if limit.expired() else Failed(error)
    except asyncio.CancelledError as error:
        if _is_cancelled():
            raise
        return Failed(error)
    except _NOT_THE_TASKS:
        raise
    except BaseException as error:
        return Failed(error)


def attempt_blocking(task: Task[..., Any], data: Data, limits: Limits) -> Outcome:
    """Run the body of a sync task.

    One that runs too long is left behind in its thread: Python cannot stop it.
    """
    limit_s = limits.attempt_s()
    if limit_s is None:
        return _body(task, data)
    running = start_thread(lambda: _body(task, data))
    try:
        return running.result(limit_s)
    except TimeoutError as error:  # the limit's: what the body raises is part of its outcome
        return limits.timed_out(error)


def _body(task: Task[..., Any], data: Data) -> Outcome:
    try:
        inputs = convert.inputs_from_json(task.native_interface, data)
        return convert.outputs_to_json(task.native_interface, run_body_blocking(lambda: task.body(inputs)))
    except _NOT_THE_TASKS:
        raise
    except BaseException as error:
        return Failed(error)


def _is_cancelled() -> bool:
    current = asyncio.current_task()
    return current is not None and current.cancelling() > 0
