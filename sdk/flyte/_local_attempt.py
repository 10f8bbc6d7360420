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
    from collections.abc import Callable

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
    """What one action may cost, from now on: time for an attempt and for all of them, and retries."""

    def __init__(self, task: Task[..., Any]) -> None:
        self._runtime_s = task.options.timeout_s
        self._queued_s = task.options.timeout.seconds("max_queued_time")
        self._deadline_s = task.options.timeout.seconds("deadline")
        self._retry = task.options.retry
        self._failures = 0
        self._losses = 0
        self._began = time.monotonic()

    def attempt_s(self) -> float | None:
        """How long an attempt that begins now may run; None: for ever."""
        return self._until_deadline_s(self._runtime_s)

    def wait_s(self) -> float | None:
        """How long an attempt may wait for its place from now on; None: for ever."""
        return self._until_deadline_s(self._queued_s)

    def late(self) -> Failed | None:
        """What an action is that is past its deadline, before another attempt of it begins."""
        if self._deadline_s is None or time.monotonic() < self._began + self._deadline_s:
            return None
        from flyte_schemas.exhausted import past_deadline

        return Failed(TimeoutError(), past_deadline(self._deadline_s), ActionPhase.TIMED_OUT)

    def ran_too_long(self, error: TimeoutError) -> Failed:
        """What an attempt is whose `attempt_s` is over, as the agent says it."""
        from flyte_schemas.exhausted import ran_too_long

        return self._late_or(error, self._runtime_s, ran_too_long)

    def waited_too_long(self, error: TimeoutError) -> Failed:
        """What an attempt is whose `wait_s` is over, as the executor says it."""
        from flyte_schemas.exhausted import waited_too_long

        return self._late_or(error, self._queued_s, waited_too_long)

    def judged(self, outcome: Outcome) -> tuple[Outcome, float | None]:
        """An attempt's outcome as the action has it, and the pause after it; None: no other follows.

        The platform's failures have a budget of their own, as on the stack. No pause outlasts the deadline.
        """
        if not isinstance(outcome, Failed):
            return outcome, None
        from flyte_schemas.failure import FailureKind
        from flyte_schemas.failure_codes import MAX_SYSTEM_FAILURES

        if outcome.failure.code == MAX_SYSTEM_FAILURES:  # a child's
            return outcome, None
        if outcome.failure.kind is FailureKind.SYSTEM:
            return self._after_loss(outcome)
        self._losses = 0
        self._failures += 1
        if not outcome.failure.recoverable or self._failures > self._retry.count:
            return outcome, None
        return outcome, self._until_deadline_s(self._pause_s())

    def _after_loss(self, outcome: Failed) -> tuple[Outcome, float | None]:
        self._losses += 1
        if self._losses < LOCAL_SYSTEM_FAILURES:
            return outcome, 0.0
        from flyte_schemas.exhausted import given_up

        return Failed(outcome.error, given_up(outcome.failure, self._losses), outcome.phase), None

    def _pause_s(self) -> float:
        if self._retry.backoff is not None:
            return self._retry.backoff.compute_delay(self._failures - 1).total_seconds()
        return float(min(LOCAL_RETRY_DELAY_S * 2 ** (self._failures - 1), LOCAL_RETRY_DELAY_CAP_S))

    def _until_deadline_s(self, limit_s: float | None) -> float | None:
        if self._deadline_s is None:
            return limit_s
        left_s = max(self._began + self._deadline_s - time.monotonic(), 0.0)
        return left_s if limit_s is None else min(left_s, limit_s)

    def _late_or(
        self, error: TimeoutError, limit_s: float | None, failure: "Callable[[float], Failure]"
    ) -> Failed:
        """Of the deadline and `limit_s`, the one that was over first."""
        if limit_s is None or self.late() is not None:
            from flyte_schemas.exhausted import past_deadline

            return Failed(error, past_deadline(self._deadline_s or 0.0), ActionPhase.TIMED_OUT)
        return Failed(error, failure(limit_s), ActionPhase.TIMED_OUT)


async def attempt_aio(task: Task[..., Any], data: Data, limits: Limits) -> Outcome:
    """Run the body of an async task. Raises CancelledError when the caller was cancelled.

    Whose time is over has run too long, whatever it still gives or raises.
    """
    limit = asyncio.timeout(limits.attempt_s())
    outcome: Outcome
    try:
        async with limit:
            inputs = convert.inputs_from_json(task.native_interface, data)
            outcome = convert.outputs_to_json(task.native_interface, await run_body(task.body(inputs)))
    except asyncio.CancelledError as error:
        if _is_cancelled():
            raise
        outcome = Failed(error)
    except _NOT_THE_TASKS:
        raise
    except BaseException as error:
        outcome = Failed(error)
    return limits.ran_too_long(TimeoutError()) if limit.expired() else outcome


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
        return limits.ran_too_long(error)


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
